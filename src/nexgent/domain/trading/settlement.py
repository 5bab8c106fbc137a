"""Book a fill: postings, transaction, new position, closed trade. Pure; money in base units, cash flow decides profit.

Ledger amounts (compatible with the reference):
- a buy debits what the swap took (its total when the chain told it) plus network fee and rent;
- a sale credits what the swap gave, net of the protocol fee (its total when the chain told it), minus network fee and rent.
Prices of a fill are SOL swap amount over token amount, totals and fees excluded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from nexgent.domain.ledger.models import Intent, Posting, TradeSettled
from nexgent.domain.ledger.postings import Token
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.rules.dca import average_after_dca
from nexgent.domain.trading.rules.profit_loss import cost_basis_of_part, full_profit_loss
from nexgent.domain.trading.swap_postings import burn_postings, buy_postings, sale_postings
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord, TransactionType
from nexgent.shared.ids import derived_at, derived_id
from nexgent.shared.money import (
    CONTEXT,
    SOL_MINT,
    SOL_SYMBOL,
    from_raw,
    lamports,
    sol,
    unit_price_sol,
)
from nexgent.shared.structs import as_struct, replace
from nexgent.shared.types import ClosedTradeId, PositionId, TokenAddress, TransactionId

HUNDRED = Decimal(100)


@as_struct
@dataclass(frozen=True, slots=True)
class Settlement:
    """What to write for a fill."""

    body: TradeSettled
    postings: tuple[Posting, ...]


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementContext:
    """What is known beside the fill."""

    now: datetime
    sol_usd: Decimal | None
    """USD per SOL for display figures; None writes 0 where the swap provider gave no USD value."""
    token_symbol: str
    token_decimals: int


def transaction_id_for(intent: Intent) -> TransactionId:
    """Return the id of the transaction that will book the intent: one, however often that is tried."""
    return TransactionId(derived_at(intent.created_at, "transaction", intent.id))


def position_id_for(intent: Intent) -> PositionId:
    """Return the id of the position a purchase will open."""
    return PositionId(derived_id("opened", intent.id))


def closed_trade_id_for(position: Position) -> ClosedTradeId:
    """Return the id of the trade a position will be when it is closed, which happens once."""
    return ClosedTradeId(derived_at(position.opened_at, "closed", position.id))


def buy_debit_lamports(fill: Fill) -> int:
    """Return the SOL a buy costs the wallet, everything included."""
    swap = fill.total_in_raw if fill.total_in_raw is not None else fill.in_amount_raw
    return swap + fill.fees.network_and_rent_lamports


def sale_credit_lamports(fill: Fill) -> int:
    """Return the SOL a sale brings the wallet, everything deducted. Negative when fees exceed the proceeds."""
    if fill.total_out_raw is not None:
        return fill.total_out_raw - fill.fees.network_and_rent_lamports
    return fill.out_amount_raw - (fill.fees.protocol_fee_lamports or 0) - fill.fees.network_and_rent_lamports


def cost_of_part_lamports(position: Position, part_raw: int) -> int:
    """Return what so many base units of what a position holds had cost, fees included."""
    return lamports(
        cost_basis_of_part(
            sol(position.cost_basis_lamports), position.quantity, from_raw(part_raw, position.decimals)
        )
    )


def settle_purchase(
    intent: Intent, fill: Fill, context: SettlementContext, *, stop_loss_pct: Decimal | None
) -> Settlement:
    """Book a first buy: the position opens at the fill's price, with its stop where the configuration puts it."""
    debit = buy_debit_lamports(fill)
    record = _buy_record(intent, fill, context)
    entry_price = unit_price_sol(fill.in_amount_raw, fill.out_amount_raw, context.token_decimals)
    position_id = position_id_for(intent)
    trail = PositionTrail(
        position_id=position_id,
        position_version=1,
        peak_price_sol=entry_price,
        lowest_price_sol=entry_price,
        stop_loss_pct=stop_loss_pct,
        stop_updated_at=context.now if stop_loss_pct is not None else None,
    )
    position = Position.opened(
        trail=trail,
        agent_id=intent.agent_id,
        wallet_address=intent.wallet_address,
        token_address=intent.token_address,
        token_symbol=context.token_symbol,
        decimals=context.token_decimals,
        transaction_id=record.id,
        signal_id=intent.signal_id,
        entry_price_sol=entry_price,
        quantity_raw=fill.out_amount_raw,
        cost_lamports=debit,
        at=context.now,
        purchase_hash=fill.signature,
    )
    body = TradeSettled(
        intent_id=intent.id,
        transaction=record,
        position_id=position_id,
        position=position,
        closed=None,
        reason=None,
    )
    return Settlement(body, buy_postings(_token(intent, context), fill, debit))


