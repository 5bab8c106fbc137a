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
from nexgent.domain.wallets.environment import EnvironmentWallets
from nexgent.domain.wallets.ports import WalletRepository
from nexgent.domain.wallets.reset_wallet import ResetResult, ResetWallet, owned_wallet
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import UserId, WalletAddress

log = structlog.get_logger(__name__)


class UnassignWallet:
    """Reset it, then forget it. What lies on the chain stays there.

    The administrator may take a wallet of the environment back from anybody's agent.
    """

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        reset: ResetWallet,
        wallets: WalletRepository,
        environment: EnvironmentWallets,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._reset = reset
        self._wallets = wallets
        self._environment = environment
        self._clock = clock
        self._publish = publish

    async def execute(self, address: WalletAddress, user_id: UserId) -> ResetResult:
        """Return what was deleted.

        Raises `InvalidInputError` for a paper wallet, `UnknownWalletAddressError`, `ResetFailedError`, `UnavailableError`, and
        `EngineElsewhereError` before anything has begun.
        """
        require_live_address(address)
        user_id = await self._holder(address, user_id)
        _, wallet = owned_wallet(self._directory, address, user_id)
        if wallet.mode is not TradingMode.LIVE:
            raise InvalidInputError("Invalid wallet: only live wallets can be unassigned")

        async def emptied() -> None:
            # Nothing begins between the reset and this: what the chain says it holds would be booked again, and traded with.
            await self._ledger.written()
            await self._wallets.remove_wallet(address)
            self._ledger.forget(address)
            agent, _ = owned_wallet(self._directory, address, user_id)
            left = tuple(one for one in agent.wallets if one.address != address)
            self._publish(AgentSaved(replace(agent, wallets=left, updated_at=self._clock.now())))
            log.info("wallet.unassigned", wallet_address=address, agent_id=str(agent.id))

        return await self._reset.execute(address, user_id, reason="unassign", emptied=emptied)

    async def _holder(self, address: WalletAddress, user_id: UserId) -> UserId:
        """Return on whose behalf the wallet is taken away: the agent's owner, if the wallet is the caller's to take back."""
        wallet = self._directory.wallet(address)
        agent = self._directory.find(wallet.agent_id) if wallet is not None else None
        if agent is None or agent.user_id == user_id or address not in self._environment:
            return user_id
        return agent.user_id if await self._environment.belong_to(user_id) else user_id


def require_live_address(address: WalletAddress) -> None:
    """Raise `InvalidInputError` for the address of a paper wallet."""
    if address.startswith(SIMULATION_PREFIX):
        raise InvalidInputError(
            "Invalid wallet: this is a simulation wallet, only live wallets are allowed here"
        )
