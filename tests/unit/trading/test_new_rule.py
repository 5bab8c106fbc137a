"""A rule nobody has thought of yet: one object, and one line in the order of precedence."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import TradeIntended
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.domain.trading.rules.precedence import PRECEDENCE
from nexgent.domain.trading.rules.rule import Look, Moment, PositionRule
from tests.builders import an_agent
from tests.fakes.engine import FakeEngine
from tests.patience import until

QUIET = {
    "positionCalculator": {"randomization": {"enabled": False}},
    "staleTrade": {"enabled": False},
    "takeProfit": {"enabled": False},
    "dca": {"enabled": False},
}


class GreatGain:
    """Leave at three times the entry."""

    calls_for = CloseReason.MANUAL
    follows_trail = False

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        return Look.at_gain(position.entry_price_sol, at_least=Decimal(200))

    def speaks(self, moment: Moment) -> bool:
        return moment.price_sol >= 3 * moment.position.entry_price_sol


class Bedtime:
    """Leave after eight hours, whatever the price."""

    calls_for = CloseReason.MANUAL
    follows_trail = False

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        return Look(from_seconds=self._end(position).timestamp())

    def speaks(self, moment: Moment) -> bool:
        return moment.now >= self._end(moment.position)

    @staticmethod
    def _end(position: Position) -> datetime:
        return position.opened_at + timedelta(hours=8)


class FarFromThePeak:
    """Leave when half of what the peak had gained is gone."""

    calls_for = CloseReason.MANUAL
    follows_trail = True

    def look(self, position: Position, trail: PositionTrail, agent: Agent) -> Look | None:
        return Look(high_sol=(position.entry_price_sol + trail.peak_price_sol) / 2)

    def speaks(self, moment: Moment) -> bool:
        entry, peak = moment.position.entry_price_sol, moment.trail.peak_price_sol
        return peak > entry and moment.price_sol <= (entry + peak) / 2


async def an_engine(rule: PositionRule, **sections: object) -> tuple[FakeEngine, Agent]:
    """Return an engine with one line more, and an agent that holds a position bought at 0.001."""
    engine = FakeEngine(rules=(*PRECEDENCE, rule))
    agent = await engine.add_agent(
        an_agent(update_config(TradingConfig(), {**QUIET, "stopLoss": {"mode": "fixed"}, **sections}))
    )
    await engine.buy([agent], size_sol=Decimal(1))
    return engine, agent


def evidence(engine: FakeEngine) -> Decimal:
    """Return the price that the last operation was decided on."""
    intents = [entry.body.intent for entry in engine.journal.entries if isinstance(entry.body, TradeIntended)]
    found = intents[-1].evidence
    assert found is not None
    return found.price_sol


async def test_a_price_to_reach() -> None:
    engine, agent = await an_engine(GreatGain())

    engine.move_to(Decimal("0.0029999"))
    await engine.settle()
    assert len(engine.positions(agent)) == 1
    engine.move_to(Decimal("0.003"))
    await until(lambda: not len(engine.exits))

    assert engine.positions(agent) == []
    assert engine.closed_trades()[0].close_reason is CloseReason.MANUAL
    assert evidence(engine) == Decimal("0.003")


async def test_an_instant() -> None:
    engine, agent = await an_engine(Bedtime())

    engine.clock.advance(8 * 3600 - 1)
    engine.move_to(Decimal("0.00101"))
    await engine.settle()
    assert len(engine.positions(agent)) == 1
    engine.clock.advance(1)
    engine.move_to(Decimal("0.00101"))
    await until(lambda: not len(engine.exits))

    assert engine.positions(agent) == []


async def test_an_instant_beside_the_window_of_another_rule() -> None:
    stale = {"enabled": True, "minHoldTimeMinutes": 60, "minProfitPercent": 10, "maxProfitPercent": 12}
    engine, agent = await an_engine(Bedtime(), staleTrade=stale)

    engine.clock.advance(2 * 3600)
    engine.move_to(Decimal("0.00101"))
    await engine.settle()
    assert len(engine.positions(agent)) == 1
    engine.move_to(Decimal("0.0011"))
    await until(lambda: not len(engine.exits))

    assert engine.closed_trades()[0].close_reason is CloseReason.STALE_TRADE


async def test_a_price_that_follows_the_trail() -> None:
    engine, agent = await an_engine(FarFromThePeak(), stopLoss={"enabled": False})

    for price in ("0.0011", "0.0018", "0.0015"):
        engine.move_to(Decimal(price))
        await engine.settle()
        assert len(engine.positions(agent)) == 1
    engine.move_to(Decimal("0.0014"))
    await until(lambda: not len(engine.exits))

    assert engine.positions(agent) == []


async def test_the_order_of_precedence_decides_between_rules_that_both_speak() -> None:
    engine, agent = await an_engine(Bedtime())

    engine.clock.advance(9 * 3600)
    engine.move_to(Decimal("0.0001"))
    await until(lambda: not len(engine.exits))

    assert engine.positions(agent) == []
    assert engine.closed_trades()[0].close_reason is CloseReason.STOP_LOSS