def settle_dca(
    intent: Intent,
    fill: Fill,
    context: SettlementContext,
    position: Position,
    *,
    stop_loss_pct: Decimal | None,
    levels_total: int,
    price_sol: Decimal | None = None,
    lowest_price_sol: Decimal | None = None,
) -> Settlement:
    """Book an averaging-down buy: average over everything bought, peak and stop re-based to the new average.

    The peak restarts at the higher of the new average and the present price (where one was looked at), so that an old peak
    cannot fire the stop at once. `lowest_price_sol` is the lowest price so far, the base trail's where it is not given.
    """
    debit = buy_debit_lamports(fill)
    invested = position.invested_lamports + debit
    purchased = position.purchased_raw + fill.out_amount_raw
    average = average_after_dca(
        sol(position.invested_lamports),
        position.purchased,
        sol(debit),
        from_raw(fill.out_amount_raw, position.decimals),
    )
    version = position.version + 1
    lows = [position.base_trail.lowest_price_sol]
    lows += [low for low in (price_sol, lowest_price_sol) if low is not None]
    trail = PositionTrail(
        position_id=position.id,
        position_version=version,
        peak_price_sol=max(average, price_sol) if price_sol is not None else average,
        lowest_price_sol=min(lows),
        stop_loss_pct=stop_loss_pct,
        stop_updated_at=context.now if stop_loss_pct is not None else None,
    )
    changed = replace(
        position,
        version=version,
        entry_price_sol=average,
        purchased_raw=purchased,
        quantity_raw=position.quantity_raw + fill.out_amount_raw,
        invested_lamports=invested,
        cost_basis_lamports=position.cost_basis_lamports + debit,
        dca_count=position.dca_count + 1,
        dca_transaction_ids=(*position.dca_transaction_ids, transaction_id_for(intent)),
        last_dca_at=context.now,
        take_profit_batch_start=position.take_profit_levels_hit,
        take_profit_levels_total=position.take_profit_levels_hit + levels_total,
        updated_at=context.now,
        base_trail=trail,
    )
    body = TradeSettled(
        intent_id=intent.id,
        transaction=replace(_buy_record(intent, fill, context), is_dca=True),
        position_id=position.id,
        position=changed,
        closed=None,
        reason=None,
    )
    return Settlement(body, buy_postings(_token(intent, context), fill, debit))


