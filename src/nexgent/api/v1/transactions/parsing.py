"""Fields of transactions as they come in, for whoever records or corrects one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from nexgent.api.encoding import encode
from nexgent.api.endpoint import Call
from nexgent.api.fields import BodyFields, parse_decimal, parse_signal_id, parse_time, shown
from nexgent.domain.transactions.models import TransactionType
from nexgent.shared.errors import InvalidInputError, NotFoundError
from nexgent.shared.types import SignalId, TokenAddress

TYPES = ", ".join(kind.value for kind in TransactionType)
_AMOUNT_LIMIT = Decimal(10) ** 32
_USD_LIMIT = Decimal(10) ** 20
_RATE_LIMIT = Decimal(10) ** 12
_ZERO = Decimal(0)

_Reader = Callable[[BodyFields, str], Any]


def _text(max_length: int) -> _Reader:
    return lambda fields, name: fields.optional_text(name, max_length)


def _number(below: Decimal, minimum: Decimal | None = None) -> _Reader:
    return lambda fields, name: fields.optional_decimal(name, minimum=minimum, below=below)


def _mint(fields: BodyFields, name: str) -> TokenAddress | None:
    return fields.optional_mint(name)


def _routes(fields: BodyFields, name: str) -> str | None:
    if not fields.given(name):
        return None
    try:
        return encode(fields.raw(name)).decode()
    except (RecursionError, OverflowError, TypeError):
        raise InvalidInputError(
            "Invalid routes: it is nested too deeply or holds a number that is too large"
        ) from None


_NULLABLE: tuple[tuple[str, str, _Reader], ...] = (
    ("destinationAddress", "destination_address", _text(255)),
    ("fees", "fees", _number(_USD_LIMIT)),
    ("routes", "routes_json", _routes),
    ("inputMint", "input_mint", _mint),
    ("inputSymbol", "input_symbol", _text(20)),
    ("inputAmount", "input_amount", _number(_AMOUNT_LIMIT)),
    ("inputPrice", "input_price", _number(_AMOUNT_LIMIT, _ZERO)),
    ("outputMint", "output_mint", _mint),
    ("outputSymbol", "output_symbol", _text(20)),
    ("outputAmount", "output_amount", _number(_AMOUNT_LIMIT)),
    ("outputPrice", "output_price", _number(_AMOUNT_LIMIT, _ZERO)),
    ("slippage", "slippage", _number(_RATE_LIMIT)),
    ("priceImpact", "price_impact", _number(_RATE_LIMIT)),
)


def nullable_fields(fields: BodyFields, *, only_present: bool) -> dict[str, Any]:
    """Return the optional fields by the record's names: all of them, or those the body has, be it as null."""
    return {
        field: read(fields, name)
        for name, field, read in _NULLABLE
        if not only_present or fields.present(name)
    }


def transaction_type(given: object) -> TransactionType:
    """Return a type. Raises `InvalidInputError`."""
    if isinstance(given, str) and given in TransactionType.__members__:
        return TransactionType(given)
    raise InvalidInputError(f"Invalid transactionType: one of {TYPES} is required, received {shown(given)}")


def value_usd(fields: BodyFields) -> Decimal:
    """Return the value in USD. Raises `InvalidInputError`."""
    value = parse_decimal(fields.required("transactionValueUsd"), "transactionValueUsd")
    if not _ZERO <= value < _USD_LIMIT:
        raise InvalidInputError(f"Invalid transactionValueUsd: it must be from 0 to less than {_USD_LIMIT}")
    return value.quantize(Decimal("1e-8"))


def transaction_time(fields: BodyFields) -> datetime:
    """Return the time. Raises `InvalidInputError`."""
    return parse_time(fields.required("transactionTime"), "transactionTime")


async def own_signal(call: Call, fields: BodyFields) -> SignalId | None:
    """Return the signal, if one is given. Raises `InvalidInputError`, `NotFoundError` for one of another user."""
    if not fields.given("signalId"):
        return None
    signal_id = SignalId(parse_signal_id(fields.raw("signalId")))
    if await call.services.signals.get(signal_id, call.user_id) is None:
        raise NotFoundError("Trading signal not found")
    return signal_id
