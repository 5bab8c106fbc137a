"""Put a new token on the books of a wallet."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import structlog

from nexgent.domain.agents.models import Wallet
from nexgent.domain.bookkeeping.balances import BY_HAND, raw_amount
from nexgent.domain.bookkeeping.booking import book
from nexgent.domain.bookkeeping.errors import BalanceExistsError
from nexgent.domain.bookkeeping.ports import EmptyBalances, OwnedBalance, balance_id
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, Adjusted, EntryBody, Posting
from nexgent.domain.ledger.postings import Token
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.shared.money import SOL_DECIMALS, SOL_MINT
from nexgent.shared.types import TokenAddress

log = structlog.get_logger(__name__)


class CreateBalance:
    """The amount, perhaps zero, comes from the adjustment account."""

    def __init__(self, *, ledger: Ledger, decimals: TokenDecimals, empty: EmptyBalances) -> None:
        self._ledger = ledger
        self._empty = empty
        self._decimals = decimals

    async def execute(self, wallet: Wallet, mint: TokenAddress, symbol: str, amount: Decimal) -> OwnedBalance:
        """Return the balance. `amount` is tokens.

        Raises `BalanceExistsError`, `InvalidInputError`, `InvalidTokenError`, `ConflictError`, `UnavailableError`.
        """
        if mint in (await self._ledger.fresh(wallet.address)).balances:
            raise BalanceExistsError(wallet.address, mint)
        if await self._empty.find(balance_id(wallet.address, mint)) is not None:
            raise BalanceExistsError(wallet.address, mint)
        decimals = SOL_DECIMALS if mint == SOL_MINT else await self._decimals.decimals(mint)
        amount_raw = raw_amount(amount, decimals)

        def decide(state: WalletState) -> tuple[EntryBody, Sequence[Posting]]:
            if mint in state.balances:
                raise BalanceExistsError(wallet.address, mint)
            return Adjusted(mint, BY_HAND), Token(mint, symbol, decimals).moved(
                amount_raw, Account.ADJUSTMENT
            )

        entry = await book(self._ledger, wallet.address, decide)
        log.info("balance.created", wallet_address=wallet.address, token=mint)
        return OwnedBalance(
            wallet.agent_id, wallet.address, Balance(mint, symbol, decimals, amount_raw, entry.at)
        )