def settle_sale(
    intent: Intent,
    fill: Fill,
    context: SettlementContext,
    position: Position,
    *,
    reason: CloseReason,
    levels_hit: int = 0,
    activate_moon_bag_raw: int | None = None,
) -> Settlement:
    """Book a sale of all or part of a position.

    Everything sold closes the position with a trade whose profit is all SOL received minus all SOL invested. A part sold
    realises its net proceeds minus its share of the remaining cost basis; an exit that sold only a part stays pending.
    """
    credit = sale_credit_lamports(fill)
    record = _sale_record(intent, fill, context, is_take_profit=reason is CloseReason.TAKE_PROFIT)
    postings = sale_postings(_token(intent, context), fill, credit)
    left = position.quantity_raw - fill.in_amount_raw
    if left <= 0:
        closed = close_trade(position, record.id, position.received_lamports + credit, reason, context)
        body = TradeSettled(intent.id, record, position.id, None, closed, reason)
        return Settlement(body, postings)
    basis_sold = cost_of_part_lamports(position, fill.in_amount_raw)
    changed = replace(
        position,
        version=position.version + 1,
        quantity_raw=left,
        cost_basis_lamports=position.cost_basis_lamports - basis_sold,
        received_lamports=position.received_lamports + credit,
        realized_lamports=position.realized_lamports + credit - basis_sold,
        partially_sold=True,
        take_profit_levels_hit=position.take_profit_levels_hit + levels_hit,
        take_profit_transaction_ids=(*position.take_profit_transaction_ids, record.id),
        last_take_profit_at=context.now
        if reason is CloseReason.TAKE_PROFIT
        else position.last_take_profit_at,
        moon_bag_activated=position.moon_bag_activated or activate_moon_bag_raw is not None,
        moon_bag_raw=activate_moon_bag_raw if activate_moon_bag_raw is not None else position.moon_bag_raw,
        updated_at=context.now,
        pending_take_profit=None,
    )
    return Settlement(TradeSettled(intent.id, record, position.id, changed, None, reason), postings)


def settle_write_off(intent: Intent, context: SettlementContext, position: Position) -> Settlement:
    """Book what is left of a worthless holding as lost: the tokens are burnt and the position closes with its loss."""
    record = _gone_record(intent, context, position, position.quantity)
    postings = burn_postings(_token(intent, context), position.quantity_raw)
    closed = close_trade(position, record.id, position.received_lamports, CloseReason.WRITE_OFF, context)
    body = TradeSettled(intent.id, record, position.id, None, closed, CloseReason.WRITE_OFF)
    return Settlement(body, postings)


def settle_moved(
    intent: Intent, context: SettlementContext, position: Position, moved_raw: int
) -> Settlement:
    """Book tokens of a position that left the wallet without a sale anybody knows of.

    They leave at what they cost: nothing is won or lost by it, and what is left is as if they had never been bought.
    """
    record = _gone_record(intent, context, position, from_raw(moved_raw, position.decimals))
    postings = burn_postings(_token(intent, context), moved_raw)
    reason = CloseReason.EXTERNAL
    left = position.quantity_raw - moved_raw
    if left <= 0:
        at_cost = position.received_lamports + position.cost_basis_lamports
        closed = close_trade(position, record.id, at_cost, reason, context)
        return Settlement(TradeSettled(intent.id, record, position.id, None, closed, reason), postings)
    basis = cost_of_part_lamports(position, moved_raw)
    changed = replace(
        position,
        version=position.version + 1,
        purchased_raw=position.purchased_raw - moved_raw,
        quantity_raw=left,
        invested_lamports=position.invested_lamports - basis,
        cost_basis_lamports=position.cost_basis_lamports - basis,
        moon_bag_raw=min(position.moon_bag_raw, left) if position.moon_bag_raw is not None else None,
        updated_at=context.now,
    )
    return Settlement(TradeSettled(intent.id, record, position.id, changed, None, reason), postings)


def close_trade(
    position: Position,
    sale_transaction_id: TransactionId,
    received_lamports: int,
    reason: CloseReason,
    context: SettlementContext,
) -> ClosedTrade:
    """Return the closed trade of a position that has brought `received_lamports` in all."""
    result = full_profit_loss(
        sol(position.invested_lamports),
        sol(received_lamports),
        CONTEXT.multiply(position.entry_price_sol, position.purchased),
        context.sol_usd if context.sol_usd is not None else Decimal(0),
    )
    return ClosedTrade(
        id=closed_trade_id_for(position),
        position_id=position.id,
        agent_id=position.agent_id,
        wallet_address=position.wallet_address,
        token_address=position.token_address,
        token_symbol=position.token_symbol,
        amount=position.purchased,
        purchase_price=position.entry_price_sol,
        sale_price=unit_price_sol(max(received_lamports, 0), position.purchased_raw, position.decimals),
        change_percent=result.change_pct,
        profit_loss_usd=result.profit_loss_usd,
        profit_loss_sol=result.profit_loss_sol,
        purchase_time=position.opened_at,
        sale_time=context.now,
        purchase_transaction_id=position.purchase_transaction_id,
        sale_transaction_id=sale_transaction_id,
        signal_id=position.signal_id,
        close_reason=reason,
    )


