"""What is remembered of a token's price ends with the last position in it, in the engine as the product wires it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from nexgent.bootstrap.engine import Engine, EnginePorts, build_engine
from nexgent.bootstrap.wiring import wire_events
from nexgent.config.sections import PriceSettings, TradingSettings
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.prices.models import FetchResult, PriceObservation, PriceSource
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder, PurchaseResult
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.users.authenticate import RevokedTokens
from nexgent.shared.events import EventBus
from nexgent.shared.ids import new_id
from nexgent.shared.loops import LoopWatch
from nexgent.shared.types import IntentId, TokenAddress
from tests.fakes.api import FakeSignals
from tests.fakes.clock import FakeClock
from tests.fakes.engine import TOKEN, FakeEngine, an_agent
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeDecimals, FakeKeys, FakeSolPrice, FakeSwaps, FakeTrails
from tests.fakes.signal_sources import FakeSignalTrades, FakeTokenMetrics


class Nobody:
    """Whoever only listens: everything is taken and nothing done."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


class Feed:
    """A source whose price the test sets; `gate` holds its answers back."""

    source = PriceSource.DEXSCREENER
    capacity_per_second = 0

    def __init__(self, clock: FakeClock) -> None:
        self.price = Decimal("0.001")
        self.gate = asyncio.Event()
        self.gate.set()
        self._clock = clock

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        price, at = self.price, self._clock.now()
        await self.gate.wait()
        found = [PriceObservation(token, self.source, price, None, at) for token in tokens]
        return FetchResult(tuple(found), frozenset(), frozenset())


class Scene:
    """An agent with SOL and an engine that trades for it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.swaps = FakeSwaps()
        self.feed = Feed(self.clock)
        self.journal = FakeJournal()
        self.bus = EventBus()
        self.engine = self._engine()
        nobody: Any = Nobody()
        wire_events(
            self.bus,
            engine=self.engine,
            observer=nobody,
            hub=nobody,
            mirror=nobody,
            loops=LoopWatch(self.clock),
            bridge=nobody,
            notifier=nobody,
            is_engine=lambda: True,
            protections=ProtectionState(),
            revoked=RevokedTokens(self.bus.publish),
        )
        self.agent = an_agent()

    def _engine(self) -> Engine:
        nobody: Any = Nobody()
        ports = EnginePorts(
            journal=self.journal,
            trails=FakeTrails(),
            signals=FakeSignals(),
            signal_trades=FakeSignalTrades(),
            gateways={TradingMode.SIMULATION: self.swaps, TradingMode.LIVE: self.swaps},
            decimals=FakeDecimals(),
            keys=FakeKeys(),
            token_metrics=FakeTokenMetrics(),
            sol_price=FakeSolPrice(),
            primary_prices=self.feed,
            secondary_prices=None,
            market_probes=(),
            poll_observer=nobody,
            on_evaluated=lambda *_: None,
            clock=self.clock,
            publish=self.bus.publish,
        )
        return build_engine(ports, prices=PriceSettings(), trading=TradingSettings())

    async def fund(self) -> None:
        self.bus.publish(AgentSaved(self.agent))
        self.journal.add_wallet(self.agent.wallets[0].address, self.agent.id)
        lender = FakeEngine(self.journal)
        await lender.deposit(self.agent.wallets[0], Decimal(10))

    async def buy(self) -> PurchaseResult:
        order = PurchaseOrder(TOKEN, "EXM", None, "manual")
        buyer = Buyer(self.agent, self.agent.wallets[0], IntentId(new_id()), Decimal(1))
        (result,) = await self.engine.purchases.execute(order, [buyer])
        return result

    async def poll(self, price: str) -> None:
        self.clock.advance(1)
        self.feed.price = self.swaps.price_sol = Decimal(price)
        await self.engine.poller.tick()

    async def settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)


async def test_a_token_that_goes_on_falling_while_it_is_sold_can_be_bought_again() -> None:
    scene = Scene()
    await scene.fund()
    assert (await scene.buy()).position is not None
    await scene.poll("0.001")

    scene.swaps.gate = asyncio.Event()
    await scene.poll("0.0005")
    await scene.poll("0.0005")
    await scene.settle()
    assert len(scene.engine.exits) == 1, "the stop has fired and the sale waits for its quote"
    await scene.poll("0.0002")
    assert scene.engine.validator.doubtful(TOKEN), "the next fall waits for a witness"
    scene.swaps.gate.set()
    await scene.settle()
    assert len(scene.engine.book) == 0

    bought = await scene.buy()

    assert bought.position is not None, (bought.code, bought.reason)
    await scene.poll("0.0002")
    price = scene.engine.latest_prices.get(TOKEN)
    assert price is not None
    assert price.price_sol == Decimal("0.0002")


async def test_an_answer_that_comes_after_the_last_holder_has_sold_leaves_nothing_behind() -> None:
    scene = Scene()
    await scene.fund()
    await scene.buy()
    await scene.poll("0.001")
    scene.feed.gate.clear()
    flying = asyncio.ensure_future(scene.poll("0.0002"))
    await scene.settle()
    # The swap provider still quotes what everybody knows; only the answer that flies is of a fall.
    scene.swaps.price_sol = Decimal("0.001")
    (held,) = scene.engine.book.all()
    await scene.engine.sales.execute(
        ClosePositionRequest(
            wallet_address=held.position.wallet_address,
            position_id=held.position.id,
            reason=CloseReason.MANUAL,
        )
    )
    scene.feed.gate.set()
    await flying

    assert scene.engine.latest_prices.get(TOKEN) is None
    assert not scene.engine.validator.doubtful(TOKEN)
