"""What a fill does to the books, to the lamport."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.ledger.models import Account, Intent, Posting, TradeIntended, TradeKind
from nexgent.domain.ledger.state import check_postings
from nexgent.domain.positions.models import CloseReason, PendingTakeProfit, Position
from nexgent.domain.trading.models import Fees, Fill
from nexgent.domain.trading.orders.order_settlement import settle_position_order
from nexgent.domain.trading.settlement import (
    SettlementContext,
    buy_debit_lamports,
    sale_credit_lamports,
    settle_moved,
    settle_purchase,
    settle_sale,
    settle_write_off,
)
from nexgent.domain.transactions.models import TransactionType
from nexgent.shared.money import SOL_MINT, from_raw, sol
from tests.builders import T0, a_fill
from tests.integration.database.story import Story

FEES = Fees(
    protocol_fee_lamports=1_000, protocol_fee_bps=10, network_fee_lamports=105_000, rent_lamports=2_039_280
)
AFTER_FEES = 105_000 + 2_039_280
CONTEXT = SettlementContext(now=T0, sol_usd=Decimal(150), token_symbol="TKN", token_decimals=6)


def of_chain(
    in_raw: int, out_raw: int, total_in_raw: int | None = None, total_out_raw: int | None = None
) -> Fill:
    return a_fill(
        in_raw,
        out_raw,
        total_in_raw=total_in_raw,
        total_out_raw=total_out_raw,
        fees=FEES,
        signature="s" * 88,
    )


def a_sale() -> tuple[Intent, Position]:
    story = Story()
    story.deposit()
    story.buy()
    entry = story.intend(position=next(iter(story.state.positions.values())))
    assert isinstance(entry.body, TradeIntended)
    assert entry.body.position is not None
    return entry.body.intent, entry.body.position


def of_wallet(postings: tuple[Posting, ...]) -> int:
    """Return what a settlement does to the wallet's SOL, having checked that nothing appears or vanishes."""
    check_postings(postings)
    return sum(p.amount_raw for p in postings if p.account is Account.WALLET and p.mint == SOL_MINT)


@pytest.mark.parametrize("total", [1_999_000_777, 2_000_000_333, 1])
def test_a_sale_credits_what_the_chain_says_came_in_whatever_was_quoted(total: int) -> None:
    intent, position = a_sale()
    fill = of_chain(position.quantity_raw, 2_000_000_000, total_out_raw=total)

    settled = settle_sale(intent, fill, CONTEXT, position, reason=CloseReason.MANUAL)

    assert sale_credit_lamports(fill) == total - AFTER_FEES
    assert of_wallet(settled.postings) == total - AFTER_FEES
    assert settled.body.closed is not None
    assert settled.body.closed.profit_loss_sol == sol(total - AFTER_FEES - position.invested_lamports)


def test_a_loss_in_usd_is_nothing_where_nobody_knows_what_sol_is_worth() -> None:
    intent, position = a_sale()
    fill = of_chain(position.quantity_raw, 1_000_000_000)

    settled = settle_sale(intent, fill, replace(CONTEXT, sol_usd=None), position, reason=CloseReason.MANUAL)

    assert settled.body.closed is not None
    assert settled.body.closed.profit_loss_sol != 0
    assert settled.body.closed.profit_loss_usd == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_swap_is_worth_what_its_sol_is_and_nothing_where_nobody_knows_that(known: bool) -> None:
    intent, position = a_sale()
    context = CONTEXT if known else replace(CONTEXT, sol_usd=None)
    fill = of_chain(position.quantity_raw, 2_000_000_000)

    record = settle_sale(intent, fill, context, position, reason=CloseReason.MANUAL).body.transaction

    assert record.value_usd == (Decimal(300) if known else Decimal(0))
    said = replace(fill, swap_usd_value=Decimal("0.5"))
    record = settle_sale(intent, said, context, position, reason=CloseReason.MANUAL).body.transaction
    assert record.value_usd == Decimal("0.5")


def test_what_cost_more_to_sell_than_it_brought_was_sold_for_nothing_and_its_loss_is_more_than_was_invested() -> (
    None
):
    intent, position = a_sale()
    fill = of_chain(position.quantity_raw, 1)

    closed = settle_sale(intent, fill, CONTEXT, position, reason=CloseReason.STOP_LOSS).body.closed

    assert closed is not None
    assert closed.sale_price == 0
    assert closed.profit_loss_sol == sol(1 - 1_000 - AFTER_FEES - position.invested_lamports)


