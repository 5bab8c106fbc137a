"""Protection controls in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from nexgent.domain.protections.models import (
    KillSwitch,
    ProtectionControls,
    ProtectionHistory,
    WalletRecord,
)
from nexgent.shared.types import AgentId, UserId, WalletAddress


class FakeProtectionStore:
    """Controls in memory, and a history that a test puts in."""

    def __init__(self) -> None:
        self.switches: dict[UserId | None, KillSwitch] = {}
        self.resets: dict[AgentId, datetime] = {}
        self.records: list[WalletRecord] = []
        self.asked: list[Collection[WalletAddress] | None] = []
        self.protected: list[Collection[AgentId] | None] = []

    async def set_switch(self, switch: KillSwitch) -> None:
        stored = self.switches.get(switch.user_id)
        if stored is None or stored.changed_at <= switch.changed_at:
            self.switches[switch.user_id] = switch

    async def reset(self, agent_id: AgentId, at: datetime, by: UserId) -> None:
        self.resets[agent_id] = max(self.resets.get(agent_id, at), at)

    async def controls(self) -> ProtectionControls:
        return ProtectionControls(list(self.switches.values()), dict(self.resets))

    async def history(
        self,
        now: datetime,
        wallets: Collection[WalletAddress] | None = None,
        *,
        cooldowns: Mapping[AgentId, timedelta] | None = None,
        protected: Collection[AgentId] | None = None,
    ) -> ProtectionHistory:
        self.asked.append(wallets)
        self.protected.append(protected)
        return ProtectionHistory(await self.controls(), self.records)
