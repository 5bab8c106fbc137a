"""API key rows and performance figures in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from nexgent.domain.performance.models import Snapshot
from nexgent.domain.performance.summary import ClosedTradeTotals
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
    """Sums and snapshots that a test puts in."""

    def __init__(self) -> None:
        self.totals = ClosedTradeTotals()
        self.asked: list[tuple[WalletAddress | None, datetime | None]] = []
        self.snapshots: list[Snapshot] = []
        self.daily: list[Snapshot] = []
        self.since: datetime | None = None

    async def closed_totals(
        self, agent_id: AgentId, wallet: WalletAddress | None, since: datetime | None
    ) -> ClosedTradeTotals:
        self.asked.append((wallet, since))
        return self.totals

    async def snapshots_since(
        self, agent_id: AgentId, wallet: WalletAddress, since: datetime
    ) -> Sequence[Snapshot]:
        self.since = since
        return self.snapshots

    async def daily_snapshots(self, agent_id: AgentId, wallet: WalletAddress) -> Sequence[Snapshot]:
        return self.daily
