"""Finished spans, as they are before any library sees them. Times are nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Value = str | int | float | bool
Attributes = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class SpanRef:
    """Where a span is found. `remote`: somebody else made it."""

    trace_id: int
    span_id: int
    sampled: bool
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened within a span."""

    name: str
    at_ns: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedSpan:
    """What was done, from when until when, as part of what. `error` says in a word why it did not come off."""

    name: str
    ref: SpanRef
    parent: SpanRef | None
    started_ns: int
    ended_ns: int
    attributes: Attributes
    error: str | None = None
    links: tuple[SpanRef, ...] = ()
    moments: tuple[Moment, ...] = ()
