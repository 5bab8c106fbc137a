"""Tell an owner how an agent stands with its protections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nexgent.domain.agents.config_models import ProtectionsConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Wallet
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.protections.models import ProtectionVerdict
from nexgent.domain.protections.state import ProtectionState
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, UserId


@dataclass(frozen=True, slots=True)
class ProtectionReport:
    """What would happen to a purchase of nothing in particular, by wallet."""

    config: ProtectionsConfig
    reset_at: datetime | None
    wallets: tuple[tuple[Wallet, ProtectionVerdict], ...]


class DescribeProtections:
    """The same check that a purchase goes through, without a token and without a size."""

    def __init__(
        self, *, directory: AgentDirectory, ledger: Ledger, protections: ProtectionState, clock: Clock
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._protections = protections
        self._clock = clock

    async def execute(self, agent_id: AgentId, user_id: UserId) -> ProtectionReport:
        """Return the report. Raises `AgentNotFoundError`, `UnavailableError`."""
        agent = self._directory.owned(agent_id, user_id)
        now = self._clock.now()
        found: list[tuple[Wallet, ProtectionVerdict]] = []
        for wallet in agent.wallets:
            try:
                state = await self._ledger.fresh(wallet.address)
            except UnknownWalletError:
                continue
            found.append((wallet, self._protections.check(agent, state, now)))
        return ProtectionReport(agent.config.protections, self._protections.reset_at(agent_id), tuple(found))
