"""What a purchase has to know of a token is asked for while its signal is being stored, if somebody buys for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent
from nexgent.domain.signals.models import Signal, SignalDraft
from nexgent.domain.trading.look_ahead import LOOKED_AT
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN, USER, a_draft, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.signals import FakeSignals

DRAFT = a_draft(USER, TOKEN)
PICKY = update_config(TradingConfig(), {"signals": {"minScore": 4}})
BOUNDED = update_config(TradingConfig(), {"signals": {"liquidityMin": 400}})


class SlowSignals(FakeSignals):
    """Stores when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def add(self, draft: SignalDraft, *, duplicate_window_seconds: int) -> Signal | None:
        await self.gate.wait()
        return await super().add(draft, duplicate_window_seconds=duplicate_window_seconds)


class Desk:
    """An engine whose quotes are judged, and a signal that is being stored."""

    def __init__(self) -> None:
        self.signals = SlowSignals()
        self.engine = FakeEngine(signals=self.signals, max_quote_deviation_pct=20)

    async def asked_while_storing(self) -> tuple[list[TokenAddress], list[TokenAddress]]:
        """Return whose decimals and prices were asked for before the signal was stored; it is traded then."""
        before = len(self.engine.journal.entries)
        storing = asyncio.ensure_future(self.engine.parts.create_signal.execute(DRAFT))
        await self.engine.settle()
        asked = list(self.engine.decimals.asked), list(self.engine.feed.asked)
        assert len(self.engine.journal.entries) == before
        self.signals.gate.set()
        await storing
        await self.engine.settle()
        return asked


async def test_decimals_and_price_are_asked_for_before_the_signal_is_stored_and_nothing_is_bought() -> None:
    desk = Desk()
    agent = await desk.engine.add_agent(an_agent())

    assert await desk.asked_while_storing() == ([TOKEN], [TOKEN])

    assert desk.engine.held(agent).position.token_address == TOKEN
    assert desk.engine.feed.asked == [TOKEN]
    assert len(desk.engine.swaps.requests) == 1


async def test_a_price_that_is_known_is_not_asked_for() -> None:
    desk = Desk()
    await desk.engine.add_agent(an_agent())
    desk.engine.price(Decimal("0.001"))

    assert await desk.asked_while_storing() == ([TOKEN], [])


@pytest.mark.parametrize(
    ("agent", "balance"),
    [
        (an_agent(PICKY), 10),
        (an_agent(BOUNDED), 10),
        (replace(an_agent(), automated_trading_simulation=False), 10),
        (replace(an_agent(), wallets=()), 10),
        (an_agent(), 0),
    ],
    ids=["filters", "figures", "off", "no wallet", "no money"],
)
async def test_nothing_is_asked_for_a_signal_that_nobody_buys_for(agent: Agent, balance: int) -> None:
    desk = Desk()
    await desk.engine.add_agent(agent, Decimal(balance))

    assert await desk.asked_while_storing() == ([], [])


async def test_nothing_is_asked_for_a_token_that_is_held_already() -> None:
    desk = Desk()
    agent = await desk.engine.add_agent(an_agent())
    await desk.engine.buy([agent])
    desk.engine.decimals.asked.clear()
    desk.engine.feed.asked.clear()

    assert await desk.asked_while_storing() == ([], [])


async def test_some_agents_are_looked_at_and_not_all_there_are() -> None:
    desk = Desk()
    for _ in range(LOOKED_AT):
        await desk.engine.add_agent(an_agent(PICKY))
    buyer = await desk.engine.add_agent(an_agent())

    assert await desk.asked_while_storing() == ([], [])
    assert desk.engine.held(buyer).position.token_address == TOKEN
