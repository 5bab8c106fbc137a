"""What is checked of every closed trade that somebody enters."""

from __future__ import annotations

from collections.abc import Collection

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.errors import WalletNotFoundError
from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.errors import UnknownTransactionError
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.transactions.models import ClosedTradeRecord
from nexgent.domain.transactions.queries import TransactionQueries
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import WalletAddress

REFERENCES = {
    "purchase_transaction_id": "purchaseTransactionId",
    "sale_transaction_id": "saleTransactionId",
}


class TradeReferences:
    """Checks the transactions a closed trade refers to."""

    def __init__(
        self, *, directory: AgentDirectory, transactions: TransactionQueries, projections: Projections
    ) -> None:
        self._directory = directory
        self._transactions = transactions
        self._projections = projections

    async def check(
        self, agent: Agent, trade: ClosedTradeRecord, fields: Collection[str] = tuple(REFERENCES)
    ) -> None:
        """Raise `UnknownTransactionError`, or `InvalidInputError` for a transaction of another agent of the same user.

        One of another user is as unknown as one that does not exist.
        """
        for field, name in REFERENCES.items():
            transaction_id = getattr(trade, field)
            if field not in fields or transaction_id is None:
                continue
            await self._projections.caught_up()
            row = await self._transactions.get(transaction_id)
            owner = self._directory.find(row.agent_id) if row is not None else None
            if owner is None or owner.user_id != agent.user_id:
                raise UnknownTransactionError
            if owner.id != agent.id:
                raise InvalidInputError(f"Invalid {name}: the transaction belongs to another agent")


def check_times(trade: ClosedTradeRecord) -> None:
    """Raise `InvalidInputError` when it was sold before it was bought."""
    if trade.sale_time < trade.purchase_time:
        raise InvalidInputError("Invalid saleTime: it must not be before purchaseTime")


def stream_of(agent: Agent, wallet: WalletAddress | None) -> WalletAddress:
    """Return the wallet whose stream takes an entry about a closed trade: its own, else any of the agent's.

    Such an entry moves nothing, so it matters only that there is a place for it. Raises `WalletNotFoundError`.
    """
    if wallet is not None:
        return wallet
    if not agent.wallets:
        raise WalletNotFoundError
    return agent.wallets[0].address
