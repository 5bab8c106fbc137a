"""A request on its way to the engine of an agent, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """An engine for as long as it keeps its lease. Who takes the same row later has another epoch, and is another one."""

    row: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request as it was sent, with those of its headers that count, and from where it came."""

    method: str
    path: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine answered, as it would have answered the client itself."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class NotBegun(Enum):
    """Why an engine did nothing with a command."""

    ELSEWHERE = "elsewhere"
    """It does not trade for the agent: not any more, or not yet."""
    LATE = "late"
    """It got the command when it was not to be begun any more."""
