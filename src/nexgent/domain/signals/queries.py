"""Reading signals and what became of them: filters, rows and the protocol that answers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from nexgent.domain.signals.models import SignalAction, SignalDecision
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import SignalId, TokenAddress, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """Which signals of a user are wanted. Nothing set but the user means all of them; dates are inclusive."""

    user_id: UserId
    token_address: TokenAddress | None = None
    signal_type: str | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRow:
    """One signal as it is listed. `processed_at` is None until every agent's decision is recorded."""

    id: SignalId
    user_id: UserId | None
    token_address: TokenAddress
    symbol: str | None
    signal_type: str
    activation_reason: str | None
    signal_strength: int
    source: str | None
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None
    process_note: str | None
    action: SignalAction = SignalAction.BUY
    percent: Decimal | None = None


class SignalQueries(Protocol):
    """Signals and decisions. All methods raise `UnavailableError` when the database cannot be read."""

    async def list(
        self,
        wanted: SignalFilter,
        *,
        limit: int = 100,
        offset: int = 0,
        after: PageCursor[SignalId] | None = None,
    ) -> Sequence[SignalRow]:
        """Return matching signals, newest `created_at` first; equal times by id, so pages never overlap.

        With `after`, only those behind that `created_at` and id.
        """

    async def get(self, signal_id: SignalId, user_id: UserId) -> SignalRow | None:
        """Return a signal of that user; a foreign one looks like a missing one."""

    async def decisions(self, signal_id: SignalId) -> Sequence[SignalDecision]:
        """Return every agent's decision, by agent id. The caller has read the signal with `get`."""

    async def written_decisions(self, signal_id: SignalId) -> str | None:
        """Return what `decisions` does as the items of an array in JSON, shaped as the API has them, in a fraction of the time.

        None where the trade of one of them says more than was recorded: whoever asks takes `decisions` then.
        """

    async def export(
        self, wanted: SignalFilter, *, after: SignalId | None = None, limit: int = 1000
    ) -> Sequence[SignalRow]:
        """Return the next signals by id ascending; pass the last id of a batch as `after` until a batch is empty."""
