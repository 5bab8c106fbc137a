"""Positions of one burst are looked at when their own agent's rules say so, however much agents have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.trading.rules.precedence import PRECEDENCE
from tests.builders import TOKEN, a_config, an_agent
from tests.fakes.engine import FakeEngine

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
