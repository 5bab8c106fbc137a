"""Strike a balance off the books of a wallet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from nexgent.domain.bookkeeping.balances import BY_HAND, BalanceFinder, balance_now
from nexgent.domain.bookkeeping.booking import book
from nexgent.domain.bookkeeping.update_balance import require_free
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, BalanceRemoved, EntryBody, Posting
from nexgent.domain.ledger.ports import Projections
from nexgent.domain.ledger.state import WalletState
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)


class RemoveBalance:
    """What is left is posted against the adjustment account; a balance in use stays."""

    def __init__(self, *, ledger: Ledger, finder: BalanceFinder, projections: Projections) -> None:
        self._ledger = ledger
        self._finder = finder
        self._projections = projections

    async def execute(self, balance_id: UUID, user_id: UserId) -> None:
        """Return when the removal is durable.

        Raises `UnknownBalanceError`, `BalanceInUseError`, `ConflictError`, `UnavailableError`.
        """
        found = await self._finder.owned(balance_id, user_id)
        mint = found.balance.mint

        def decide(state: WalletState) -> tuple[EntryBody, Sequence[Posting]]:
            held = balance_now(state, found)
            require_free(state, mint, held, 0)
            return BalanceRemoved(mint, BY_HAND), held.token.moved(-held.amount_raw, Account.ADJUSTMENT)

        await book(self._ledger, found.wallet_address, decide)
        # Empty balances are looked up in the tables: whoever removed one is not to find it there again.
        await self._projections.caught_up()
        log.info("balance.removed", wallet_address=found.wallet_address, token=mint)
