"""What the signals package needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from nexgent.domain.signals.models import (
    Signal,
    SignalChanges,
    SignalDecision,
    SignalDraft,
    SignalTrade,
    TokenMetrics,
)
from nexgent.shared.shards import ALL_SHARDS
from nexgent.shared.types import AgentId, SignalId, TokenAddress, UserId


class SignalStore(Protocol):
    """The durable record of signals and decisions."""

    async def add(self, draft: SignalDraft, *, duplicate_window_seconds: int) -> Signal | None:
        """Store a signal, or return None when the same user sent the same token, type and strength within the window.

        Concurrent calls are committed together. Raises `UnavailableError` when it cannot be stored.
        """

    async def undecided(
        self,
        *,
        older_than_seconds: float = 0.0,
        besides: Collection[SignalId] = (),
        limit: int = 500,
        shards: int = ALL_SHARDS,
    ) -> Sequence[Signal]:
        """Return stored signals that were not decided on for each of the shards, oldest first, besides some that are known.

        Their age is told by the clock that `created_at` is from. Raises `UnavailableError` when they cannot be read.
        """

    async def unanswered(self, signal_ids: Collection[SignalId]) -> Mapping[SignalId, int]:
        """Return the shards that have not decided on each of these signals; those that are processed or gone are left out.

        Raises `UnavailableError`.
        """

    async def record_decisions(
        self, signal_id: SignalId, decisions: Sequence[SignalDecision], *, shards: int = ALL_SHARDS
    ) -> None:
        """Store the decisions of all agents of these shards, in one transaction; repeating it changes nothing.

        The signal is processed when it was decided on for all shards.

        Raises `UnavailableError` when they cannot be stored, or not by this process, as it is not the engine.
        """


class SignalEdits(Protocol):
    """Corrections and removals of stored signals. A signal of another user looks like a missing one.

    All methods raise `UnavailableError` when the store cannot be reached.
    """

    async def update(self, signal_id: SignalId, user_id: UserId, changes: SignalChanges) -> Signal | None:
        """Change a signal and return it as it is now, or None when there is none. It is not traded again."""

    async def delete(self, signal_id: SignalId, user_id: UserId) -> bool:
        """Delete a signal with its executions and decisions; tell whether it was there.

        Transactions and closed trades stay and forget the signal.
        """

    async def delete_all(self, user_id: UserId) -> int:
        """Delete all signals of a user; return how many."""


class TokenMetricsSource(Protocol):
    """Market figures of tokens."""

    async def metrics(self, token: TokenAddress) -> TokenMetrics | None:
        """Return the figures of exactly this mint, or None when they cannot be had."""


class SignalTrades(Protocol):
    """What the journal knows of trades for a signal, to finish what a crash interrupted."""

    async def of_signal(self, signal_id: SignalId) -> Mapping[AgentId, SignalTrade]:
        """Return the trade of every agent that already has an intent for the signal."""
