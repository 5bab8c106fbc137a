"""What is locked in the token accounts of a wallet, and what of it can be had back."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.reconciliation.models import ChainSnapshot, TokenAccount
from nexgent.domain.reconciliation.ports import RentChain, WalletChain
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import WalletAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class RentAccount:
    """A token account and what of its deposit can be had back: all of an empty one, the excess of another."""

    account: TokenAccount
    reclaimable_lamports: int
    closes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RentReport:
    """The token accounts of a wallet, and what is locked in them."""

    wallet_address: WalletAddress
    accounts: tuple[RentAccount, ...]

    @property
    def locked_lamports(self) -> int:
        """Return the deposits of all accounts."""
        return sum(
            one.account.lamports - (one.account.amount_raw if one.account.mint == SOL_MINT else 0)
            for one in self.accounts
        )

    @property
    def reclaimable_lamports(self) -> int:
        """Return what can be had back."""
        return sum(one.reclaimable_lamports for one in self.accounts)


class RentReports:
    """Holds the accounts of a wallet against the books."""

    def __init__(self, *, ledger: Ledger, chain: WalletChain, rent: RentChain) -> None:
        self._ledger = ledger
        self._chain = chain
        self._rent = rent

    async def of(self, address: WalletAddress) -> RentReport:
        """Look at a wallet. Raises `UpstreamError`, `UnavailableError`."""
        state = await self._ledger.fresh(address)
        return await self._report(state, await self._chain.snapshot(address))

    async def has_empty(self, snapshot: ChainSnapshot) -> bool:
        """Tell whether one of the accounts of a look can be closed. Raises `UnavailableError`."""
        state = await self._ledger.fresh(snapshot.wallet_address)
        return any(_is_empty(account, state) for account in snapshot.accounts)

    async def _report(self, state: WalletState, snapshot: ChainSnapshot) -> RentReport:
        accounts = []
        for account in snapshot.accounts:
            closes = _is_empty(account, state)
            lamports = account.lamports if closes else 0
            if not closes and account.mint != SOL_MINT:
                lamports = await self._rent.excess_lamports(account)
            accounts.append(RentAccount(account=account, reclaimable_lamports=lamports, closes=closes))
        accounts.sort(key=lambda one: (-one.reclaimable_lamports, one.account.address))
        return RentReport(wallet_address=state.wallet_address, accounts=tuple(accounts))


def _is_empty(account: TokenAccount, state: WalletState) -> bool:
    """Tell whether an account can be closed: there is nothing in it, neither by the books, and no trade is about to need it."""
    if account.amount_raw or not account.closable:
        return False
    if account.mint != SOL_MINT and state.balance_raw(account.mint):
        return False
    wanted = {open_intent.intent.token_address for open_intent in state.intents.values()}
    return account.mint not in wanted