def _gone_record(
    intent: Intent, context: SettlementContext, position: Position, amount: Decimal
) -> TransactionRecord:
    return TransactionRecord(
        id=transaction_id_for(intent),
        agent_id=intent.agent_id,
        wallet_address=intent.wallet_address,
        type=TransactionType.BURN,
        value_usd=Decimal(0),
        time=context.now,
        input_mint=position.token_address,
        input_symbol=position.token_symbol,
        input_amount=amount,
        input_price=Decimal(0),
        signal_id=position.signal_id,
        fees=Decimal(0),
    )


def _token(intent: Intent, context: SettlementContext) -> Token:
    return Token(intent.token_address, context.token_symbol, context.token_decimals)


def _value_usd(fill: Fill, amount_lamports: int, context: SettlementContext) -> Decimal:
    if fill.swap_usd_value is not None:
        return fill.swap_usd_value
    return sol(amount_lamports) * context.sol_usd if context.sol_usd is not None else Decimal(0)


def _record(
    intent: Intent,
    fill: Fill,
    context: SettlementContext,
    *,
    sold: tuple[TokenAddress, str, Decimal, Decimal],
    bought: tuple[TokenAddress, str, Decimal, Decimal],
    value_usd: Decimal,
    is_take_profit: bool = False,
) -> TransactionRecord:
    protocol = fill.fees.protocol_fee_lamports
    return TransactionRecord(
        id=transaction_id_for(intent),
        agent_id=intent.agent_id,
        wallet_address=intent.wallet_address,
        type=TransactionType.SWAP,
        value_usd=value_usd,
        time=context.now,
        input_mint=sold[0],
        input_symbol=sold[1],
        input_amount=sold[2],
        input_price=sold[3],
        output_mint=bought[0],
        output_symbol=bought[1],
        output_amount=bought[2],
        output_price=bought[3],
        signal_id=intent.signal_id,
        fees=Decimal(0),
        routes_json=fill.routes_json,
        slippage=Decimal(fill.slippage_bps) / HUNDRED,
        price_impact=fill.price_impact_ratio,
        is_take_profit=is_take_profit,
        transaction_hash=fill.signature,
        swap_payload_json=fill.payload_json,
        protocol_fee_sol=sol(protocol) if protocol is not None else None,
        network_fee_sol=sol(fill.fees.network_and_rent_lamports),
    )


def _buy_record(intent: Intent, fill: Fill, context: SettlementContext) -> TransactionRecord:
    price = unit_price_sol(fill.in_amount_raw, fill.out_amount_raw, context.token_decimals)
    tokens = from_raw(fill.out_amount_raw, context.token_decimals)
    spent = fill.total_in_raw if fill.total_in_raw is not None else fill.in_amount_raw
    return _record(
        intent,
        fill,
        context,
        sold=(SOL_MINT, SOL_SYMBOL, sol(fill.in_amount_raw), Decimal(1)),
        bought=(intent.token_address, context.token_symbol, tokens, price),
        value_usd=_value_usd(fill, spent, context),
    )


def _sale_record(
    intent: Intent, fill: Fill, context: SettlementContext, *, is_take_profit: bool
) -> TransactionRecord:
    price = unit_price_sol(fill.out_amount_raw, fill.in_amount_raw, context.token_decimals)
    tokens = from_raw(fill.in_amount_raw, context.token_decimals)
    return _record(
        intent,
        fill,
        context,
        sold=(intent.token_address, context.token_symbol, tokens, price),
        bought=(SOL_MINT, SOL_SYMBOL, sol(fill.out_amount_raw), Decimal(1)),
        value_usd=_value_usd(fill, fill.out_amount_raw, context),
        is_take_profit=is_take_profit,
    )
