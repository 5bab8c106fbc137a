"""Set a balance, or give it another symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import structlog

from nexgent.domain.bookkeeping.balances import BY_HAND, BalanceFinder, balance_now, raw_amount
from nexgent.domain.bookkeeping.booking import book
from nexgent.domain.bookkeeping.errors import BalanceInUseError
from nexgent.domain.bookkeeping.ports import OwnedBalance
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, Adjusted, EntryBody, Posting
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.shared.money import from_raw
from nexgent.shared.types import TokenAddress, UserId

log = structlog.get_logger(__name__)


class UpdateBalance:
    """The difference is posted against the adjustment account; what is in use cannot be taken away."""

    def __init__(self, *, ledger: Ledger, finder: BalanceFinder) -> None:
        self._ledger = ledger
        self._finder = finder

    async def execute(
        self, balance_id: UUID, user_id: UserId, *, amount: Decimal | None, symbol: str | None
    ) -> OwnedBalance:
        """Return the balance as it is now. `amount` is tokens, None leaves it.

        Raises `UnknownBalanceError`, `BalanceInUseError`, `InvalidInputError`, `ConflictError`, `UnavailableError`.
        """
        found = await self._finder.owned(balance_id, user_id)
        mint = found.balance.mint
        wanted_raw = raw_amount(amount, found.balance.decimals) if amount is not None else None
        after = found.balance

        def decide(state: WalletState) -> tuple[EntryBody, Sequence[Posting]]:
            nonlocal after
            held = balance_now(state, found)
            after_raw = held.amount_raw if wanted_raw is None else wanted_raw
            if after_raw < held.amount_raw:
                require_free(state, mint, held, after_raw)
            after = replace(held, symbol=symbol or held.symbol, amount_raw=after_raw)
            postings = held.token.moved(after_raw - held.amount_raw, Account.ADJUSTMENT)
            return Adjusted(mint, BY_HAND, symbol), postings

        entry = await book(self._ledger, found.wallet_address, decide)
        log.info("balance.updated", wallet_address=found.wallet_address, token=mint)
        return OwnedBalance(found.agent_id, found.wallet_address, replace(after, updated_at=entry.at))


def require_free(state: WalletState, mint: TokenAddress, held: Balance, after_raw: int) -> None:
    """Raise `BalanceInUseError` when a balance would no longer cover what is in use of it."""
    bound_raw = state.bound_raw(mint)
    if after_raw < bound_raw:
        position = state.position_of(mint)
        by_position = position is not None and position.quantity_raw == bound_raw
        raise BalanceInUseError(mint, from_raw(bound_raw, held.decimals), by_position=by_position)
