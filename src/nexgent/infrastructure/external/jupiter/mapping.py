"""Jupiter's order and execute answers as our quotes and fills. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from nexgent.domain.trading.models import Fees, Quote, QuoteRequest
from nexgent.infrastructure.external.json_values import decimal_of, int_of, mapping_of, text_of
from nexgent.infrastructure.external.jupiter.fees import extract_fees
from nexgent.shared.money import lamports

_PAYERS = {
    "signatureFeeLamports": "signatureFeePayer",
    "prioritizationFeeLamports": "prioritizationFeePayer",
    "rentFeeLamports": "rentFeePayer",
}
_PERCENT = Decimal(100)


class BadOrderError(ValueError):
    """The order answer lacks something without which it cannot be used; the text says what."""


class _Raw(msgspec.Struct, rename="camel"):
    route_plan: msgspec.Raw = msgspec.Raw(b"")


class OrderTerms(msgspec.Struct):
    """What of an order's payload decides how its transaction may look."""

    router: str | None = None
    gasless: bool | None = None


def quote_from_order(
    request: QuoteRequest, body: bytes, answer: Mapping[str, Any], received_monotonic: float
) -> Quote:
    """Return the quote of a usable order answer. Raises `BadOrderError`."""
    in_amount, out_amount = int_of(answer.get("inAmount")), int_of(answer.get("outAmount"))
    if not in_amount or not out_amount or in_amount < 0 or out_amount < 0:
        raise BadOrderError("the answer has no amounts")
    if answer.get("inputMint") != request.input_mint or answer.get("outputMint") != request.output_mint:
        raise BadOrderError("the answer is for other tokens than asked for")
    if request.taker is not None and in_amount > request.amount_raw:
        raise BadOrderError("the answer wants more than was offered")
    request_id = text_of(answer.get("requestId"))
    if request_id is None:
        raise BadOrderError("the answer has no request id")
    return Quote(
        request=request,
        request_id=request_id,
        in_amount_raw=in_amount,
        out_amount_raw=out_amount,
        price_impact_ratio=price_impact_ratio(answer),
        slippage_bps=int_of(answer.get("slippageBps")) or 0,
        fees=fees_of(answer, None, taker=request.taker),
        swap_usd_value=decimal_of(answer.get("swapUsdValue")),
        routes_json=_routes(body),
        payload_json=body.decode(),
        transaction=text_of(answer.get("transaction")),
        last_valid_block_height=int_of(answer.get("lastValidBlockHeight")),
        received_monotonic=received_monotonic,
    )


def price_impact_ratio(answer: Mapping[str, Any]) -> Decimal:
    """Return the price impact as a ratio, -0.01 for one percent against us.

    `priceImpactPct` is a ratio despite its name; `priceImpact` counts percent points.
    """
    ratio = decimal_of(answer.get("priceImpactPct"))
    if ratio is not None:
        return ratio
    percent = decimal_of(answer.get("priceImpact"))
    return percent / _PERCENT if percent is not None else Decimal(0)


def fees_of(order: Mapping[str, Any], result: Mapping[str, Any] | None, *, taker: str | None) -> Fees:
    """Return what the taker pays: an order's fees whose payer is somebody else do not count."""
    ours = {name: _paid_by(order, name, payer, taker) for name, payer in _PAYERS.items()}
    payload = order if result is None else {"orderResponse": order, "executeResponse": result}
    protocol_sol = extract_fees(payload).protocol_fee_sol
    charged_bps = order.get("feeBps")
    # What is charged in all stands at the top; the platform's fee is a part of it.
    bps = decimal_of(
        charged_bps if charged_bps is not None else mapping_of(order.get("platformFee")).get("feeBps")
    )
    return Fees(
        protocol_fee_lamports=lamports(protocol_sol) if protocol_sol is not None else None,
        protocol_fee_bps=int(bps) if bps is not None and bps > 0 else 0,
        network_fee_lamports=ours["signatureFeeLamports"] + ours["prioritizationFeeLamports"],
        rent_lamports=ours["rentFeeLamports"],
    )


def live_payload(order_json: str, result_json: str) -> str:
    """Return what is kept of a live swap: both answers as they came."""
    return f'{{"orderResponse":{order_json},"executeResponse":{result_json}}}'


def _paid_by(order: Mapping[str, Any], name: str, payer_name: str, taker: str | None) -> int:
    payer = text_of(order.get(payer_name))
    if payer is not None and taker is not None and payer != taker:
        return 0
    return max(int_of(order.get(name)) or 0, 0)


def _routes(body: bytes) -> str | None:
    """Return the route plan as the text it came in."""
    raw = bytes(msgspec.json.decode(body, type=_Raw).route_plan)
    return raw.decode() if raw not in (b"", b"null") else None
