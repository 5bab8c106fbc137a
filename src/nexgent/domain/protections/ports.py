"""What the protections package needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from nexgent.domain.protections.models import KillSwitch, ProtectionControls, ProtectionHistory
from nexgent.shared.types import AgentId, UserId, WalletAddress


class ProtectionStore(Protocol):
    """The durable record of switches and resets. All methods raise `UnavailableError` when it cannot be reached."""

    async def set_switch(self, switch: KillSwitch) -> None:
        """Store a switch in its new position."""

    async def reset(self, agent_id: AgentId, at: datetime, by: UserId) -> None:
        """Let an agent's record count from a moment on. An earlier moment never replaces a later one."""

    async def controls(self) -> ProtectionControls:
        """Return all switches and resets."""

    async def history(
        self,
        now: datetime,
        wallets: Collection[WalletAddress] | None = None,
        *,
        cooldowns: Mapping[AgentId, timedelta] | None = None,
        protected: Collection[AgentId] | None = None,
    ) -> ProtectionHistory:
        """Return everything the state needs, out of one snapshot of the store; of all wallets for None.

        Tokens that were left are those of the agents with a cooldown, at least as far back as that; None is the longest for all.
        Results are known of the wallets of `protected` agents, of all for None.
        """
