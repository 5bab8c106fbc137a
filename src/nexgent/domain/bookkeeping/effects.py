"""What a recorded transaction does to balances, as postings; and how an old effect gives way to a new one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from nexgent.domain.bookkeeping.errors import BalanceNotFoundError
from nexgent.domain.ledger.errors import InsufficientBalanceError
from nexgent.domain.ledger.models import Account, Posting
from nexgent.domain.ledger.postings import Token
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.money import MAX_RAW, from_raw, to_raw
from nexgent.shared.types import TokenAddress

TOLERANCE = Decimal("1e-8")
"""An amount this little above the balance takes the whole balance: clients send amounts that went through a float."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a transaction, in tokens."""

    mint: TokenAddress
    symbol: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Funds:
    """What there is to spend: the wallet's state, and what the effect that is taken back gives or claims."""

    state: WalletState
    returned: Mapping[TokenAddress, int] = field(default_factory=dict)

    def balance_raw(self, mint: TokenAddress) -> int:
        """Return the balance once the old effect is gone."""
        return self.state.balance_raw(mint) + self.returned.get(mint, 0)

    def free_raw(self, mint: TokenAddress) -> int:
        """Return what of it may be taken by hand."""
        return max(0, self.balance_raw(mint) - self.state.bound_raw(mint))


def legs_of(record: TransactionRecord) -> tuple[Leg, Leg | None]:
    """Return what a transaction moves: its input, and for a swap its output. Raises `InvalidInputError`."""
    given = _leg("input", record.input_mint, record.input_symbol, record.input_amount)
    if record.type is not TransactionType.SWAP:
        return given, None
    taken = _leg("output", record.output_mint, record.output_symbol, record.output_amount)
    if taken.mint == given.mint:
        raise InvalidInputError("Invalid outputMint: it must differ from inputMint")
    return given, taken


def _leg(side: str, mint: TokenAddress | None, symbol: str | None, amount: Decimal | None) -> Leg:
    if not mint or not symbol or amount is None:
        raise InvalidInputError(f"{side}Mint, {side}Symbol and {side}Amount are required")
    if not (amount.is_finite() and amount > 0):
        raise InvalidInputError(f"Invalid {side}Amount: it must be greater than 0")
    return Leg(mint, symbol, amount)


def effect_of(
    kind: TransactionType,
    given: Leg,
    taken: Leg | None,
    places: Mapping[TokenAddress, int],
    funds: Funds,
) -> list[Posting]:
    """Return the postings of a transaction. `places` are the decimals of its mints.

    Raises `InvalidInputError`, `BalanceNotFoundError`, `InsufficientBalanceError`.
    """
    if kind is TransactionType.DEPOSIT:
        amount_raw = _raw(given, places[given.mint], "inputAmount")
        _check_room(funds, given, amount_raw, "inputAmount")
        return _pair(given, places[given.mint], amount_raw, Account.EXTERNAL)
    spent_raw = _spendable(funds, given, places[given.mint])
    counterpart = Account.EXTERNAL if kind is TransactionType.BURN else Account.MARKET
    postings = _pair(given, places[given.mint], -spent_raw, counterpart)
    if taken is not None:
        bought_raw = _raw(taken, places[taken.mint], "outputAmount")
        _check_room(funds, taken, bought_raw, "outputAmount")
        postings += _pair(taken, places[taken.mint], bought_raw, counterpart)
    return postings


def net(*effects: Iterable[Posting]) -> tuple[Posting, ...]:
    """Return the sum of effects: one posting per account and mint, none where nothing is left."""
    totals: dict[tuple[Account, TokenAddress], Posting] = {}
    for postings in effects:
        for posting in postings:
            key = (posting.account, posting.mint)
            known = totals.get(key)
            amount_raw = posting.amount_raw + (known.amount_raw if known is not None else 0)
            totals[key] = replace(posting, amount_raw=amount_raw)
    return tuple(posting for posting in totals.values() if posting.amount_raw)


def taken_back(effect: Iterable[Posting]) -> tuple[Posting, ...]:
    """Return the opposite of an effect."""
    return tuple(replace(posting, amount_raw=-posting.amount_raw) for posting in effect)


def to_wallet(postings: Iterable[Posting]) -> dict[TokenAddress, int]:
    """Return what postings give the wallet, by mint."""
    given: dict[TokenAddress, int] = {}
    for posting in postings:
        if posting.account is Account.WALLET:
            given[posting.mint] = given.get(posting.mint, 0) + posting.amount_raw
    return given


def check_covered(state: WalletState, postings: Iterable[Posting]) -> None:
    """Raise `InsufficientBalanceError` when postings take what is not there or in use; `InvalidInputError` on an overflow."""
    for posting in postings:
        if posting.account is not Account.WALLET:
            continue
        if -posting.amount_raw > state.free_raw(posting.mint) and posting.amount_raw < 0:
            raise InsufficientBalanceError(
                posting.mint,
                posting.symbol,
                from_raw(state.free_raw(posting.mint), posting.decimals),
                from_raw(-posting.amount_raw, posting.decimals),
            )
        if state.balance_raw(posting.mint) + posting.amount_raw > MAX_RAW:
            raise InvalidInputError("The balance would become larger than any amount can be")


def _spendable(funds: Funds, leg: Leg, decimals: int) -> int:
    if leg.mint not in funds.state.balances:
        raise BalanceNotFoundError(leg.mint, leg.symbol, leg.amount)
    free_raw = funds.free_raw(leg.mint)
    free = from_raw(free_raw, decimals)
    if leg.amount > free:
        if leg.amount - free <= TOLERANCE and free_raw > 0:
            return free_raw
        raise InsufficientBalanceError(leg.mint, leg.symbol, free, leg.amount)
    return _in_base_units(leg, decimals, "inputAmount")


def _raw(leg: Leg, decimals: int, name: str) -> int:
    if leg.amount > from_raw(MAX_RAW, decimals):
        raise InvalidInputError(f"Invalid {name}: it is larger than any amount of this token can be")
    return _in_base_units(leg, decimals, name)


def _in_base_units(leg: Leg, decimals: int, name: str) -> int:
    amount_raw = to_raw(leg.amount, decimals)
    if amount_raw <= 0:
        raise InvalidInputError(f"Invalid {name}: it is smaller than the smallest unit ({decimals} decimals)")
    return amount_raw


def _check_room(funds: Funds, leg: Leg, amount_raw: int, name: str) -> None:
    if funds.balance_raw(leg.mint) + amount_raw > MAX_RAW:
        raise InvalidInputError(f"Invalid {name}: the balance would become larger than any amount can be")


def _pair(leg: Leg, decimals: int, amount_raw: int, counterpart: Account) -> list[Posting]:
    return list(Token(leg.mint, leg.symbol, decimals).moved(amount_raw, counterpart))
