"""Answer the vectors about balances with what the product does when somebody enters a transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from nexgent.domain.bookkeeping.effects import Funds, Leg, effect_of, legs_of
from nexgent.domain.bookkeeping.errors import BalanceNotFoundError
from nexgent.domain.ledger.errors import InsufficientBalanceError
from nexgent.domain.ledger.models import Account, Entry, Posting, Recorded
from nexgent.domain.ledger.state import Balance, WalletState, apply
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.money import from_raw, to_raw
from nexgent.shared.types import AgentId, EntryId, TokenAddress, TransactionId, WalletAddress
from tests.vectors.build import decimal, optional_decimal

Input: TypeAlias = Mapping[str, Any]

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_AGENT, _WALLET = AgentId(new_id()), WalletAddress("sim_vectors")
_GIVEN, _TAKEN = TokenAddress("given"), TokenAddress("taken")


def balance_delta(given: Input) -> object:
    """Enter a transaction; what it needs is found out by entering it in wallets that hold nothing, or too little."""
    try:
        record = _record(given["type"], given.get("input"), given.get("output"))
        legs = legs_of(record)
    except InvalidInputError as error:
        return _refused(_code(error.message))
    except ValueError:
        return _refused("UNKNOWN_TYPE")
    places = {leg.mint: _decimals(leg.amount) for leg in legs if leg is not None}
    try:
        enough = _effect(record, legs, places, legs[0].amount)
    except InvalidInputError as error:
        return _refused(error.message)
    moved = {posting.mint: posting for posting in enough if posting.account is Account.WALLET}
    return {
        "errorCode": None,
        "inputToken": _delta(
            moved[legs[0].mint],
            must_exist=_refuses(BalanceNotFoundError, record, legs, places, None),
            requires_validation=_refuses(InsufficientBalanceError, record, legs, places, Decimal(0)),
        ),
        # The wallets above never held what a swap brings.
        "outputToken": _delta(moved[legs[1].mint], must_exist=False, requires_validation=False)
        if legs[1] is not None
        else None,
    }


def balance_update(given: Input) -> object:
    """Enter a swap of a balance and return what the ledger holds of it afterwards."""
    balance, amount = decimal(given["balance"]), decimal(given["swapInputAmount"])
    record = _record("SWAP", (_GIVEN, "GVN", amount), (_TAKEN, "TKN", 1))
    try:
        legs = legs_of(record)
    except InvalidInputError:
        # Nothing is entered of a swap of nothing, so the balance stays.
        return {"stored": balance, "error": None}
    places = {_GIVEN: max(_decimals(balance), _decimals(amount)), _TAKEN: 0}
    try:
        postings = _effect(record, legs, places, balance)
    except InsufficientBalanceError as error:
        return {
            "stored": None,
            "error": "INSUFFICIENT",
            "currentBalance": error.details["currentBalance"],
            "requiredAmount": error.details["requiredAmount"],
        }
    entry = Entry(
        id=EntryId(new_id()),
        wallet_address=_WALLET,
        agent_id=_AGENT,
        seq=1,
        at=_NOW,
        body=Recorded(record),
        postings=tuple(postings),
    )
    after = apply(_wallet(legs[0], places[_GIVEN], balance), entry)
    return {"stored": from_raw(after.balance_raw(_GIVEN), places[_GIVEN]), "error": None}


def _record(kind: str, given: Sequence[Any] | None, taken: Sequence[Any] | None) -> TransactionRecord:
    input_mint, input_symbol, input_amount = given or (None, None, None)
    output_mint, output_symbol, output_amount = taken or (None, None, None)
    return TransactionRecord(
        id=TransactionId(new_id()),
        agent_id=_AGENT,
        wallet_address=_WALLET,
        type=TransactionType(kind),
        value_usd=Decimal(0),
        time=_NOW,
        input_mint=input_mint,
        input_symbol=input_symbol,
        input_amount=optional_decimal(input_amount),
        output_mint=output_mint,
        output_symbol=output_symbol,
        output_amount=optional_decimal(output_amount),
    )


def _wallet(leg: Leg, decimals: int, balance: Decimal | None) -> WalletState:
    if balance is None:
        return WalletState(_WALLET, _AGENT)
    held = Balance(leg.mint, leg.symbol, decimals, to_raw(balance, decimals), _NOW)
    return WalletState(_WALLET, _AGENT, balances={leg.mint: held})


def _effect(
    record: TransactionRecord,
    legs: tuple[Leg, Leg | None],
    places: Mapping[TokenAddress, int],
    balance: Decimal | None,
) -> list[Posting]:
    given, taken = legs
    funds = Funds(_wallet(given, places[given.mint], balance))
    return effect_of(record.type, given, taken, places, funds)


def _refuses(
    error: type[Exception],
    record: TransactionRecord,
    legs: tuple[Leg, Leg | None],
    places: Mapping[TokenAddress, int],
    balance: Decimal | None,
) -> bool:
    try:
        _effect(record, legs, places, balance)
    except error:
        return True
    return False


def _delta(posting: Posting, *, must_exist: bool, requires_validation: bool) -> dict[str, object]:
    return {
        "tokenAddress": posting.mint,
        "tokenSymbol": posting.symbol,
        "delta": from_raw(posting.amount_raw, posting.decimals),
        "requiresValidation": requires_validation,
        "mustExist": must_exist,
    }


def _refused(code: str) -> dict[str, object]:
    return {"errorCode": code, "inputToken": None, "outputToken": None}


def _code(message: str) -> str:
    """Return the reference's code for a refusal of ours."""
    side = "OUTPUT" if "output" in message else "INPUT"
    if message.endswith("are required"):
        return f"{side}_REQUIRED"
    return f"{side}_NOT_POSITIVE" if message.endswith("greater than 0") else message


def _decimals(amount: Decimal) -> int:
    """Return how many places an amount has: a token with so many is the smallest that can be worth it."""
    exponent = amount.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
