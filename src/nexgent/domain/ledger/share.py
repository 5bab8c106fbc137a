"""Which agents this process acts for. All of them, unless several engines share the work."""

from __future__ import annotations

from collections.abc import Callable

from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, SHARDS, is_in, numbers_of
from nexgent.shared.types import AgentId, SignalId

RequireEngine = Callable[[AgentId | None], None]
"""Raises `EngineElsewhereError` unless this process trades for an agent, or leads where it is nobody's matter."""

LEADING = 1
"""The set of shard 0. Whoever acts for it does what is to be done once: it polls prices."""


def here(_agent_id: AgentId | None) -> None:
    """Let everything be done: the `RequireEngine` of a process that is the only one."""


PRICES_PART = 0.4
"""The part of a limit that is for prices where they share one with trades: these are asked for by one engine."""
_LEAST_BUDGET = 0.01


def concerns(shards: int, agent_id: AgentId | None) -> bool:
    """Tell whether a set of shards has what is an agent's. What is nobody's is of shard 0."""
    return bool(shards & LEADING) if agent_id is None else is_in(shards, agent_id)


class EngineShare:
    """The shards this process acts for. Nothing new begins for an agent of another shard; what has begun goes on to its end.

    Which shards it may write for is the database's to say (`EngineLease`): those here are among them.
    """

    def __init__(self, shards: int = ALL_SHARDS) -> None:
        self._shards = shards
        self._since: dict[int, SignalId] = {}
        """By shard, the newest signal there was when it was taken over."""
        self._listeners: list[Callable[[], None]] = []

    @property
    def shards(self) -> int:
        """The set of them."""
        return self._shards

    @property
    def leads(self) -> bool:
        """Tell whether this process does what one of all engines does."""
        return bool(self._shards & LEADING)

    @property
    def budget(self) -> float:
        """Return the part of a limit per key that this process may use, above 0 to 1.

        Trades go with the shards, prices with whoever asks for them; of all engines it is 1 together. Who has no shards yet may
        ask for a price all the same.
        """
        if self._shards == ALL_SHARDS:
            return 1.0
        trades = (1.0 - PRICES_PART) * self._shards.bit_count() / SHARDS
        return max(trades + (PRICES_PART if self.leads else 0.0), _LEAST_BUDGET)

    def acts_for(self, agent_id: AgentId) -> bool:
        """Tell whether this process acts for an agent."""
        return is_in(self._shards, agent_id)

    def has(self, agent_id: AgentId | None) -> bool:
        """Tell whether this process does what is an agent's, or what is nobody's."""
        return concerns(self._shards, agent_id)

    def told_of(self, signal_id: SignalId) -> int:
        """Return for which shards an announced signal is news.

        One that is older than the takeover of a shard may have been decided by whoever had it: the store knows, and is asked.
        """
        if not self._since:
            return self._shards
        late = NO_SHARDS
        for number in numbers_of(self._shards):
            if signal_id <= self._since.get(number, 0):
                late |= 1 << number
        return self._shards & ~late

    def take_over(self, shards: int, newest_signal: SignalId) -> None:
        """Act for these as well: everything about them has been read. `newest_signal` was there when they became ours."""
        for number in numbers_of(shards & ~self._shards):
            self._since[number] = newest_signal
        self._change(self._shards | shards)

    def give_up(self, shards: int) -> None:
        """Begin nothing more for these."""
        for number in numbers_of(shards):
            self._since.pop(number, None)
        self._change(self._shards & ~shards)

    def when_changed(self, listener: Callable[[], None]) -> None:
        """Have a listener called whenever the set has changed."""
        self._listeners.append(listener)

    def _change(self, shards: int) -> None:
        if shards != self._shards:
            self._shards = shards
            for listener in self._listeners:
                listener()
