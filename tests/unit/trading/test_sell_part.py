"""Selling a part by hand: how much, what is booked, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.errors import PositionNotFoundError
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.trading.errors import (
    QuoteFailedError,
    SwapUnavailableError,
    TradeRejectedError,
    ZeroBalanceError,
)
from nexgent.domain.trading.orders.errors import ExitPendingError
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.sell_part import SellPart, SellPartRequest
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest
from nexgent.domain.wallets.close_by_hand import CloseByHand
from nexgent.shared.errors import ForbiddenError
from nexgent.shared.ids import new_id
from nexgent.shared.money import lamports
from nexgent.shared.types import PositionId, UserId
from tests.builders import USER, a_config, a_live_agent, an_agent
from tests.fakes.engine import FakeEngine

LEVELS = [{"targetPercent": 50, "sellPercent": 50}, {"targetPercent": 100, "sellPercent": 50}]
RULES = {
    "takeProfit": {"enabled": True, "mode": "custom", "levels": LEVELS, "moonBag": {"enabled": False}},
    "staleTrade": {"enabled": False},
}


async def a_holding() -> tuple[FakeEngine, Agent, Position]:
    """An agent with a position in an engine that trades at a price of its own."""
    engine, agent = FakeEngine(), an_agent(a_config(RULES))
    await engine.add_agent(agent)
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    return engine, agent, bought.position


def by_hand(engine: FakeEngine) -> CloseByHand:
    return CloseByHand(directory=engine.directory, book=engine.book, sale=engine.sales, keys=engine.keys)


@pytest.mark.parametrize(
    ("percent", "share"), [("25", (1, 4)), ("0.5", (1, 200)), ("99.999", (99999, 100000))]
)
async def test_a_part_of_what_is_held_is_sold_rounded_down(percent: str, share: tuple[int, int]) -> None:
    engine, agent, held = await a_holding()

    sold = await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(percent))

    (left,) = engine.positions(agent)
    gone_raw = held.quantity_raw * share[0] // share[1]
    assert left.quantity_raw == held.quantity_raw - gone_raw
    assert sold.remaining_amount == left.quantity
    assert sold.input_amount == held.quantity - left.quantity
    assert sold.output_amount > 0
    assert engine.closed_trades() == []


async def test_a_second_part_is_of_what_is_left() -> None:
    engine, agent, held = await a_holding()

    for _ in range(2):
        await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(50))

    (left,) = engine.positions(agent)
    half_raw = held.quantity_raw - held.quantity_raw // 2
    assert left.quantity_raw == half_raw - half_raw // 2


async def test_costs_and_proceeds_are_shared_and_add_up_when_the_rest_is_closed() -> None:
    engine, agent, held = await a_holding()

    await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(50))
    (left,) = engine.positions(agent)
    assert left.partially_sold
    assert left.received_lamports > 0
    assert abs(left.cost_basis_lamports * 2 - held.cost_basis_lamports) <= 1
    await by_hand(engine).execute(agent.id, held.id, USER, CloseReason.MANUAL)

    (closed,) = engine.closed_trades()
    assert closed.position_id == held.id
    assert closed.close_reason is CloseReason.MANUAL
    assert engine.positions(agent) == []


async def test_levels_of_take_profit_are_neither_used_up_nor_changed() -> None:
    engine, agent, held = await a_holding()

    await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(10))
    (left,) = engine.positions(agent)
    assert left.take_profit_levels_hit == 0
    assert not left.moon_bag_activated
    assert left.pending_take_profit is None

    seen = PriceEvidence(price_sol=held.entry_price_sol * Decimal("1.6"), source="test", age_ms=0)
    await engine.take_profit.execute(
        TakeProfitRequest(wallet_address=held.wallet_address, position_id=held.id, evidence=seen)
    )
    (after,) = engine.positions(agent)
    assert after.take_profit_levels_hit == 1
    assert left.quantity_raw - after.quantity_raw == held.quantity_raw // 2


async def test_what_is_being_left_is_not_sold_in_parts() -> None:
    engine, agent, held = await a_holding()
    await engine.sales.remember(
        ClosePositionRequest(
            wallet_address=held.wallet_address, position_id=held.id, reason=CloseReason.STOP_LOSS
        )
    )

    with pytest.raises(ExitPendingError):
        await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(50))
    assert [one.quantity_raw for one in engine.positions(agent)] == [held.quantity_raw]


async def test_less_than_a_base_unit_is_nothing() -> None:
    engine, agent, held = await a_holding()

    with pytest.raises(ZeroBalanceError):
        await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal("1e-18"))


@pytest.mark.parametrize("percent", ["0", "-1", "100", "250"])
async def test_all_or_nothing_is_no_part(percent: str) -> None:
    engine, _, held = await a_holding()
    part = SellPart(operations=engine.sales.operations)

    with pytest.raises(ValueError, match="above 0 and below 100"):
        await part.execute(
            SellPartRequest(wallet_address=held.wallet_address, position_id=held.id, percent=Decimal(percent))
        )


async def test_a_single_base_unit_is_a_part() -> None:
    engine, agent, held = await a_holding()
    engine.swaps.price_sol = Decimal(10)

    await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(100) / held.quantity_raw)

    assert [one.quantity_raw for one in engine.positions(agent)] == [held.quantity_raw - 1]


async def test_what_is_sold_goes_before_everything_else_in_the_budget_and_what_is_bought_does_not() -> None:
    engine, agent, held = await a_holding()
    await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(10))
    seen = PriceEvidence(price_sol=held.entry_price_sol * Decimal("1.6"), source="test", age_ms=0)
    await engine.take_profit.execute(
        TakeProfitRequest(wallet_address=held.wallet_address, position_id=held.id, evidence=seen)
    )
    await by_hand(engine).execute(agent.id, held.id, USER, CloseReason.MANUAL)

    assert engine.swaps.urgent == [False, True, True, True]


async def test_only_its_owner_sells() -> None:
    engine, agent, held = await a_holding()

    with pytest.raises(ForbiddenError):
        await by_hand(engine).sell_part(agent.id, held.id, UserId(new_id()), Decimal(50))
    with pytest.raises(PositionNotFoundError):
        await by_hand(engine).sell_part(agent.id, PositionId(new_id()), USER, Decimal(50))
    assert [one.quantity_raw for one in engine.positions(agent)] == [held.quantity_raw]


@pytest.mark.parametrize("percent", ["25", "100"])
async def test_a_preview_is_the_sale_and_writes_nothing(percent: str) -> None:
    engine, agent, held = await a_holding()
    engine.swaps.price_sol *= 2
    written, before = len(engine.journal.entries), engine.balance_raw(agent)

    seen = await by_hand(engine).preview(agent.id, held.id, USER, Decimal(percent))
    assert len(engine.journal.entries) == written
    assert (engine.swaps.urgent[-1], engine.swaps.requests[-1].only_looked_at) == (False, True)
    if percent == "100":
        done = await by_hand(engine).execute(agent.id, held.id, USER, CloseReason.MANUAL)
        assert (seen.amount, seen.remaining_amount) == (done.input_amount, Decimal(0))
        assert seen.profit_loss_sol == done.profit_loss_sol
    else:
        part = await by_hand(engine).sell_part(agent.id, held.id, USER, Decimal(percent))
        assert (seen.amount, seen.remaining_amount) == (part.input_amount, part.remaining_amount)
        (left,) = engine.positions(agent)
        assert lamports(seen.profit_loss_sol) == left.realized_lamports
        assert lamports(seen.cost_sol) == held.cost_basis_lamports - left.cost_basis_lamports
    assert lamports(seen.received_sol) == engine.balance_raw(agent) - before
    assert engine.swaps.requests[-1] == replace(engine.swaps.requests[-2], only_looked_at=False)
    assert seen.price_sol == Decimal("0.002")
    assert seen.price_impact_pct == Decimal("0.1")
    assert (
        seen.received_sol
        == seen.amount * seen.price_sol - (seen.protocol_fee_sol or 0) - seen.network_fee_sol
    )
    assert 99 < seen.profit_loss_pct < 100


async def test_a_preview_is_refused_as_the_sale_is() -> None:
    engine, agent, held = await a_holding()
    use_case, half, all_of_it = by_hand(engine), Decimal(50), Decimal(100)

    with pytest.raises(ForbiddenError):
        await use_case.preview(agent.id, held.id, UserId(new_id()), half)
    with pytest.raises(PositionNotFoundError):
        await use_case.preview(agent.id, PositionId(new_id()), USER, half)
    with pytest.raises(ZeroBalanceError):
        await use_case.preview(agent.id, held.id, USER, Decimal("1e-18"))
    for percent in (half, all_of_it):
        engine.swaps.failures += [QuoteFailedError("no route"), SwapUnavailableError("busy")]
        with pytest.raises(QuoteFailedError):
            await use_case.preview(agent.id, held.id, USER, percent)
        with pytest.raises(SwapUnavailableError):
            await use_case.preview(agent.id, held.id, USER, percent)
    await engine.sales.remember(
        ClosePositionRequest(
            wallet_address=held.wallet_address, position_id=held.id, reason=CloseReason.STOP_LOSS
        )
    )
    with pytest.raises(ExitPendingError):
        await use_case.preview(agent.id, held.id, USER, half)
    assert (await use_case.preview(agent.id, held.id, USER, all_of_it)).remaining_amount == 0


async def test_a_locked_wallet_refuses_a_preview_before_anybody_is_asked() -> None:
    engine, agent = FakeEngine(), a_live_agent(a_config(RULES))
    await engine.add_agent(agent)
    engine.keys.loaded.add(agent.wallets[0].address)
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    assert (await by_hand(engine).preview(agent.id, bought.position.id, USER, Decimal(50))).amount > 0
    engine.keys.loaded.clear()
    asked = len(engine.swaps.requests)

    with pytest.raises(TradeRejectedError) as refused:
        await by_hand(engine).preview(agent.id, bought.position.id, USER, Decimal(50))
    assert refused.value.code == "WALLET_NOT_LOADED"
    assert len(engine.swaps.requests) == asked
