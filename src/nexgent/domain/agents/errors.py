"""Errors of the agents package."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError, NotFoundError
from nexgent.shared.money import plain, sol
from nexgent.shared.types import AgentId, WalletAddress


class AgentNotFoundError(NotFoundError):
    """No such agent, or it belongs to another user."""

    code = "AGENT_NOT_FOUND"

    def __init__(self, agent_id: AgentId) -> None:
        super().__init__("Agent not found", agentId=str(agent_id))


class WalletNotFoundError(NotFoundError):
    """No such wallet, or it is not one of the agent's."""

    code = "WALLET_NOT_FOUND"

    def __init__(self, wallet: WalletAddress | None = None) -> None:
        text = (
            "Wallet not found or does not belong to agent"
            if wallet
            else "Wallet not found for the agent's trading mode"
        )
        super().__init__(text, walletAddress=wallet)


class TradeUnderWayError(ConflictError):
    """A trade has begun and not ended; money may be moving."""

    code = "TRADE_IN_PROGRESS"

    def __init__(self) -> None:
        super().__init__("A trade of this agent is in progress; try again when it has finished")


class OpenPositionsAtStakeError(ConflictError):
    """Deleting the agent would give up open positions, and nobody has said yet that this is meant."""

    code = "OPEN_POSITIONS"

    def __init__(self, count: int, invested_lamports: int, *, live: bool) -> None:
        invested = plain(sol(invested_lamports))
        positions = f"{count} open position" + ("s" if count != 1 else "")
        fate = (
            "Their tokens stay in the wallet on the chain, and no stop loss watches them any more"
            if live
            else "They are given up"
        )
        super().__init__(
            f"The agent has {positions} with {invested} SOL invested. {fate}. Close them first, or confirm with ?confirm=true",
            openPositions=count,
            investedSol=invested,
        )
