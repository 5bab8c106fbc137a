"""What the book of positions is told, and that nobody looks in vain while an order is under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import update_config
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.events import PositionUpdated
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.book.trigger_index import NEVER
from nexgent.domain.trading.errors import QuoteFailedError
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.rules.rule import PositionOrderKind
from nexgent.domain.trading.watch.trail_keeper import TrailKeeper
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN, a_config, a_position, a_price, a_trail, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.market import FakeTrails
from tests.patience import PATIENCE_SECONDS, until

DCA = {"dca": {"enabled": True, "mode": "custom", "levels": [{"dropPercent": -20, "buyPercent": 50}] * 2}}


async def an_engine(*, needs_automation: bool = False) -> tuple[FakeEngine, Agent, Position]:
    engine = FakeEngine(exits_need_automation=needs_automation)
    agent = await engine.add_agent(an_agent(a_config(DCA, {"staleTrade": {"enabled": False}})))
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    await engine.settle(50)
    return engine, agent, bought.position


def _concerned(engine: FakeEngine, price: str) -> int:
    now = engine.clock.now().timestamp()
    return len(engine.book.concerned(TOKEN, Decimal(price), float(price), now))


async def test_while_an_order_is_under_way_and_rests_nobody_looks_for_another_one() -> None:
    engine, agent, _ = await an_engine()
    assert _concerned(engine, "0.0008") == 1
    engine.swaps.gate = asyncio.Event()

    engine.price(Decimal("0.0008"))

    await until(lambda: len(engine.operations) == 1)
    assert _concerned(engine, "0.00079") == 0
    # The stop is looked at all the same.
    assert _concerned(engine, "0.00068") == 1
    engine.swaps.gate.set()
    await until(lambda: not len(engine.operations) and engine.held(agent).position.dca_count == 1)
    assert _concerned(engine, "0.0007") == 0
    # The level after it, from the new average on, once the cooldown is over.
    engine.clock.advance(30)
    engine.price(Decimal("0.0009"))
    assert _concerned(engine, "0.00074") == 1


async def test_a_state_that_is_known_is_not_taken_over_again() -> None:
    engine, agent, _ = await an_engine()
    held = engine.held(agent)
    saves = engine.trails.saves

    engine.bus.publish(PositionUpdated(held.position, held.trail))
    engine.bus.publish(PositionUpdated(replace(held.position, version=0), held.trail))
    await engine.settle(50)
    assert engine.trails.saves == saves

    newer = replace(held.position, version=held.position.version + 1)
    engine.bus.publish(PositionUpdated(newer, held.trail))
    await engine.settle(50)
    assert engine.held(agent).position is newer
    assert engine.trails.saves == saves + 1


@pytest.mark.parametrize("percent", [-20, -40])
async def test_a_configuration_tightens_stops_and_never_loosens_them(percent: int) -> None:
    engine, agent, _ = await an_engine()
    before, saves = engine.held(agent).trail, engine.trails.saves
    config = update_config(agent.config, {"stopLoss": {"defaultPercentage": percent}})

    engine.bus.publish(AgentSaved(replace(agent, config=config)))
    await engine.settle(50)

    after = engine.held(agent).trail
    assert after.stop_loss_pct == max(Decimal(percent), Decimal(-32))
    assert (after != before) is (percent == -20)
    assert engine.trails.saves == saves + (percent == -20)


async def test_a_position_without_its_agent_is_left_alone() -> None:
    engine, agent, position = await an_engine()
    engine.directory.load([])

    engine.price(Decimal("0.0001"))
    await engine.settle(50)

    assert not len(engine.exits)
    assert engine.positions(agent) == [position]


@pytest.mark.parametrize("needs", [False, True])
async def test_stops_need_automated_trading_only_where_a_setting_says_so(needs: bool) -> None:
    engine, agent, _ = await an_engine(needs_automation=needs)
    off = replace(agent, automated_trading_simulation=False)
    engine.bus.publish(AgentSaved(off))

    engine.move_to(Decimal("0.0001"))
    await until(lambda: needs or not engine.positions(agent))
    await engine.settle(50)

    assert (len(engine.positions(agent)) == 1) is needs


async def test_one_token_nobody_can_look_at_does_not_hold_the_others_back() -> None:
    engine, agent, _ = await an_engine()
    now = engine.clock.now()
    broken = a_price(Decimal("sNaN"), now, TokenAddress("another"))

    engine.swaps.price_sol = Decimal("0.0001")
    engine.bus.publish(PricesChanged([broken, a_price(Decimal("0.0001"), now)], now))

    await until(lambda: not engine.positions(agent))


class Stubborn(FakeTrails):
    """Refuses the next writes."""

    def __init__(self, *refusals: Exception) -> None:
        super().__init__()
        self.refusals = list(refusals)

    async def save(self, trails: object) -> None:
        if self.refusals:
            raise self.refusals.pop(0)
        await super().save(trails)  # type: ignore[arg-type]


def _keeper(store: FakeTrails) -> tuple[TrailKeeper, PositionBook, list[object]]:
    told: list[object] = []
    book = PositionBook()
    return TrailKeeper(store=store, book=book, publish=told.append), book, told


async def test_a_trail_that_a_price_moved_is_told_when_it_is_durable() -> None:
    store = FakeTrails()
    keeper, book, told = _keeper(store)
    position = a_position()
    held = book.put(position, position.base_trail, NEVER)
    moved = a_trail(position.id, peak_price_sol=Decimal(3))
    held.trail = moved

    keeper.moved([(position, moved)])
    assert told == []
    await keeper.drain(PATIENCE_SECONDS)

    assert store.saved[position.id] == moved
    assert told == [PositionUpdated(position, moved)]


async def test_the_newest_trail_counts_and_is_told_if_a_price_moved_it_before() -> None:
    store = FakeTrails()
    keeper, book, told = _keeper(store)
    one, other = a_position(), a_position()
    for position in (one, other):
        book.put(position, position.base_trail, NEVER)
    newest = a_trail(one.id, peak_price_sol=Decimal(9))

    keeper.moved([(one, a_trail(one.id))])
    keeper.keep([newest, a_trail(other.id)])
    await keeper.drain(PATIENCE_SECONDS)

    assert store.saves == 1
    assert store.saved[one.id] == newest
    # What a trade made of a position is told by the trade.
    assert [event.position for event in told if isinstance(event, PositionUpdated)] == [one]


async def test_a_trail_of_a_position_that_is_gone_is_told_nobody() -> None:
    keeper, _, told = _keeper(FakeTrails())
    position = a_position()

    keeper.moved([(position, position.base_trail)])
    await keeper.drain(PATIENCE_SECONDS)

    assert told == []


async def test_trails_are_kept_while_the_store_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexgent.domain.trading.watch.trail_keeper.RETRY_SECONDS", 0.0)
    store = Stubborn(UnavailableError("away"), UnavailableError("away"))
    keeper, _, _ = _keeper(store)
    first, newer = a_trail(), a_trail(peak_price_sol=Decimal(9))

    keeper.keep([first])
    await asyncio.sleep(0)
    keeper.keep([replace(newer, position_id=first.position_id)])
    await keeper.drain(PATIENCE_SECONDS)

    assert store.saved[first.position_id].peak_price_sol == 9
    assert store.saves == 1


async def test_one_trail_that_cannot_be_stored_keeps_no_other_from_it() -> None:
    store = Stubborn(ZeroDivisionError(), ZeroDivisionError())
    keeper, _, _ = _keeper(store)
    bad, good = a_trail(), a_trail()

    keeper.keep([bad, good])
    await keeper.drain(PATIENCE_SECONDS)

    assert set(store.saved) == {good.position_id}


async def test_what_prices_did_to_a_position_outlives_a_trade_that_does_not_know_of_it() -> None:
    engine, agent, position = await an_engine()
    engine.price(Decimal("0.0014"))
    risen = engine.held(agent).trail
    assert risen.peak_price_sol == Decimal("0.0014")

    engine.bus.publish(PositionUpdated(replace(position, version=position.version + 1), position.base_trail))

    assert engine.held(agent).trail == risen


async def test_a_position_nobody_has_told_of_is_watched_from_its_first_change_on() -> None:
    engine, agent, position = await an_engine()
    engine.book.remove(position.id)
    changed = replace(position, version=position.version + 1)
    trail = replace(position.base_trail, peak_price_sol=Decimal("0.002"))

    engine.bus.publish(PositionUpdated(changed, trail))

    held = engine.held(agent)
    assert held.position is changed
    assert held.trail.peak_price_sol == Decimal("0.002")


async def test_a_closed_position_leaves_no_rest_behind() -> None:
    engine, _, position = await an_engine()
    engine.swaps.failures.append(QuoteFailedError("no route"))
    engine.price(Decimal("0.0008"))
    now = engine.clock.now()
    await until(lambda: not len(engine.operations))
    assert engine.operations.resting_until(position.id, PositionOrderKind.DCA, now) is not None

    await engine.sales.execute(
        ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
        )
    )

    assert engine.operations.resting_until(position.id, PositionOrderKind.DCA, now) is None
