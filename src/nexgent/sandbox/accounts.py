"""Who owns what on the imitated chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from nexgent.sandbox.terms import ChainTerms


@dataclass(slots=True)
class TokenAccount:
    """One associated token account; `amount` in raw units of the token."""

    address: str
    owner: str
    mint: str
    program: str
    decimals: int
    amount: int = 0


@lru_cache(maxsize=65_536)
def token_account_key(owner: str, mint: str, program: str) -> Pubkey:
    """Return the address of the associated token account of an owner."""
    return get_associated_token_address(
        Pubkey.from_string(owner), Pubkey.from_string(mint), Pubkey.from_string(program)
    )


class Accounts:
    """Lamports by address and token accounts by owner and mint."""

    def __init__(self, terms: ChainTerms) -> None:
        self._terms = terms
        self._lamports: dict[str, int] = {}
        self._by_owner: dict[str, dict[str, TokenAccount]] = {}
        self._by_address: dict[str, TokenAccount] = {}

    @property
    def rent_exempt_lamports(self) -> int:
        """Return the deposit of a token account as it is now; what an account holds beyond it is excess."""
        return self._terms.rent_lamports

    def lamports(self, address: str) -> int:
        """Return the lamports of an address, 0 for an unknown one."""
        return self._lamports.get(address, 0)

    def set_lamports(self, address: str, lamports: int) -> None:
        """Set the lamports of an address."""
        self._lamports[address] = lamports

    def exists(self, address: str) -> bool:
        """Say whether the address holds anything; an account without lamports does not exist on chain."""
        return self.lamports(address) > 0

    def token_account(self, owner: str, mint: str) -> TokenAccount | None:
        """Return the token account of an owner for a mint."""
        return self._by_owner.get(owner, {}).get(mint)

    def token_account_at(self, address: str) -> TokenAccount | None:
        """Return the token account at an address."""
        return self._by_address.get(address)

    def token_accounts(self, owner: str) -> list[TokenAccount]:
        """Return all token accounts of an owner."""
        return list(self._by_owner.get(owner, {}).values())

    def open_token_account(
        self, owner: str, mint: str, program: str, decimals: int, *, rent_lamports: int | None = None
    ) -> TokenAccount:
        """Return the token account of an owner for a mint, created with its rent when it is not there."""
        account = self.token_account(owner, mint)
        if account is None:
            address = str(token_account_key(owner, mint, program))
            account = TokenAccount(address, owner, mint, program, decimals)
            self._by_owner.setdefault(owner, {})[mint] = account
            self._by_address[address] = account
            rent = self._terms.rent_lamports if rent_lamports is None else rent_lamports
            self._lamports[address] = rent
        return account

    def close_token_account(self, account: TokenAccount) -> None:
        """Remove a token account together with its rent."""
        del self._by_owner[account.owner][account.mint]
        del self._by_address[account.address]
        self._lamports.pop(account.address, None)

    def part(self, addresses: Iterable[str]) -> Accounts:
        """Return a copy of these accounts, and of the token accounts they are or own, to try things with."""
        copied = Accounts(self._terms)
        for address in addresses:
            here = self._by_address.get(address)
            for account in [*self.token_accounts(address), *([here] if here is not None else [])]:
                twin = replace(account)
                copied._by_owner.setdefault(twin.owner, {})[twin.mint] = twin
                copied._by_address[twin.address] = twin
                copied._lamports[twin.address] = self.lamports(twin.address)
            if address in self._lamports:
                copied._lamports[address] = self._lamports[address]
        return copied

    def balances(self) -> Iterator[tuple[str, int]]:
        """Return every address that has lamports and is no token account."""
        return ((a, n) for a, n in self._lamports.items() if a not in self._by_address)
