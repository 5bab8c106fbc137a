"""Read the fees of a swap from its quote and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from nexgent.shared.money import CONTEXT, LAMPORTS_PER_SOL, SOL_MINT

_ZERO = Decimal(0)
_LAMPORTS = Decimal(LAMPORTS_PER_SOL)
_BPS = Decimal(10_000)
_NETWORK_FIELDS = ("signatureFeeLamports", "prioritizationFeeLamports", "rentFeeLamports")


@dataclass(frozen=True, slots=True)
class SwapFees:
    """Fees in SOL. None is not known, or not paid in SOL; it counts as zero in the books."""

    protocol_fee_sol: Decimal | None
    network_fee_sol: Decimal | None


def extract_fees(payload: Mapping[str, object] | None) -> SwapFees:
    """Return the fees of a swap payload.

    A quote, or `{"orderResponse": quote, "executeResponse": fill}` of a live swap.

    The network fee is what the quote estimates for signature, priority and rent. The protocol fee is the
    quote's share of the SOL side, taken from the fill where there is one: `feeBps`, which is what is charged in all,
    and `platformFee` only where that is missing. Numbers may be strings of digits;
    what is no number counts as zero.
    """
    quote, fill = _parts(payload)
    if quote is None:
        return SwapFees(None, None)
    return SwapFees(_protocol_fee(quote, fill), _network_fee(quote))


def _parts(
    payload: Mapping[str, object] | None,
) -> tuple[Mapping[str, object] | None, Mapping[str, object] | None]:
    if payload is None:
        return None, None
    order, fill = _mapping(payload.get("orderResponse")), _mapping(payload.get("executeResponse"))
    if order is None and "orderResponse" not in payload and "executeResponse" not in payload:
        order = payload
    return order, fill


def _network_fee(quote: Mapping[str, object]) -> Decimal:
    lamports = sum((_number(quote.get(name)) for name in _NETWORK_FIELDS), _ZERO)
    return CONTEXT.divide(lamports, _LAMPORTS)


def _protocol_fee(quote: Mapping[str, object], fill: Mapping[str, object] | None) -> Decimal | None:
    platform = _mapping(quote.get("platformFee")) or {}
    bps = _number(_first(quote.get("feeBps"), platform.get("feeBps")))
    if bps <= 0:
        return _ZERO
    fee_mint = _first(quote.get("feeMint"), platform.get("feeMint"))
    if fee_mint and fee_mint != SOL_MINT:
        return None
    if quote.get("inputMint") == SOL_MINT:
        amount = fill.get("inputAmountResult") if fill is not None else quote.get("inAmount")
    elif quote.get("outputMint") == SOL_MINT:
        amount = fill.get("outputAmountResult") if fill is not None else quote.get("outAmount")
    else:
        return None
    lamports = _number(amount)
    if lamports <= 0:
        return None
    return CONTEXT.divide(CONTEXT.divide(CONTEXT.multiply(lamports, bps), _BPS), _LAMPORTS)


def _first(*values: object) -> object:
    return next((value for value in values if value is not None), None)


def _mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) else None


def _number(value: object) -> Decimal:
    """Return a JSON number or a string of one, zero for everything else and for negative amounts."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return _ZERO
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else Decimal(str(value))
    except InvalidOperation:
        return _ZERO
    return number if number.is_finite() and number > 0 else _ZERO
