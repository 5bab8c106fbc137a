"""The fill of a swap as the chain tells it, completed by what is remembered of its quote. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.models import Fees, Fill, Quote, QuoteRequest
from nexgent.infrastructure.external.json_values import decode_object
from nexgent.infrastructure.external.jupiter.mapping import fees_of, live_payload
from nexgent.infrastructure.external.solana.swap_facts import SwapFacts
from nexgent.shared.money import SOL_MINT

_BPS = 10_000


def fill_from_chain(
    facts: SwapFacts, request: QuoteRequest, submission: Submission, quote: Quote | None, signature: str
) -> Fill:
    """Return the fill. Totals, network fee and rent are the chain's own.

    The protocol fee cannot be seen there: with the quote it is computed by its rate, without one it is unknown and the swap
    amounts are the totals.
    """
    total_in, total_out = facts.total_in_raw, facts.total_out_raw
    in_amount, out_amount = total_in, total_out
    protocol: int | None = None
    bps = 0
    if quote is not None:
        bps = quote.fees.protocol_fee_bps
        in_sol = quote.fees.protocol_fee_lamports is not None
        if in_sol and request.input_mint == SOL_MINT:
            in_amount = total_in - total_in * bps // _BPS
        elif in_sol and request.output_mint == SOL_MINT and bps < _BPS:
            # The fee is taken from what the route gives: gross = net / (1 - rate).
            out_amount = total_out * _BPS // (_BPS - bps)
        amounts = {"inputAmountResult": str(in_amount), "outputAmountResult": str(out_amount)}
        order = decode_object(quote.payload_json)
        protocol = fees_of(order, amounts, taker=request.taker).protocol_fee_lamports
    return Fill(
        in_amount_raw=in_amount,
        out_amount_raw=out_amount,
        total_in_raw=total_in,
        total_out_raw=total_out,
        fees=Fees(
            protocol_fee_lamports=protocol,
            protocol_fee_bps=bps,
            network_fee_lamports=facts.network_fee_lamports,
            rent_lamports=facts.rent_lamports,
        ),
        price_impact_ratio=quote.price_impact_ratio if quote is not None else Decimal(0),
        slippage_bps=quote.slippage_bps if quote is not None else 0,
        swap_usd_value=quote.swap_usd_value if quote is not None else None,
        routes_json=quote.routes_json if quote is not None else None,
        payload_json=_payload(facts, request, submission, quote, signature, (in_amount, out_amount)),
        signature=signature,
    )


def _payload(
    facts: SwapFacts,
    request: QuoteRequest,
    submission: Submission,
    quote: Quote | None,
    signature: str,
    amounts: tuple[int, int],
) -> str:
    """Return the two halves of a live payload: the order, as far as it is known, and what the chain says."""
    order = quote.payload_json if quote is not None else None
    if order is None:
        order = _json(
            {
                "requestId": submission.request_id,
                "inputMint": request.input_mint,
                "outputMint": request.output_mint,
                "inAmount": str(submission.in_amount_raw),
                "outAmount": str(submission.out_amount_raw),
            }
        )
    result = _json(
        {
            "status": "Success",
            "signature": signature,
            "source": "chain",
            "totalInputAmount": str(facts.total_in_raw),
            "totalOutputAmount": str(facts.total_out_raw),
            "inputAmountResult": str(amounts[0]),
            "outputAmountResult": str(amounts[1]),
        }
    )
    return live_payload(order, result)


def _json(value: dict[str, str]) -> str:
    return msgspec.json.encode(value).decode()
