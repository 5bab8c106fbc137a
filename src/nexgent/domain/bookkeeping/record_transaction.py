"""Record a transaction somebody entered: a deposit, a swap or a burn. Balances move with it, or nothing does."""

from __future__ import annotations

from collections.abc import Sequence

from nexgent.domain.agents.errors import WalletNotFoundError
from nexgent.domain.bookkeeping.booking import book
from nexgent.domain.bookkeeping.effects import Funds, Leg, effect_of, legs_of
from nexgent.domain.ledger.errors import UnknownWalletError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import EntryBody, Posting, Recorded
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.shared.money import SOL_DECIMALS, SOL_MINT
from nexgent.shared.types import WalletAddress


class RecordTransaction:
    """Check what is moved, post it and make it durable as one entry."""

    def __init__(self, *, ledger: Ledger, decimals: TokenDecimals) -> None:
        self._ledger = ledger
        self._decimals = decimals

    async def execute(self, record: TransactionRecord) -> TransactionRecord:
        """Return the record as it was booked.

        Amounts are in tokens; what is finer than the token's smallest unit is cut off. Raises `InvalidInputError`,
        `BalanceNotFoundError`, `InsufficientBalanceError`, `InvalidTokenError`, `UnavailableError`.
        """
        given, taken = legs_of(record)
        places = {leg.mint: await self._places(record.wallet_address, leg) for leg in (given, taken) if leg}

        def decide(state: WalletState) -> tuple[EntryBody, Sequence[Posting]]:
            return Recorded(record), effect_of(record.type, given, taken, places, Funds(state))

        await book(self._ledger, record.wallet_address, decide)
        return record

    async def _places(self, wallet: WalletAddress, leg: Leg) -> int:
        if leg.mint == SOL_MINT:
            return SOL_DECIMALS
        try:
            held = (await self._ledger.fresh(wallet)).balances.get(leg.mint)
        except UnknownWalletError:
            raise WalletNotFoundError(wallet) from None
        return held.decimals if held is not None else await self._decimals.decimals(leg.mint)
