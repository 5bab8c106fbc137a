"""Take profit, averaging down, stale close and their order on one tick, through the real use cases over fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import update_config
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.errors import InsufficientBalanceError
from nexgent.domain.ledger.models import (
    ExitAsked,
    PriceEvidence,
    TradeFailed,
    TradeIntended,
    TradeKind,
    TradeSettled,
)
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.events import PositionUpdated
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.protections.models import ProtectionVerdict
from nexgent.domain.trading.errors import QuoteFailedError, SwapUnavailableError, TradeRejectedError
from nexgent.domain.trading.models import QuoteRequest
from nexgent.domain.trading.orders.average_down import AverageDown, AverageDownRequest
from nexgent.domain.trading.orders.errors import PriceMovedError
from nexgent.domain.trading.orders.position_orders import PositionOrders
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest, TakeProfitSale
from nexgent.shared.money import SOL_MINT, lamports, sol
from nexgent.shared.types import TokenAddress
from tests import patience
from tests.builders import TOKEN, a_config, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.passes import recovered

TAKE_PROFIT = {
    "takeProfit": {
        "enabled": True,
        "mode": "custom",
        "levels": [{"targetPercent": 50, "sellPercent": 50}, {"targetPercent": 100, "sellPercent": 50}],
        "moonBag": {"enabled": False},
    }
}
DCA = {"dca": {"enabled": True, "mode": "custom", "levels": [{"dropPercent": -20, "buyPercent": 50}]}}
CALM = {"staleTrade": {"enabled": False}}


async def an_engine(
    *sections: Mapping[str, object], size_sol: Decimal = Decimal(1)
) -> tuple[FakeEngine, Agent, Position]:
    """Return an engine with one agent that holds 1000 tokens, bought at 0.001 SOL."""
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config(*sections)))
    (result,) = await engine.buy([agent], size_sol=size_sol)
    assert result.position is not None
    return engine, agent, result.position


async def until(condition: Callable[[], bool]) -> None:
    await patience.until(condition)
    # The ledger's head shows what is staged; let it be committed and announced.
    for _ in range(50):
        await asyncio.sleep(0)


def kinds(engine: FakeEngine) -> list[TradeKind]:
    """Return the kinds of all operations intended on positions."""
    bodies = [entry.body for entry in engine.journal.entries]
    intents = [body.intent for body in bodies if isinstance(body, TradeIntended)]
    return [intent.kind for intent in intents if intent.position_id is not None]


async def test_a_reached_level_sells_its_part_and_keeps_the_rest() -> None:
    engine, agent, _ = await an_engine(TAKE_PROFIT, CALM)

    engine.move_to(Decimal("0.0014999"))
    await engine.settle()
    assert kinds(engine) == []
    engine.move_to(Decimal("0.0015"))
    await until(lambda: engine.positions(agent)[0].partially_sold)

    (position,) = engine.positions(agent)
    assert position.quantity == Decimal(500)
    assert position.take_profit_levels_hit == 1
    assert sol(position.realized_lamports) == Decimal("0.2490925")
    assert position.pending_take_profit is None
    engine.price(Decimal("0.0015"))
    await engine.settle()
    assert kinds(engine) == [TradeKind.TAKE_PROFIT]


async def test_levels_crossed_in_one_tick_are_one_sale_that_closes_the_position() -> None:
    engine, agent, _ = await an_engine(TAKE_PROFIT, CALM)

    engine.move_to(Decimal("0.003"))
    await until(lambda: not engine.positions(agent))

    (closed,) = engine.closed_trades()
    assert closed.close_reason is CloseReason.TAKE_PROFIT
    assert kinds(engine) == [TradeKind.TAKE_PROFIT]
    assert engine.balance_raw(agent, TOKEN) == 0
    assert closed.profit_loss_sol == sol(engine.balance_raw(agent)) - Decimal(10)
    assert len(engine.book) == 0


async def test_rounding_down_every_level_leaves_no_dust_position() -> None:
    third = {"targetPercent": 50, "sellPercent": Decimal("33.33")}
    levels = [
        third,
        {"targetPercent": 100, "sellPercent": Decimal("33.33")},
        {"targetPercent": 150, "sellPercent": Decimal("33.34")},
    ]
    sections = {
        "takeProfit": {"enabled": True, "mode": "custom", "levels": levels, "moonBag": {"enabled": False}}
    }
    engine, agent, position = await an_engine(sections, CALM, size_sol=Decimal("0.100000001"))
    assert position.purchased_raw % 100 != 0
    for price in ("0.0015", "0.002", "0.0025"):
        before = engine.positions(agent)[0].version
        engine.move_to(Decimal(price))
        await until(lambda: not engine.positions(agent) or engine.positions(agent)[0].version > before + 1)  # noqa: B023 - awaited in the loop

    assert engine.positions(agent) == []
    assert engine.balance_raw(agent, TOKEN) == 0


async def test_the_moon_bag_stays_and_is_left_to_the_stop() -> None:
    sections = {"takeProfit": {"enabled": True, "mode": "moderate", "moonBag": {"enabled": True}}}
    engine, agent, _ = await an_engine(sections, CALM)

    engine.move_to(Decimal("0.005"))
    await until(lambda: engine.positions(agent)[0].moon_bag_activated)

    (position,) = engine.positions(agent)
    assert position.quantity == Decimal(100)
    assert position.moon_bag_raw == position.quantity_raw
    engine.move_to(Decimal("0.006"))
    await engine.settle()
    assert kinds(engine) == [TradeKind.TAKE_PROFIT]
    engine.move_to(Decimal("0.002"))
    await until(lambda: not engine.positions(agent))
    assert engine.closed_trades()[0].close_reason is CloseReason.STOP_LOSS


async def test_a_dca_buys_part_of_the_market_value_and_rebases_peak_and_stop() -> None:
    engine, agent, _ = await an_engine(DCA, CALM)
    engine.move_to(Decimal("0.00115"))

    engine.move_to(Decimal("0.0008"))
    await until(lambda: engine.positions(agent)[0].dca_count == 1)

    (position,) = engine.positions(agent)
    # Half of 1000 tokens at 0.0008 is 0.4 SOL, which buys 500 tokens.
    assert position.invested_lamports == 1_000_105_000 + 400_105_000
    assert position.purchased == Decimal(1500)
    held = engine.held(agent)
    assert held.trail.peak_price_sol == position.entry_price_sol
    assert held.trail.stop_loss_pct == Decimal(-32)
    assert held.trail.lowest_price_sol == Decimal("0.0008")
    engine.price(Decimal("0.0008"))
    await engine.settle()
    assert kinds(engine) == [TradeKind.DCA_BUY]


async def test_an_old_peak_does_not_fire_the_stop_after_a_dca() -> None:
    trailing = {"stopLoss": {"mode": "fixed", "defaultPercentage": -50}}
    engine, agent, _ = await an_engine(DCA, CALM, trailing)
    engine.move_to(Decimal("0.00119"))

    engine.move_to(Decimal("0.0008"))
    await until(lambda: engine.positions(agent)[0].dca_count == 1)
    engine.move_to(Decimal("0.00075"))
    await engine.settle()

    assert kinds(engine) == [TradeKind.DCA_BUY]


async def test_the_stop_comes_before_averaging_down() -> None:
    engine, agent, _ = await an_engine(DCA, CALM)

    engine.move_to(Decimal("0.0005"))
    await until(lambda: not engine.positions(agent))

    assert kinds(engine) == [TradeKind.SALE]


async def test_take_profit_comes_before_the_stale_close() -> None:
    stale = {"staleTrade": {"enabled": True, "minProfitPercent": 1, "maxProfitPercent": 60}}
    engine, agent, _ = await an_engine(TAKE_PROFIT, stale)
    engine.clock.advance(3_600)

    engine.move_to(Decimal("0.0015"))
    await until(lambda: engine.positions(agent)[0].partially_sold)

    assert kinds(engine) == [TradeKind.TAKE_PROFIT]


async def test_a_stale_position_is_left_at_the_edge_of_the_band_and_not_before_its_time() -> None:
    engine, agent, _ = await an_engine()
    engine.clock.advance(3_599)
    engine.move_to(Decimal("0.0011"))
    await engine.settle()
    assert kinds(engine) == []

    engine.clock.advance(1)
    engine.move_to(Decimal("0.00110001"))
    await engine.settle()
    assert kinds(engine) == []
    engine.move_to(Decimal("0.0011"))
    await until(lambda: not engine.positions(agent))

    assert engine.closed_trades()[0].close_reason is CloseReason.STALE_TRADE


async def test_a_position_without_stop_and_take_profit_is_tracked_and_left_when_stale() -> None:
    engine, agent, _ = await an_engine({"stopLoss": {"enabled": False}, "takeProfit": {"enabled": False}})
    assert len(engine.book) == 1

    engine.move_to(Decimal("0.0001"))
    await engine.settle()
    assert kinds(engine) == []
    engine.clock.advance(3_600)
    engine.move_to(Decimal("0.00105"))
    await until(lambda: not engine.positions(agent))


async def test_take_profit_then_dca_then_stop_books_the_cash_flow() -> None:
    """The reference adds 0.033 SOL of profit that never was when take profit and DCA interleave."""
    # A trailing stop would lock the gain in and sell before the price is low enough for a DCA.
    unlocked = {"stopLoss": {"mode": "custom", "trailingLevels": [{"change": 900, "stopLoss": 1}]}}
    engine, agent, _ = await an_engine(TAKE_PROFIT, DCA, CALM, unlocked)
    engine.move_to(Decimal("0.0015"))
    await until(lambda: engine.positions(agent)[0].partially_sold)
    engine.move_to(Decimal("0.0008"))
    await until(lambda: engine.positions(agent)[0].dca_count == 1)
    (position,) = engine.positions(agent)
    assert (
        position.invested_lamports
        == position.cost_basis_lamports + position.received_lamports - position.realized_lamports
    )
    assert (position.take_profit_batch_start, position.take_profit_levels_total) == (1, 3)
    engine.move_to(Decimal("0.0005"))
    await until(lambda: not engine.positions(agent))

    (closed,) = engine.closed_trades()
    assert closed.profit_loss_sol == sol(engine.balance_raw(agent)) - Decimal(10)
    wallet = agent.wallets[0].address
    assert engine.journal.replay(wallet) == engine.ledger.head(wallet)


async def test_a_dca_never_spends_what_another_trade_has_reserved() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config(DCA, CALM)), Decimal("2.1"))
    await engine.buy([agent], size_sol=Decimal(1))
    engine.swaps.gate = asyncio.Event()
    buying = asyncio.create_task(engine.buy([agent], token=TokenAddress("Another"), size_sol=Decimal("0.55")))
    wallet = agent.wallets[0].address
    await until(lambda: engine.ledger.head(wallet).reserved_raw(SOL_MINT) > 0)
    # 1.1 SOL are there, 0.56 of them reserved: 0.4 fit, more than the rest do not.
    asked = len(engine.swaps.requests)
    with pytest.raises(InsufficientBalanceError):
        await engine.average_down.execute(
            AverageDownRequest(
                wallet_address=wallet,
                position_id=engine.positions(agent)[0].id,
                amount_sol=Decimal("0.55"),
            )
        )
    assert len(engine.swaps.requests) == asked
    engine.swaps.gate.set()
    await buying
    assert engine.ledger.head(wallet).available_raw(SOL_MINT) >= 0


async def test_a_dca_under_way_reserves_its_fees_as_well() -> None:
    engine, agent, position = await an_engine(DCA, CALM)
    engine.swaps.gate = asyncio.Event()
    wallet = agent.wallets[0].address
    before = engine.ledger.head(wallet).available_raw(SOL_MINT)
    request = AverageDownRequest(
        wallet_address=position.wallet_address, position_id=position.id, amount_sol=Decimal("0.5")
    )
    buying = asyncio.create_task(engine.average_down.execute(request))
    await until(lambda: kinds(engine) == [TradeKind.DCA_BUY])

    state = engine.ledger.head(wallet)
    assert sol(state.reserved_raw(SOL_MINT)) == Decimal("0.51")
    assert before - state.available_raw(SOL_MINT) == lamports(Decimal("0.51"))

    engine.swaps.gate.set()
    await buying
    assert engine.ledger.head(wallet).reserved_raw(SOL_MINT) == 0


async def test_a_dca_without_funds_rests_a_minute_and_asks_nobody() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config(DCA, CALM)), Decimal("1.5"))
    await engine.buy([agent], size_sol=Decimal(1))
    await engine.deposit(agent.wallets[0], Decimal("-0.3"))
    asked = len(engine.swaps.requests)

    for _ in range(2):
        engine.move_to(Decimal("0.0008"))
        await engine.settle()
    await engine.deposit(agent.wallets[0], Decimal(1))
    engine.clock.advance(59)
    engine.move_to(Decimal("0.0008"))
    await engine.settle()
    assert len(engine.swaps.requests) == asked

    engine.clock.advance(2)
    engine.move_to(Decimal("0.0008"))
    await until(lambda: engine.positions(agent)[0].dca_count == 1)


async def test_a_dca_waits_for_its_cooldown_and_stops_at_the_last_level() -> None:
    levels = [{"dropPercent": -10, "buyPercent": 50}, {"dropPercent": -10, "buyPercent": 50}]
    sections = {"dca": {"enabled": True, "mode": "custom", "levels": levels, "cooldownSeconds": 30}}
    engine, agent, _ = await an_engine(sections, CALM)
    engine.move_to(Decimal("0.0009"))
    await until(lambda: engine.positions(agent)[0].dca_count == 1)

    engine.move_to(Decimal("0.0008"))
    await engine.settle()
    assert engine.positions(agent)[0].dca_count == 1
    engine.clock.advance(31)
    engine.move_to(Decimal("0.0008"))
    await until(lambda: engine.positions(agent)[0].dca_count == 2)
    engine.clock.advance(31)
    engine.move_to(Decimal("0.00065"))
    await engine.settle()
    assert engine.positions(agent)[0].dca_count == 2


async def test_a_dca_takes_a_smaller_size_when_it_would_move_the_price() -> None:
    engine, agent, _ = await an_engine(DCA, CALM)
    engine.swaps.impact_above = (lamports(Decimal("0.33")), Decimal("-0.2"))

    engine.move_to(Decimal("0.0008"))
    await until(lambda: engine.positions(agent)[0].dca_count == 1)

    spent = engine.positions(agent)[0].invested_lamports - 1_000_105_000 - 105_000
    assert sol(spent) == Decimal("0.32")


async def test_automated_trading_off_stops_dca_but_neither_take_profit_nor_stop() -> None:
    engine, agent, _ = await an_engine(TAKE_PROFIT, DCA, CALM)
    off = replace(agent, automated_trading_simulation=False)
    engine.bus.publish(AgentSaved(off))

    engine.move_to(Decimal("0.0008"))
    await engine.settle()
    assert kinds(engine) == []
    engine.move_to(Decimal("0.0015"))
    await until(lambda: engine.positions(agent)[0].partially_sold)
    engine.move_to(Decimal("0.0006"))
    await until(lambda: not engine.positions(agent))
    assert kinds(engine) == [TradeKind.TAKE_PROFIT, TradeKind.SALE]


async def test_the_references_way_looks_at_nothing_while_automated_trading_is_off() -> None:
    engine = FakeEngine(exits_need_automation=True)
    agent = await engine.add_agent(an_agent(a_config(CALM)))
    await engine.buy([agent], size_sol=Decimal(1))
    off = replace(agent, automated_trading_simulation=False)
    engine.bus.publish(AgentSaved(off))
    engine.move_to(Decimal("0.0001"))
    await engine.settle()
    assert kinds(engine) == []

    engine.bus.publish(AgentSaved(agent))
    engine.move_to(Decimal("0.0001"))
    await until(lambda: not engine.positions(agent))


async def test_one_operation_at_a_time() -> None:
    engine, agent, position = await an_engine(TAKE_PROFIT, CALM)
    engine.swaps.price_sol = Decimal("0.0015")
    engine.swaps.gate = asyncio.Event()
    evidence = PriceEvidence(price_sol=Decimal("0.0015"), source="dexscreener", age_ms=0)
    request = TakeProfitRequest(
        wallet_address=position.wallet_address, position_id=position.id, evidence=evidence
    )
    selling = asyncio.create_task(engine.take_profit.execute(request))
    await until(lambda: kinds(engine) == [TradeKind.TAKE_PROFIT])

    with pytest.raises(PositionLockedError):
        await engine.sales.execute(
            ClosePositionRequest(
                wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
            )
        )
    engine.swaps.gate.set()
    await selling

    assert engine.positions(agent)[0].quantity == Decimal(500)


async def test_recovery_leaves_operations_alone_that_are_under_way() -> None:
    engine, agent, position = await an_engine(CALM)
    engine.swaps.gate = asyncio.Event()
    closing = asyncio.create_task(
        engine.sales.execute(
            ClosePositionRequest(
                wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
            )
        )
    )
    await until(lambda: kinds(engine) == [TradeKind.SALE])

    assert await recovered(engine.recovery) == 0
    engine.swaps.gate.set()
    await closing
    assert engine.positions(agent) == []


async def test_a_landed_take_profit_is_booked_by_recovery_with_the_numbers_of_its_decision() -> None:
    engine, agent, position = await an_engine(TAKE_PROFIT, CALM)
    engine.swaps.price_sol = Decimal("0.0015")
    engine.swaps.gate = asyncio.Event()
    evidence = PriceEvidence(price_sol=Decimal("0.0015"), source="dexscreener", age_ms=0)
    request = TakeProfitRequest(
        wallet_address=position.wallet_address, position_id=position.id, evidence=evidence
    )
    selling = asyncio.create_task(engine.take_profit.execute(request))
    await until(lambda: kinds(engine) == [TradeKind.TAKE_PROFIT])
    selling.cancel()
    await asyncio.gather(selling, return_exceptions=True)
    engine.swaps.gate = None
    state = engine.ledger.head(position.wallet_address)
    (open_intent,) = state.intents.values()
    quote = await engine.swaps.quote(_ask(open_intent.intent.amount_raw))
    outcome = await engine.swaps.execute(quote, None)

    await engine.sales.operations.book(open_intent.intent, outcome.fill)  # type: ignore[union-attr]

    (after,) = engine.positions(agent)
    assert (after.take_profit_levels_hit, after.quantity) == (1, Decimal(500))
    assert engine.held(agent).position == after
    # What is booked is not booked again, though the position is still there.
    with pytest.raises(PositionNotFoundError):
        await engine.sales.operations.book(open_intent.intent, outcome.fill)  # type: ignore[union-attr]
    assert engine.positions(agent) == [after]


def _ask(amount_raw: int) -> QuoteRequest:
    return QuoteRequest(input_mint=TOKEN, output_mint=SOL_MINT, amount_raw=amount_raw)


async def test_a_failing_take_profit_rests_and_does_not_burn_the_budget() -> None:
    engine, agent, _ = await an_engine(TAKE_PROFIT, CALM)
    engine.swaps.failures += [QuoteFailedError("no route"), SwapUnavailableError("busy")]
    before = len(engine.swaps.requests)

    for _ in range(5):
        engine.move_to(Decimal("0.0015"))
        await engine.settle()
    assert len(engine.swaps.requests) - before == 1
    engine.clock.advance(1.1)
    engine.move_to(Decimal("0.0015"))
    await engine.settle()
    assert len(engine.swaps.requests) - before == 2
    engine.clock.advance(2.1)
    engine.move_to(Decimal("0.0015"))
    await until(lambda: engine.positions(agent)[0].partially_sold)


async def test_a_partial_fill_of_an_exit_keeps_it_pending_until_the_rest_is_sold() -> None:
    engine, agent, _ = await an_engine(CALM)
    engine.swaps.fill_share = Decimal("0.5")

    engine.move_to(Decimal("0.0005"))
    await until(lambda: bool(engine.positions(agent)) and engine.positions(agent)[0].partially_sold)
    assert engine.positions(agent)[0].pending_exit is not None
    engine.swaps.fill_share = Decimal(1)
    await until(lambda: not engine.positions(agent))

    settled = [e.body for e in engine.journal.entries if isinstance(e.body, TradeSettled)]
    assert settled[-1].closed is not None
    assert settled[-1].closed.profit_loss_sol == sol(engine.balance_raw(agent)) - Decimal(10)


async def test_a_stop_that_fires_during_a_take_profit_sells_the_rest_after_it() -> None:
    engine, agent, _ = await an_engine(TAKE_PROFIT, CALM)
    engine.swaps.gate = asyncio.Event()
    engine.move_to(Decimal("0.0015"))
    await until(lambda: kinds(engine) == [TradeKind.TAKE_PROFIT])

    engine.move_to(Decimal("0.0013"))
    await engine.settle()
    assert kinds(engine) == [TradeKind.TAKE_PROFIT]
    engine.swaps.gate.set()
    await until(lambda: not engine.positions(agent))

    assert kinds(engine) == [TradeKind.TAKE_PROFIT, TradeKind.SALE]
    (closed,) = engine.closed_trades()
    assert closed.profit_loss_sol == sol(engine.balance_raw(agent)) - Decimal(10)


@pytest.mark.parametrize(
    ("sections", "to"), [((TAKE_PROFIT, CALM), "0.0015"), ((DCA, CALM), "0.0008")], ids=["take profit", "dca"]
)
async def test_a_stop_that_fires_during_another_operation_is_sold_after_a_restart_at_any_price(
    sections: tuple[Mapping[str, object], ...], to: str
) -> None:
    engine, agent, _ = await an_engine(*sections)
    engine.swaps.gate = asyncio.Event()
    engine.move_to(Decimal(to))
    await until(lambda: len(kinds(engine)) == 1)
    engine.move_to(Decimal("0.0005"))
    await until(lambda: any(isinstance(entry.body, ExitAsked) for entry in engine.journal.entries))
    assert sum(isinstance(entry.body, ExitAsked) for entry in engine.journal.entries) == 1

    # The process dies here, and by the time there is another one the price is back.
    after = FakeEngine(replace_journal(engine.journal))
    await restarted(after, agent)
    await recovered(after.recovery)
    await until(lambda: not after.positions(agent))

    assert kinds(after)[-1] is TradeKind.SALE
    (closed,) = after.closed_trades()
    assert closed.close_reason is CloseReason.STOP_LOSS
    assert closed.profit_loss_sol == sol(after.balance_raw(agent)) - Decimal(10)
    engine.swaps.gate.set()
    await engine.operations.drain(1)
    await engine.exits.drain(1)


def replace_journal(journal: FakeJournal) -> FakeJournal:
    """Return what a journal holds now as one that the old process does not write to any more."""
    copy = FakeJournal()
    copy.entries, copy.wallets = list(journal.entries), dict(journal.wallets)
    return copy


async def restarted(engine: FakeEngine, agent: Agent) -> None:
    """Fill a new process from its journal."""
    engine.directory.load([agent])
    states = await engine.journal.load()
    engine.ledger.load(states, len(engine.journal.entries))
    for state in states:
        for position in state.positions.values():
            engine.keeper.watch(position, position.base_trail)


async def test_an_exit_that_cannot_be_written_down_goes_on_all_the_same() -> None:
    engine, agent, _ = await an_engine(TAKE_PROFIT, CALM)
    engine.swaps.gate = asyncio.Event()
    engine.move_to(Decimal("0.0015"))
    await until(lambda: kinds(engine) == [TradeKind.TAKE_PROFIT])
    engine.journal.down = True
    engine.move_to(Decimal("0.0005"))
    await engine.settle(50)
    engine.journal.down = False
    engine.swaps.gate.set()

    await until(lambda: not engine.positions(agent))

    assert kinds(engine) == [TradeKind.TAKE_PROFIT, TradeKind.SALE]


async def test_a_take_profit_does_not_loosen_the_stop_that_prices_raised() -> None:
    engine, agent, _ = await an_engine(TAKE_PROFIT, CALM)

    engine.move_to(Decimal("0.0015"))
    await until(lambda: engine.positions(agent)[0].partially_sold)

    held = engine.held(agent)
    assert held.trail.stop_loss_pct == Decimal(40)
    assert held.trail.peak_price_sol == Decimal("0.0015")
    updates = [event for event in engine.events if isinstance(event, PositionUpdated)]
    assert all(update.trail.stop_loss_pct == Decimal(40) for update in updates)


async def test_a_tightened_configuration_moves_the_stops_of_open_positions_at_once() -> None:
    engine, agent, _ = await an_engine(CALM)
    tighter = replace(agent, config=update_config(agent.config, {"stopLoss": {"defaultPercentage": -10}}))
    engine.bus.publish(AgentSaved(tighter))
    assert engine.held(agent).trail.stop_loss_pct == Decimal(-10)
    looser = replace(agent, config=update_config(agent.config, {"stopLoss": {"defaultPercentage": -60}}))
    engine.bus.publish(AgentSaved(looser))
    assert engine.held(agent).trail.stop_loss_pct == Decimal(-10)

    engine.move_to(Decimal("0.0009"))
    await until(lambda: not engine.positions(agent))


async def test_a_position_follows_the_switch_of_its_own_wallet_and_not_of_the_agents_mode() -> None:
    engine, agent, _ = await an_engine(DCA, CALM)
    moved_on = replace(agent, trading_mode=TradingMode.LIVE, automated_trading_live=False)
    engine.bus.publish(AgentSaved(moved_on))

    engine.move_to(Decimal("0.0008"))
    await until(lambda: engine.positions(agent)[0].dca_count == 1)


async def test_a_guard_forbids_averaging_down_before_anything_is_asked_or_recorded() -> None:
    engine, _, position = await an_engine(DCA, CALM)
    seen: list[int] = []

    class Guard:
        def check(
            self,
            agent: Agent,
            state: WalletState,
            now: datetime,
            *,
            size_lamports: int = 0,
            new_position_in: TokenAddress | None = None,
        ) -> ProtectionVerdict:
            seen.append(size_lamports)
            return ProtectionVerdict((), "KILL_SWITCH", "entries are switched off")

    guarded = AverageDown(
        operations=engine.sales.operations,
        directory=engine.directory,
        clock=engine.clock,
        fee_reserve_lamports=0,
        tolerance=Decimal(0),
        guard=Guard(),
    )
    before = (len(engine.journal.entries), len(engine.swaps.requests))
    evidence = PriceEvidence(price_sol=Decimal("0.0008"), source="dexscreener", age_ms=0)

    with pytest.raises(TradeRejectedError) as refused:
        await guarded.execute(
            AverageDownRequest(
                wallet_address=position.wallet_address, position_id=position.id, evidence=evidence
            )
        )

    assert (refused.value.code, refused.value.message) == ("KILL_SWITCH", "entries are switched off")
    assert seen == [400_000_000]
    assert (len(engine.journal.entries), len(engine.swaps.requests)) == before


@pytest.mark.parametrize("kind", [TradeKind.DCA_BUY, TradeKind.TAKE_PROFIT])
@pytest.mark.parametrize(
    ("market", "taken"),
    [
        # The ends of a quarter, with the tenth of a percent that the quotes state as their impact.
        (Decimal("0.751"), True),
        (Decimal("0.749"), False),
        (Decimal("1.332"), True),
        (Decimal("1.335"), False),
    ],
)
async def test_what_was_decided_at_another_price_than_the_quotes_is_decided_anew(
    kind: TradeKind, market: Decimal, taken: bool
) -> None:
    engine, agent, position = await an_engine(TAKE_PROFIT, DCA, CALM)
    decided = Decimal("0.0008") if kind is TradeKind.DCA_BUY else Decimal("0.0016")
    engine.swaps.price_sol = decided * market
    evidence = PriceEvidence(price_sol=decided, source="dexscreener", age_ms=0)
    where = {"wallet_address": position.wallet_address, "position_id": position.id, "evidence": evidence}
    before = engine.balance_raw(agent), engine.balance_raw(agent, TOKEN)
    orders: PositionOrders = engine.sales.operations
    tolerance = Decimal("0.25")

    async def order() -> None:
        if kind is TradeKind.DCA_BUY:
            use_case = AverageDown(
                operations=orders,
                directory=engine.directory,
                clock=engine.clock,
                fee_reserve_lamports=0,
                tolerance=tolerance,
            )
            await use_case.execute(AverageDownRequest(**where))  # type: ignore[arg-type]
        else:
            sale = TakeProfitSale(operations=orders, directory=engine.directory, tolerance=tolerance)
            await sale.execute(TakeProfitRequest(**where))  # type: ignore[arg-type]

    if taken:
        await order()
        assert (engine.balance_raw(agent), engine.balance_raw(agent, TOKEN)) != before
        return
    with pytest.raises(PriceMovedError) as refused:
        await order()

    assert refused.value.details["decidedPriceSol"] == str(decided)
    assert (engine.balance_raw(agent), engine.balance_raw(agent, TOKEN)) == before
    failed = engine.journal.entries[-1].body
    assert isinstance(failed, TradeFailed)
    assert failed.code == "PRICE_MOVED"
    assert not engine.ledger.head(position.wallet_address).intents


async def test_an_exit_is_sold_at_whatever_price_there_is_by_then() -> None:
    engine, agent, position = await an_engine(CALM)
    engine.swaps.price_sol = Decimal("0.0001")

    await engine.sales.execute(
        ClosePositionRequest(
            wallet_address=position.wallet_address,
            position_id=position.id,
            reason=CloseReason.STOP_LOSS,
            evidence=PriceEvidence(price_sol=Decimal("0.0006"), source="dexscreener", age_ms=0),
        )
    )

    assert engine.positions(agent) == []