def test_what_is_written_off_is_worth_nothing_and_cost_nothing() -> None:
    intent, position = a_sale()

    record = settle_write_off(intent, CONTEXT, position).body.transaction

    assert record is not None
    assert (record.type, record.input_amount) == (TransactionType.BURN, position.quantity)
    assert [record.value_usd, record.input_price, record.fees] == [Decimal(0)] * 3


def test_a_sale_without_a_total_is_credited_net_of_the_protocol_fee() -> None:
    intent, position = a_sale()
    fill = of_chain(position.quantity_raw, 2_000_000_000)

    settled = settle_sale(intent, fill, CONTEXT, position, reason=CloseReason.MANUAL)

    assert of_wallet(settled.postings) == 2_000_000_000 - 1_000 - AFTER_FEES


@pytest.mark.parametrize(("total", "swap"), [(None, 10**9), (10**9 + 1_234, 10**9 + 1_234), (1, 1)])
def test_a_buy_is_debited_with_what_the_chain_says_went_out(total: int | None, swap: int) -> None:
    intent, _ = a_sale()
    intent = replace(intent, position_id=None, input_mint=SOL_MINT)
    fill = of_chain(10**9, 10**12, total_in_raw=total)

    settled = settle_purchase(intent, fill, CONTEXT, stop_loss_pct=None)

    assert buy_debit_lamports(fill) == swap + AFTER_FEES
    assert of_wallet(settled.postings) == -(swap + AFTER_FEES)
    assert settled.body.position is not None
    assert settled.body.position.invested_lamports == swap + AFTER_FEES


@pytest.mark.parametrize("levels", [None, 0, 2])
def test_a_part_that_is_sold_reaches_the_levels_that_were_noted_before_and_none_otherwise(
    levels: int | None,
) -> None:
    sale, position = a_sale()
    half = position.quantity_raw // 2
    intent = replace(sale, kind=TradeKind.TAKE_PROFIT, cause=CloseReason.TAKE_PROFIT.value, amount_raw=half)
    pending = PendingTakeProfit(levels, None) if levels is not None else None
    position = replace(position, take_profit_levels_hit=1, pending_take_profit=pending)

    settled = settle_position_order(
        intent, of_chain(half, 2_000_000_000), CONTEXT, position, position.base_trail, TradingConfig()
    )

    left = settled.body.position
    assert left is not None
    assert left.version == position.version + 1
    assert (left.quantity_raw, left.take_profit_levels_hit) == (
        position.quantity_raw - half,
        1 + (levels or 0),
    )


@pytest.mark.parametrize("left", [0, 1])
def test_tokens_that_left_the_wallet_leave_at_what_they_cost_and_the_last_of_them_closes_the_position(
    left: int,
) -> None:
    intent, position = a_sale()
    moved = position.quantity_raw - left

    settlement = settle_moved(intent, CONTEXT, position, moved)

    check_postings(settlement.postings)
    body, record = settlement.body, settlement.body.transaction
    assert (record.type, record.input_amount) == (
        TransactionType.BURN,
        from_raw(moved, position.decimals),
    )
    assert body.reason is CloseReason.EXTERNAL
    if left:
        assert body.closed is None
        assert body.position is not None
        assert (body.position.quantity_raw, body.position.purchased_raw) == (left, left)
        assert body.position.version == position.version + 1
        assert body.position.cost_basis_lamports == body.position.invested_lamports
        assert body.position.realized_lamports == position.realized_lamports
    else:
        assert body.position is None
        assert body.closed is not None
        assert (body.closed.profit_loss_sol, body.closed.close_reason) == (Decimal(0), CloseReason.EXTERNAL)


def test_what_is_settled_again_later_has_the_ids_it_had_and_those_of_later_trades_sort_behind() -> None:
    """An attempt may have been written without anybody having heard of it."""
    intent, position = a_sale()
    fill = of_chain(position.quantity_raw, 2_000_000_000)

    first, again = (
        settle_sale(intent, fill, replace(CONTEXT, now=now), position, reason=CloseReason.MANUAL).body
        for now in (T0, T0 + timedelta(days=1))
    )
    later = settle_sale(
        replace(intent, created_at=intent.created_at + timedelta(milliseconds=1)),
        fill,
        CONTEXT,
        replace(position, opened_at=position.opened_at + timedelta(milliseconds=1)),
        reason=CloseReason.MANUAL,
    ).body

    assert first.closed is not None
    assert again.closed is not None
    assert later.closed is not None
    assert first.transaction.id == again.transaction.id < later.transaction.id
    assert first.closed.id == again.closed.id < later.closed.id
