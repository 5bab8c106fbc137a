"""Take a live wallet away from its agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from nexgent.domain.agents.create_agent import SIMULATION_PREFIX
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.wallets.ports import WalletRepository
from nexgent.domain.wallets.reset_wallet import ResetResult, ResetWallet, owned_wallet
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import UserId, WalletAddress

log = structlog.get_logger(__name__)


class UnassignWallet:
    """Reset it, then forget it. What lies on the chain stays there."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        reset: ResetWallet,
        wallets: WalletRepository,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._reset = reset
        self._wallets = wallets
        self._clock = clock
        self._publish = publish

    async def execute(self, address: WalletAddress, user_id: UserId) -> ResetResult:
        """Return what was deleted.

        Raises `InvalidInputError` for a paper wallet, `UnknownWalletAddressError`, `ResetFailedError`, `UnavailableError`.
        """
        require_live_address(address)
        _, wallet = owned_wallet(self._directory, address, user_id)
        if wallet.mode is not TradingMode.LIVE:
            raise InvalidInputError("Invalid wallet: only live wallets can be unassigned")
        result = await self._reset.execute(address, user_id, reason="unassign")
        await self._wallets.remove_wallet(address)
        self._ledger.forget(address)
        agent, _ = owned_wallet(self._directory, address, user_id)
        left = tuple(one for one in agent.wallets if one.address != address)
        self._publish(AgentSaved(replace(agent, wallets=left, updated_at=self._clock.now())))
        log.info("wallet.unassigned", wallet_address=address, agent_id=str(agent.id))
        return result


def require_live_address(address: WalletAddress) -> None:
    """Raise `InvalidInputError` for the address of a paper wallet."""
    if address.startswith(SIMULATION_PREFIX):
        raise InvalidInputError(
            "Invalid wallet: this is a simulation wallet, only live wallets are allowed here"
        )
