"""Remove a recorded transaction; what somebody had entered is taken back from the balances."""

from __future__ import annotations

import structlog

from nexgent.domain.agents.errors import WalletNotFoundError
from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.booked import BookedTransactions
from nexgent.domain.bookkeeping.booking import book
from nexgent.domain.bookkeeping.effects import check_covered, taken_back
from nexgent.domain.bookkeeping.errors import TransactionInUseError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import TransactionRemoved
from nexgent.domain.ledger.state import WalletState
from nexgent.shared.types import TransactionId, WalletAddress

log = structlog.get_logger(__name__)


class RemoveTransaction:
    """A swap of the engine has happened: its row goes, the money it moved stays where it is."""

    def __init__(self, *, ledger: Ledger, booked: BookedTransactions) -> None:
        self._ledger = ledger
        self._booked = booked

    async def execute(
        self, agent: Agent, wallet: WalletAddress | None, transaction_id: TransactionId
    ) -> bool:
        """Return when the removal is durable, and whether balances moved with it.

        `wallet` None is a transaction whose wallet the agent no longer has.

        Raises `UnknownTransactionError`, `TransactionInUseError` when an open position rests on it,
        `InsufficientBalanceError` when what it brought has been spent, `ConflictError`, `UnavailableError`.
        """
        if wallet is None:
            await self._remove_detached(agent, transaction_id)
            return False

        async def step() -> bool:
            state, booked = await self._booked.read(wallet, transaction_id)
            _refuse_in_use(state, transaction_id)
            postings = taken_back(booked.effect)
            check_covered(state, postings)
            await self._ledger.commit(
                self._ledger.stage(wallet, TransactionRemoved(transaction_id), postings)
            )
            return bool(booked.effect)

        moved = await self._ledger.decide(step)
        log.info("transaction.removed", transaction_id=str(transaction_id), moved=moved)
        return moved

    async def _remove_detached(self, agent: Agent, transaction_id: TransactionId) -> None:
        """The balances it moved left together with its wallet; another stream of the agent takes the note."""
        if not agent.wallets:
            raise WalletNotFoundError
        await book(self._ledger, agent.wallets[0].address, lambda _: (TransactionRemoved(transaction_id), ()))
        log.info("transaction.removed", transaction_id=str(transaction_id), moved=False)


def _refuse_in_use(state: WalletState, transaction_id: TransactionId) -> None:
    for position in state.positions.values():
        if (
            transaction_id == position.purchase_transaction_id
            or transaction_id in position.dca_transaction_ids
            or transaction_id in position.take_profit_transaction_ids
        ):
            raise TransactionInUseError(transaction_id, position.id)
