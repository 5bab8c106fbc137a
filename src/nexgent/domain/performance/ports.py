"""What the performance package needs from outside. All methods raise `UnavailableError` when a store cannot be reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.performance.models import EquityPoint, PeriodTotals, Snapshot, WalletDue
from nexgent.domain.performance.summary import ClosedTradeTotals
from nexgent.shared.types import AgentId, TokenAddress, UserId, WalletAddress


class PerformanceQueries(Protocol):
    """Sums and series out of the read tables. The caller has checked whose they are."""

    async def closed_totals(
        self, agent_id: AgentId, wallet: WalletAddress | None, since: datetime | None
    ) -> ClosedTradeTotals:
        """Return the sums over closed trades, sold at `since` or later."""

    async def snapshots_since(
        self, agent_id: AgentId, wallet: WalletAddress, since: datetime
    ) -> Sequence[Snapshot]:
        """Return the hourly snapshots from a moment on, oldest first."""

    async def daily_snapshots(self, agent_id: AgentId, wallet: WalletAddress) -> Sequence[Snapshot]:
        """Return the snapshots of UTC midnights, oldest first; the hourly ones as long as there is no midnight yet."""


class OverviewQueries(Protocol):
    """The same over several agents, in one mode. The caller has checked whose they are."""

    async def totals_by_period(
        self, user_id: UserId, mode: TradingMode, starts: Mapping[str, datetime | None]
    ) -> Sequence[PeriodTotals]:
        """Return the sums over a user's closed trades since each start, in the order of the starts."""
        ...

    async def equity(
        self, user_id: UserId, mode: TradingMode, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[EquityPoint]:
        """Return what a user's wallets were worth together at each step, bounds included, from the first snapshot on."""
        ...

    async def first_snapshot(self, user_id: UserId, mode: TradingMode) -> datetime | None:
        """Return the hour of the oldest snapshot."""
        ...


class SnapshotStore(Protocol):
    """Where snapshots are kept: one per agent, wallet and hour."""

    async def due(self) -> Sequence[WalletDue]:
        """Return every wallet with the hour of its last snapshot."""

    async def save(self, snapshots: Sequence[Snapshot]) -> int:
        """Store snapshots in one statement; those of the same hour are replaced. Return how many."""


class WalletHistory(Protocol):
    """What became of one wallet, as far back as is known; the journal."""

    async def start(self, agent_id: AgentId, wallet: WalletAddress) -> WalletState:
        """Return what it was for an agent before the first entry."""

    def entries(self, wallet: WalletAddress, after_seq: int) -> AsyncIterator[Entry]:
        """Yield the entries behind one, in order."""


class LastPrices(Protocol):
    """The newest accepted price of each token."""

    async def latest(self, tokens: Collection[TokenAddress]) -> Mapping[TokenAddress, Decimal]:
        """Return SOL per token for those tokens that have a price."""
