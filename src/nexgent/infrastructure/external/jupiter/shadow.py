"""What the simulation makes of the quote a live swap was built from. Pure: a landed trade in, a shadow fill out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from nexgent.domain.ledger.models import Account, Posting
from nexgent.domain.shadow.models import LandedTrade, ShadowFill, SwapSide
from nexgent.domain.trading.errors import SwapNotSentError
from nexgent.domain.trading.models import Fees, Fill
from nexgent.domain.trading.rules.simulation_costs import SimulationCosts, with_simulation_costs
from nexgent.infrastructure.external.json_values import BadJsonError, decode_object, int_of, mapping_of
from nexgent.infrastructure.external.jupiter.mapping import fees_of, price_impact_ratio
from nexgent.infrastructure.external.jupiter.signing import parse_order_transaction
from nexgent.shared.money import SOL_MINT

SIGNATURE_LAMPORTS = 5_000
_UNKNOWN = Fees(protocol_fee_lamports=None, protocol_fee_bps=0, network_fee_lamports=0, rent_lamports=0)


def shadow_of(trade: LandedTrade, costs: SimulationCosts) -> ShadowFill | None:
    """Return both fills side by side; None for a trade whose amounts say nothing, such as one of zero."""
    intent = trade.intent
    buying = intent.input_mint == SOL_MINT
    real, paper = _real(trade, buying=buying), _paper(trade, costs, buying=buying)
    if min(real.in_raw, real.out_raw, paper.in_raw, paper.out_raw) <= 0:
        return None
    return ShadowFill(
        intent_id=intent.id,
        agent_id=trade.agent_id,
        wallet_address=intent.wallet_address,
        kind=intent.kind,
        token_address=intent.token_address,
        token_symbol=intent.token_symbol,
        buying=buying,
        transaction_id=trade.transaction.id,
        real=real,
        paper=paper,
        triggered_at=intent.created_at,
        ordered_at=trade.submitted_at,
        landed_at=trade.settled_at,
        settled_seq=trade.settled_seq,
    )


def _real(trade: LandedTrade, *, buying: bool) -> SwapSide:
    """Return what was booked, which is what the chain says."""
    postings = trade.postings
    platform = _sum(postings, Account.PROTOCOL_FEE, SOL_MINT)
    fee = _sum(postings, Account.NETWORK_FEE, SOL_MINT)
    signatures = min(fee, SIGNATURE_LAMPORTS * _signers(trade))
    tokens = abs(_sum(postings, Account.WALLET, trade.intent.token_address))
    # The market's part and the platform's are what the swap moved.
    moved = abs(_sum(postings, Account.MARKET, SOL_MINT) + platform)
    return SwapSide(
        in_raw=moved if buying else tokens,
        out_raw=tokens if buying else moved,
        network_fee=signatures,
        priority_fee=fee - signatures,
        platform_fee=platform,
    )


def _paper(trade: LandedTrade, costs: SimulationCosts, *, buying: bool) -> SwapSide:
    """Return the fill of `SimulationSwapGateway` for the same quote; of a quote that was forgotten only the amounts are known."""
    order = _order(trade.transaction.swap_payload_json)
    known = "routePlan" in order
    quoted = Fill(
        in_amount_raw=trade.submission.in_amount_raw,
        out_amount_raw=trade.submission.out_amount_raw,
        total_in_raw=None,
        total_out_raw=None,
        fees=fees_of(order, None, taker=trade.intent.wallet_address) if known else _UNKNOWN,
        price_impact_ratio=price_impact_ratio(order) if known else Decimal(0),
        slippage_bps=int_of(order.get("slippageBps")) or 0,
        swap_usd_value=None,
        routes_json=None,
        payload_json="{}",
        signature=None,
    )
    fill = with_simulation_costs(quoted, costs, buying=buying)
    protocol = fill.fees.protocol_fee_lamports
    signatures = min(fill.fees.network_fee_lamports, int_of(order.get("signatureFeeLamports")) or 0)
    return SwapSide(
        in_raw=fill.in_amount_raw,
        # On paper a sale's fee is taken from what comes out.
        out_raw=fill.out_amount_raw if buying else fill.out_amount_raw - (protocol or 0),
        network_fee=signatures if known else None,
        priority_fee=fill.fees.network_fee_lamports - signatures if known else None,
        platform_fee=protocol if known else None,
    )


def _order(payload_json: str | None) -> Mapping[str, Any]:
    try:
        return mapping_of(decode_object((payload_json or "{}").encode()).get("orderResponse"))
    except BadJsonError:
        return {}


def _signers(trade: LandedTrade) -> int:
    try:
        message = parse_order_transaction(trade.submission.signed_transaction).message
    except SwapNotSentError:
        return 1
    return int(message.header.num_required_signatures)


def _sum(postings: tuple[Posting, ...], account: Account, mint: str) -> int:
    return sum(one.amount_raw for one in postings if one.account is account and one.mint == mint)
