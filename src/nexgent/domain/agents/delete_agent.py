"""Delete an agent and everything it owned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentDeleted
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.events import PositionClosed
from nexgent.shared.errors import ConflictError
from nexgent.shared.types import AgentId, UserId, WalletAddress


class TradeUnderWayError(ConflictError):
    """A trade has begun and not ended; money may be moving."""

    code = "TRADE_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__("A trade of this agent is in progress; try again when it has finished")


class WalletStates(Protocol):
    """The part of the ledger that is needed here."""

    async def fresh(self, wallet: WalletAddress) -> WalletState:
        """Return the newest state of a wallet. Raises `UnknownWalletError`, `UnavailableError`."""
        ...

    def forget(self, wallet: WalletAddress) -> None:
        """Drop a wallet that no longer exists."""
        ...


class DeleteAgent:
    """Refuse while a trade is under way; afterwards nobody holds, watches or prices its positions any more."""

    def __init__(
        self,
        *,
        agents: AgentRepository,
        directory: AgentDirectory,
        ledger: WalletStates,
        publish: Callable[[object], None],
    ) -> None:
        self._agents = agents
        self._directory = directory
        self._ledger = ledger
        self._publish = publish

    async def execute(self, agent_id: AgentId, user_id: UserId) -> None:
        """Delete. Raises `AgentNotFoundError`, `TradeUnderWayError`, `UnavailableError`."""
        agent = self._directory.owned(agent_id, user_id)
        states: list[WalletState] = []
        for wallet in agent.wallets:
            try:
                states.append(await self._ledger.fresh(wallet.address))
            except UnknownWalletError:
                continue
        if any(state.intents for state in states):
            raise TradeUnderWayError
        await self._agents.delete(agent_id)
        for wallet in agent.wallets:
            self._ledger.forget(wallet.address)
        for state in states:
            for position in state.positions.values():
                self._publish(
                    PositionClosed(
                        position.id,
                        agent_id,
                        state.wallet_address,
                        position.token_address,
                        None,
                        position.version + 1,
                    )
                )
        self._publish(AgentDeleted(agent_id))
