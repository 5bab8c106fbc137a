"""The JSON of an order, field by field."""

from __future__ import annotations

from nexgent.sandbox.constants import SOL_MINT
from nexgent.sandbox.swaps import Quote


def order_json(quote: Quote, *, is_ultra: bool, part_bps: int | None = None) -> dict[str, object]:
    """Return the documented answer to an order call. USD figures are JSON numbers, amounts integers as text."""
    request, amounts, script = quote.request, quote.amounts, quote.script
    token = request.token
    input_mint, output_mint = (SOL_MINT, token.mint) if request.is_buy else (token.mint, SOL_MINT)
    taker = request.taker
    impact = quote.price_impact_ratio if script is not None else round(quote.price_impact_ratio, 9)
    in_usd = float(quote.in_usd)
    swap_usd = in_usd if script is None or script.swap_usd_value is None else float(script.swap_usd_value)
    percent = impact * 100
    if script is not None and script.price_impact is not None:
        percent = script.price_impact
    answer: dict[str, object] = {
        "mode": "manual" if request.is_manual else "ultra",
        "inputMint": input_mint,
        "outputMint": output_mint,
        "inAmount": str(amounts.in_amount),
        "outAmount": str(amounts.out_amount),
        "inUsdValue": in_usd,
        "outUsdValue": float(quote.out_usd),
        "priceImpact": float(percent),
        "swapUsdValue": swap_usd,
        "otherAmountThreshold": str(quote.threshold),
        "swapMode": "ExactIn",
        "slippageBps": _slippage(quote),
        "priceImpactPct": format(impact, "f"),
        "routePlan": [
            {
                "swapInfo": {
                    "ammKey": token.pool,
                    "label": token.dex[2],
                    "inputMint": input_mint,
                    "outputMint": output_mint,
                    "inAmount": str(amounts.route_in),
                    "outAmount": str(amounts.route_out),
                },
                "percent": 100,
                "bps": 10_000,
                "usdValue": round(in_usd, 2),
            }
        ],
        "feeMint": SOL_MINT,
        "feeBps": quote.fee_bps,
        "platformFee": _platform_fee(quote, part_bps),
        "signatureFeeLamports": quote.signature_fee_lamports,
        "signatureFeePayer": taker,
        "prioritizationFeeLamports": quote.priority_fee_lamports,
        "prioritizationFeePayer": taker,
        "rentFeeLamports": quote.rent_lamports,
        "rentFeePayer": taker,
        "swapType": "aggregator",
        "router": "metis" if script is None or script.router is None else script.router,
        "transaction": quote.transaction,
        "gasless": False,
        "requestId": quote.request_id,
        "totalTime": 1,
        "taker": taker,
    }
    if quote.last_valid_block_height is not None and not is_ultra:
        answer["lastValidBlockHeight"] = str(quote.last_valid_block_height)
    if quote.error is not None:
        answer["errorCode"], answer["errorMessage"] = quote.error
    answer.update(quote.hostile_fields)
    if script is not None:
        answer.update(script.extra)
        for name in script.omit:
            answer.pop(name, None)
    return answer


def _platform_fee(quote: Quote, part_bps: int | None) -> dict[str, object]:
    """Return Jupiter's part of the fee; all of it unless the terms say otherwise."""
    whole, amount = quote.fee_bps, quote.amounts.fee_lamports
    part = whole if part_bps is None else min(part_bps, whole)
    return {"amount": str(amount * part // whole if whole else 0), "feeBps": part, "feeMint": SOL_MINT}


def _slippage(quote: Quote) -> int:
    script = quote.script
    return (
        quote.request.slippage_bps if script is None or script.slippage_bps is None else script.slippage_bps
    )
