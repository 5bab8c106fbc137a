"""Copies of memory that others read, for the administrator's eyes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheCounts:
    """How many copies there are, by kind; indexes do not count."""

    positions: int
    balances: int
    configs: int
    prices: int
    agents: int
    active_agents: int


class CacheCopies(Protocol):
    """The copies. All methods raise `UnavailableError` when they cannot be reached."""

    @property
    def prefix(self) -> str:
        """What every key begins with."""

    async def counts(self) -> CacheCounts:
        """Return how many there are."""

    async def clear(self) -> int:
        """Drop all; return how many there were. They come back by themselves within a second or so."""

    async def warm(self) -> CacheCounts:
        """Have all written again; return how many there are then."""
