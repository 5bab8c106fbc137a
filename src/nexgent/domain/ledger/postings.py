"""Making postings of a token."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.ledger.models import Account, Posting
from nexgent.shared.money import SOL_DECIMALS, SOL_MINT, SOL_SYMBOL
from nexgent.shared.structs import as_struct
from nexgent.shared.types import TokenAddress


@as_struct
@dataclass(frozen=True, slots=True)
class Token:
    """A token as postings name it."""

    mint: TokenAddress
    symbol: str
    decimals: int

    def posting(self, account: Account, amount_raw: int) -> Posting:
        """Return what an account gains of it."""
        return Posting(account, self.mint, amount_raw, self.symbol, self.decimals)

    def moved(self, amount_raw: int, counterpart: Account) -> tuple[Posting, Posting]:
        """Return the postings of what the wallet gains from another account; negative when it gives."""
        return self.posting(Account.WALLET, amount_raw), self.posting(counterpart, -amount_raw)


SOL = Token(SOL_MINT, SOL_SYMBOL, SOL_DECIMALS)
