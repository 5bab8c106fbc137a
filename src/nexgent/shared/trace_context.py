"""Which trace something belongs to: what a caller said in W3C's `traceparent`, or what was made up here.

A trace is carried by the context of whatever runs, and by the events that leave it. Nothing here knows whether anybody collects
traces: the id in the log is of use without.
"""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from structlog.contextvars import bind_contextvars

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace: its id in 32 hexadecimal digits, and the span that what happens is part of, in 16.

    Without a span nothing is above it yet. `sampled` is what whoever began the trace has decided.
    """

    trace_id: str
    span_id: str | None = None
    sampled: bool | None = None


_current: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def parse_traceparent(text: str) -> TraceContext | None:
    """Return what a `traceparent` says, nothing when it is none: then the trace begins anew, as the standard has it."""
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def current_trace() -> TraceContext | None:
    """Return the trace that whatever runs belongs to."""
    return _current.get()


def current_or_new_trace() -> TraceContext:
    """Return the trace that whatever runs belongs to, or a new one."""
    return _current.get() or TraceContext(_new_id())


def trace_of_exit(position_id: UUID) -> TraceContext:
    """Return the trace of leaving a position that nobody gave one for. It is made of the id, so a restart goes on with it."""
    return TraceContext(blake2b(b"exit" + position_id.bytes, digest_size=16).hexdigest())


def enter_trace(trace: TraceContext | None) -> None:
    """Have what runs from here on, in this context, belong to a trace; its lines of the log have the id."""
    _current.set(trace)
    if trace is not None:
        bind_contextvars(trace_id=trace.trace_id)


def _new_id() -> str:
    while not int(made := secrets.token_hex(16), 16):
        pass
    return made
