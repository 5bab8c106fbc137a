"""Copies in a cache that is a dict of counts."""

from __future__ import annotations

from nexgent.domain.administration.cache_copies import CacheCounts
from nexgent.shared.errors import UnavailableError

NOTHING = CacheCounts(positions=0, balances=0, configs=0, prices=0, agents=0, active_agents=0)
FULL = CacheCounts(positions=2, balances=3, configs=1, prices=4, agents=1, active_agents=1)


class FakeCopies:
    """Full, empty, or `away`."""

    prefix = "nexgent:"

    def __init__(self) -> None:
        self.now = FULL
        self.away = False

    async def counts(self) -> CacheCounts:
        self._check()
        return self.now

    async def clear(self) -> int:
        self._check()
        was, self.now = self.now, NOTHING
        return was.positions + was.balances + was.configs + was.prices + was.agents + was.active_agents

    async def warm(self) -> CacheCounts:
        self._check()
        self.now = FULL
        return FULL

    def _check(self) -> None:
        if self.away:
            raise UnavailableError("The cache is not available at present; try again shortly")
