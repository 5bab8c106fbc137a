"""Positions of one burst are looked at when their own agent's rules say so, however much agents have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.events import PositionOpened
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder
from nexgent.domain.trading.rules.precedence import PRECEDENCE
from nexgent.domain.trading.rules.rule import Look, Moment, PositionOrderKind
from nexgent.shared.ids import new_id
from nexgent.shared.money import lamports
from nexgent.shared.types import IntentId
from tests.builders import TOKEN, a_config, an_agent
from tests.fakes.engine import FakeEngine
from tests.patience import until

RULES: list[Mapping[str, object]] = [
    {},
    {},
    {"dca": {"enabled": True}},
    {"dca": {"enabled": True}},
    {"stopLoss": {"enabled": False}},
    {"stopLoss": {"defaultPercentage": -7}},
    {"stopLoss": {"defaultPercentage": -7}},
    {"takeProfit": {"enabled": True}, "staleTrade": {"enabled": False}},
    {},
]


def check(engine: FakeEngine, agent: Agent) -> None:
    held = engine.held(agent)
    known = engine.directory.find(agent.id)
    assert known is not None
    assert held.trail == held.position.base_trail
    assert held.triggers == engine.keeper.triggers(held.position, held.trail, known, engine.clock.now())
    assert held.trail.stop_loss_pct == (
        known.config.stop_loss.default_percentage if known.config.stop_loss.enabled else None
    )


async def test_each_position_of_a_burst_has_the_triggers_of_its_own_rules() -> None:
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent(a_config(rules))) for rules in RULES]
    # One trades by itself no more: its position is not bought more of when it falls.
    silent = await engine.add_agent(replace(an_agent(a_config(RULES[2])), automated_trading_simulation=False))

    await engine.buy([*agents[:4], silent, *agents[4:]], size_sol=Decimal(1))

    for agent in [*agents, silent]:
        check(engine, agent)
    dca = PRECEDENCE[-1]
    assert dca.look(engine.held(agents[2]).position, engine.held(agents[2]).trail, agents[2]) is not None
    assert engine.held(silent).triggers != engine.held(agents[2]).triggers
    assert engine.held(agents[0]).triggers is engine.held(agents[1]).triggers


@pytest.mark.parametrize("seconds", [0, 1])
async def test_what_was_opened_at_another_price_or_time_or_under_changed_rules_has_triggers_of_its_own(
    seconds: float,
) -> None:
    engine = FakeEngine()
    one, other, changed = [await engine.add_agent(an_agent()) for _ in range(3)]
    await engine.buy([one], size_sol=Decimal(1))
    engine.clock.advance(seconds)
    engine.swaps.price_sol = Decimal("0.002")
    changed = replace(changed, config=a_config({"stopLoss": {"defaultPercentage": -1}}))
    engine.bus.publish(AgentSaved(changed))

    await engine.buy([other, changed], size_sol=Decimal(1))

    for agent in (one, other, changed):
        check(engine, agent)
    assert len({engine.held(agent).triggers.lower for agent in (one, other, changed)}) == 3


async def test_a_price_concerns_those_of_a_burst_whose_stop_it_touches() -> None:
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent(a_config(rules))) for rules in RULES]
    await engine.buy(agents, size_sol=Decimal(1))
    price = engine.held(agents[0]).position.entry_price_sol * Decimal("0.9")

    concerned = engine.book.concerned(TOKEN, price, float(price))

    stops = [engine.held(agent) for agent in agents if agent.config.stop_loss.default_percentage == -7]
    assert {held.position.id for held in concerned} == {held.position.id for held in stops}


@pytest.mark.parametrize("sizes", [("1", "2", "1"), ("1", "1.1", "1.2", "1.3", "1.4", "1.4", "1.1")])
async def test_each_purchase_of_a_burst_is_filled_at_its_own_offer(sizes: tuple[str, ...]) -> None:
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent(a_config())) for _ in sizes]
    buyers = [
        Buyer(agent, agent.wallets[0], IntentId(new_id()), Decimal(size))
        for agent, size in zip(agents, sizes, strict=True)
    ]

    await engine.purchases.execute(PurchaseOrder(TOKEN, "EXM", None, "manual"), buyers)

    for agent, size in zip(agents, sizes, strict=True):
        position = engine.held(agent).position
        assert position.quantity == Decimal(size) * 1_000
        assert position.invested_lamports == lamports(Decimal(size)) + engine.swaps.network_fee_lamports
        check(engine, agent)


class Later:
    """Leave with a loss of a tenth, a minute after the purchase and not before."""

    calls_for = CloseReason.MANUAL
    follows_trail = False

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        since = position.opened_at.timestamp() + 60
        return Look.at_gain(position.entry_price_sol, at_most=Decimal(-10), from_seconds=since)

    def speaks(self, moment: Moment) -> bool:
        return moment.price_sol <= moment.position.entry_price_sol * Decimal("0.9")


async def test_a_rule_that_has_to_wait_gets_its_turn_in_each_position_of_a_burst() -> None:
    engine = FakeEngine(rules=(*PRECEDENCE, Later()))
    agents = [await engine.add_agent(an_agent(a_config())) for _ in range(3)]
    await engine.buy(agents, size_sol=Decimal(1))
    engine.move_to(Decimal("0.00085"))
    await engine.settle(20)
    assert len(engine.book) == 3

    engine.clock.advance(61)
    engine.move_to(Decimal("0.00085"))

    await until(lambda: not engine.book)


async def test_a_position_that_is_told_of_again_keeps_the_rest_of_its_orders() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config({"takeProfit": {"enabled": True}})))
    await engine.buy([agent], size_sol=Decimal(1))
    first = engine.held(agent).triggers
    engine.swaps.unsellable = SwapUnavailableError("nobody is there")
    engine.price(Decimal("0.0016"))
    await until(lambda: engine.held(agent).triggers.later_seconds is not None)
    assert first.later_seconds is None
    rests = engine.parts.operations.resting_until(
        engine.held(agent).position.id, PositionOrderKind.TAKE_PROFIT, engine.clock.now()
    )
    assert rests is not None

    (bought,) = [event for event in engine.events if isinstance(event, PositionOpened)]
    engine.bus.publish(PositionOpened(bought.position, bought.position.base_trail))

    assert engine.held(agent).triggers.later_seconds == rests.timestamp()
