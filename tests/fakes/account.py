"""API key rows and performance figures in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.performance.models import EquityPoint, PeriodTotals, Snapshot
from nexgent.domain.performance.summary import ClosedTradeTotals
from nexgent.domain.transactions.queries import ClosedTradeRow
from nexgent.domain.users.api_keys import ApiKeyRecord
from nexgent.domain.users.models import ApiKey
from nexgent.shared.types import AgentId, UserId, WalletAddress


class KnownKeys(Protocol):
    """Keys as the authenticator looks them up."""

    by_hash: dict[str, ApiKey]


class FakeKeyRows:
    """Records of keys, known to the authenticator's store as well."""

    def __init__(self, keys: KnownKeys) -> None:
        self.known = keys
        self.rows: dict[UUID, ApiKeyRecord] = {}

    async def add(self, record: ApiKeyRecord, key_hash: str, *, most: int) -> bool:
        if len(await self.of_user(record.user_id)) >= most:
            return False
        self.rows[record.id] = record
        scopes = frozenset(scope.value for scope in record.scopes)
        self.known.by_hash[key_hash] = ApiKey(
            id=record.id, user_id=record.user_id, scopes=scopes, expires_at=record.expires_at
        )
        return True

    async def of_user(self, user_id: UserId) -> Sequence[ApiKeyRecord]:
        own = [row for row in self.rows.values() if row.user_id == user_id]
        return sorted(own, key=lambda row: row.created_at, reverse=True)

    async def get(self, key_id: UUID, user_id: UserId) -> ApiKeyRecord | None:
        row = self.rows.get(key_id)
        return row if row is not None and row.user_id == user_id else None

    async def delete(self, key_id: UUID, user_id: UserId) -> bool:
        if await self.get(key_id, user_id) is None:
            return False
        del self.rows[key_id]
        self.known.by_hash = {h: k for h, k in self.known.by_hash.items() if k.id != key_id}
        return True


class FakeFigures:
    """Closed trades and snapshots that a test puts in, summed up and chosen as the tables are."""

    def __init__(self) -> None:
        self.trades: list[ClosedTradeRow] = []
        self.kept: dict[tuple[AgentId, WalletAddress, datetime], Snapshot] = {}
        self.asked: list[tuple[WalletAddress | None, datetime | None]] = []
        self.since: datetime | None = None

    async def closed_totals(
        self, agent_id: AgentId, wallet: WalletAddress | None, since: datetime | None
    ) -> ClosedTradeTotals:
        self.asked.append((wallet, since))
        chosen = [
            trade
            for trade in self.trades
            if trade.agent_id == agent_id
            and wallet in (None, trade.wallet_address)
            and (since is None or trade.sale_time >= since)
        ]
        return ClosedTradeTotals(
            len(chosen),
            sum(trade.profit_loss_sol > 0 for trade in chosen),
            sum((trade.profit_loss_sol for trade in chosen), Decimal(0)),
            sum((trade.change_percent for trade in chosen), Decimal(0)),
        )

    async def snapshots_since(
        self, agent_id: AgentId, wallet: WalletAddress, since: datetime
    ) -> Sequence[Snapshot]:
        self.since = since
        return [one for one in self._of(agent_id, wallet) if one.hour >= since]

    async def daily_snapshots(self, agent_id: AgentId, wallet: WalletAddress) -> Sequence[Snapshot]:
        hourly = self._of(agent_id, wallet)
        return [one for one in hourly if one.hour.astimezone(UTC).hour == 0] or hourly[:24]

    async def save(self, snapshots: Sequence[Snapshot]) -> int:
        for one in snapshots:
            self.kept[one.agent_id, one.wallet_address, one.hour] = one
        return len(snapshots)

    def _of(self, agent_id: AgentId, wallet: WalletAddress) -> list[Snapshot]:
        own = [
            one for (agent, address, _), one in self.kept.items() if (agent, address) == (agent_id, wallet)
        ]
        return sorted(own, key=lambda one: one.hour)


class FakeOverview:
    """Sums and curves over several agents that a test puts in; what was asked for is kept."""

    def __init__(self) -> None:
        self.points: list[EquityPoint] = []
        self.first: datetime | None = None
        self.asked: list[tuple[TradingMode, datetime, datetime, timedelta]] = []
        self.starts: Mapping[str, datetime | None] = {}

    async def totals_by_period(
        self, user_id: UserId, mode: TradingMode, starts: Mapping[str, datetime | None]
    ) -> Sequence[PeriodTotals]:
        self.starts = starts
        return [
            PeriodTotals(
                period=name,
                since=since,
                count=3,
                wins=1,
                profit_loss_sol=Decimal("0.5"),
                profit_loss_usd=Decimal(75),
            )
            for name, since in starts.items()
        ]

    async def equity(
        self, user_id: UserId, mode: TradingMode, start: datetime, end: datetime, step: timedelta
    ) -> Sequence[EquityPoint]:
        self.asked.append((mode, start, end, step))
        return self.points

    async def first_snapshot(self, user_id: UserId, mode: TradingMode) -> datetime | None:
        return self.first
