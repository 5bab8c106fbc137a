"""What is remembered of a token's price ends with the last position in it, in the engine as the product wires it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.orders.purchases import Buyer, PurchaseOrder, PurchaseResult
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.shared.ids import new_id
from nexgent.shared.types import IntentId
from tests.builders import TOKEN, an_agent
from tests.fakes.engine import FakeEngine


class Scene:
    """An agent with SOL and an engine that trades for it."""

    def __init__(self) -> None:
        self.fake = FakeEngine()
        self.clock, self.swaps, self.feed = self.fake.clock, self.fake.swaps, self.fake.feed
        self.engine = self.fake.parts
        self.agent = an_agent()

    async def fund(self) -> None:
        await self.fake.add_agent(self.agent)

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
