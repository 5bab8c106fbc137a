"""The use cases over fakes: buying, watching, leaving, recovering."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.ledger.models import Entry, Submission, TradeFailed, TradeIntended, TradeSettled
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason, PositionTrail
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.trading.models import Quote, SwapOutcome
from nexgent.domain.trading.orders.purchases import SHARE
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.watch.trail_keeper import TrailKeeper
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT, lamports, sol
from nexgent.shared.types import PositionId
from tests.builders import TOKEN, a_config, an_agent, an_observation
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeTrails
from tests.passes import recovered
from tests.patience import until


async def test_a_purchase_is_booked_to_the_lamport() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert result.position is not None
    assert result.position.purchased == Decimal(1000)
    assert result.position.invested_lamports == 1_000_105_000
    state = engine.ledger.head(agent.wallets[0].address)
    assert sol(state.balance_raw(SOL_MINT)) == Decimal("8.999895")
    assert state.reserved_raw(SOL_MINT) == 0
    assert engine.journal.replay(agent.wallets[0].address) == state
    assert [type(event) for event in engine.events].count(PositionOpened) == 1


async def test_a_burst_shares_writes_and_quotes_and_gives_everybody_a_position() -> None:
    """A share of the burst is written at a time: the next one is decided, or settled, while the journal writes."""
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent(TradingConfig())) for _ in range(200)]
    before = engine.journal.appends

    results = await engine.buy(agents)

    assert all(result.position is not None for result in results)
    assert engine.journal.appends - before <= 2 * len(agents) / SHARE
    assert len(engine.swaps.requests) == 1


async def test_two_purchases_of_one_token_leave_one_position() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))

    first, second = await asyncio.gather(engine.buy([agent]), engine.buy([agent]))

    codes = [result.code for result in (*first, *second)]
    assert sorted(map(str, codes)) == ["None", "POSITION_EXISTS"]
    assert len(engine.positions(agent)) == 1


async def test_concurrent_purchases_never_reserve_more_than_there_is() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()), Decimal(3))
    tokens = [f"Mint{number}" for number in range(20)]

    results = await asyncio.gather(
        *(engine.buy([agent], token=token, size_sol=Decimal("0.9")) for token in tokens)  # type: ignore[arg-type]
    )

    bought = [result for (result,) in results if result.position is not None]
    assert len(bought) == 2
    state = engine.ledger.head(agent.wallets[0].address)
    assert state.available_raw(SOL_MINT) >= lamports(Decimal("0.5"))


async def test_a_failed_quote_releases_the_reservation() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.swaps.failures.append(SwapUnavailableError("busy"))

    (result,) = await engine.buy([agent])

    assert result.code == "SWAP_UNAVAILABLE"
    state = engine.ledger.head(agent.wallets[0].address)
    assert not state.intents
    assert sol(state.available_raw(SOL_MINT)) == Decimal(10)
    assert isinstance(engine.journal.entries[-1].body, TradeFailed)


async def test_price_impact_shrinks_the_order_and_then_refuses() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.swaps.impact = Decimal("-0.2")

    (result,) = await engine.buy([agent], size_sol=Decimal(1))

    assert result.code == "PRICE_IMPACT_TOO_HIGH"
    assert [request.amount_raw for request in engine.swaps.requests] == [
        10**9,
        9 * 10**8,
        8 * 10**8,
        7 * 10**8,
    ]


async def test_a_stop_loss_sells_and_books_the_loss() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None

    engine.price(Decimal("0.00069"))
    assert not len(engine.exits)
    engine.swaps.price_sol = Decimal("0.00068")
    engine.price(Decimal("0.00068"))
    await until(lambda: not len(engine.exits))

    settled = engine.journal.entries[-1].body
    assert isinstance(settled, TradeSettled)
    assert settled.closed is not None
    assert settled.closed.close_reason is CloseReason.STOP_LOSS
    # 0.68 out, 10 bps protocol, 0.000105 network, 1.000105 paid.
    assert settled.closed.profit_loss_sol == Decimal("0.68") - Decimal("0.00068") - Decimal(
        "0.000105"
    ) - Decimal("1.000105")
    assert len(engine.book) == 0
    assert isinstance(engine.events[-2], PositionClosed)


async def test_a_trail_that_no_price_has_moved_is_in_the_journal_and_not_stored_again() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    careful = await engine.add_agent(an_agent(a_config({"stopLoss": {"defaultPercentage": -5}})))

    await engine.buy([agent], size_sol=Decimal(1))
    await engine.settle(5)
    held = engine.held(agent)
    assert held.trail is held.position.base_trail
    assert engine.trails.saved == {}

    # A stop that was tightened while the trade was under way stands nowhere else.
    position = replace(held.position, id=PositionId(new_id()), agent_id=careful.id)
    engine.bus.publish(PositionOpened(position, position.base_trail))
    await engine.settle(5)
    assert engine.held(careful).trail.stop_loss_pct == Decimal(-5)
    assert list(engine.trails.saved.values()) == [engine.held(careful).trail]


async def test_a_rising_price_raises_the_stop_and_tells_after_it_is_stored() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    await engine.buy([agent], size_sol=Decimal(1))

    engine.price(Decimal("0.0015"))
    await until(lambda: any(isinstance(event, PositionUpdated) for event in engine.events))

    (held,) = engine.book.of_agent(agent.id)
    assert held.trail.stop_loss_pct == Decimal(40)
    assert engine.trails.saved[held.position.id] == held.trail
    engine.swaps.price_sol = Decimal("0.0014")
    engine.price(Decimal("0.0014"))
    await until(lambda: not engine.positions(agent))


async def test_an_exit_is_tried_until_it_gets_through() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    await engine.buy([agent], size_sol=Decimal(1))
    engine.swaps.failures += [SwapUnavailableError("busy") for _ in range(3)]

    engine.price(Decimal("0.0005"))
    engine.price(Decimal("0.0009"))
    await until(lambda: not engine.positions(agent))

    intents = [entry.body.intent for entry in engine.journal.entries if isinstance(entry.body, TradeIntended)]
    assert [intent.generation for intent in intents if intent.position_id] == [0, 1, 2, 3]
    assert len({intent.id for intent in intents}) == len(intents)


async def test_a_pending_exit_survives_a_restart() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    await engine.buy([agent], size_sol=Decimal(1))
    position = engine.positions(agent)[0]
    engine.swaps.failures += [SwapUnavailableError("busy")]
    with pytest.raises(SwapUnavailableError):
        await engine.sales.execute(
            ClosePositionRequest(
                wallet_address=position.wallet_address,
                position_id=position.id,
                reason=CloseReason.STOP_LOSS,
                persistent=True,
            )
        )

    after = await restarted(engine, agent_config=agent.config)
    await recovered(after.recovery)
    await until(lambda: not after.positions(agent))


async def restarted(engine: FakeEngine, agent_config: TradingConfig) -> FakeEngine:
    """Return a new engine over the same journal, loaded as the product does at start."""
    after = FakeEngine(engine.journal, engine.swaps)
    for agent in engine.directory.all():
        after.directory.load([agent])
    states = await after.journal.load()
    after.ledger.load(states, 0)
    for state in states:
        for position in state.positions.values():
            after.keeper.watch(position, position.base_trail)
    return after


async def test_an_interrupted_purchase_is_carried_on() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.swaps.gate = asyncio.Event()
    buying = asyncio.create_task(engine.buy([agent], size_sol=Decimal(1)))
    await until(lambda: any(isinstance(entry.body, TradeIntended) for entry in engine.journal.entries))
    buying.cancel()
    engine.swaps.gate = None

    after = await restarted(engine, agent.config)
    assert await recovered(after.recovery) == 1

    assert len(after.positions(agent)) == 1
    assert await recovered(after.recovery) == 0


@pytest.mark.parametrize(("age_seconds", "bought"), [(300, True), (301, False)])
async def test_an_interrupted_purchase_is_only_carried_on_while_its_signal_is_fresh(
    age_seconds: int, bought: bool
) -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.swaps.gate = asyncio.Event()
    buying = asyncio.create_task(engine.buy([agent], size_sol=Decimal(1)))
    # The quote is asked for while the intent is being written: which comes first is nobody's promise.
    await until(lambda: any(isinstance(entry.body, TradeIntended) for entry in engine.journal.entries))
    await until(lambda: len(engine.swaps.requests) == 1)
    buying.cancel()
    engine.swaps.gate = None
    asked = len(engine.swaps.requests)

    after = await restarted(engine, agent.config)
    after.clock.advance(age_seconds)
    assert await recovered(after.recovery) == 1

    assert [len(after.positions(agent)), len(engine.swaps.requests) - asked] == [bought, bought]
    body = after.journal.entries[-1].body
    assert isinstance(body, TradeSettled if bought else TradeFailed)
    if isinstance(body, TradeFailed):
        assert body.code == "INTERRUPTED"
        assert sol(after.ledger.head(agent.wallets[0].address).available_raw(SOL_MINT)) == Decimal(10)


async def test_a_purchase_under_way_reserves_its_fees_as_well() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.swaps.gate = asyncio.Event()
    buying = asyncio.create_task(engine.buy([agent], size_sol=Decimal(1)))
    await until(lambda: bool(engine.ledger.head(agent.wallets[0].address).intents))

    state = engine.ledger.head(agent.wallets[0].address)
    assert sol(state.reserved_raw(SOL_MINT)) == Decimal("1.01")
    assert sol(state.available_raw(SOL_MINT)) == Decimal("8.99")

    engine.swaps.gate.set()
    (result,) = await buying
    assert result.position is not None
    assert engine.ledger.head(agent.wallets[0].address).reserved_raw(SOL_MINT) == 0


async def test_the_journal_away_refuses_and_changes_nothing() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.journal.down = True

    (result,) = await engine.buy([agent])

    assert (result.code, result.intended) == ("JOURNAL_UNAVAILABLE", False)
    engine.journal.down = False
    assert not (await engine.ledger.fresh(agent.wallets[0].address)).intents
    (again,) = await engine.buy([agent])
    assert again.position is not None


class SlowJournal(FakeJournal):
    """Writes trades only while `gate` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def append(self, entries: Sequence[Entry]) -> int:
        if any(isinstance(entry.body, TradeIntended) for entry in entries):
            await self.gate.wait()
        return await super().append(entries)


async def test_nothing_is_swapped_before_its_intent_is_durable() -> None:
    journal = SlowJournal()
    engine = FakeEngine(journal)
    agent = await engine.add_agent(an_agent(a_config()))
    execute, swapped = engine.swaps.execute, asyncio.Event()

    async def noted(quote: Quote, submission: Submission | None) -> SwapOutcome:
        swapped.set()
        return await execute(quote, submission)

    engine.swaps.execute = noted  # type: ignore[method-assign]
    buying = asyncio.create_task(engine.buy([agent], size_sol=Decimal(1)))
    await until(lambda: bool(engine.swaps.requests))
    await engine.settle(50)

    # The quote is there long since.
    assert not swapped.is_set()
    journal.gate.set()
    (result,) = await buying
    assert (result.code, swapped.is_set()) == (None, True)


async def test_a_lost_answer_of_the_journal_is_looked_up() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config()))
    engine.journal.lose_answer = True

    (result,) = await engine.buy([agent])

    assert result.position is not None
    assert engine.journal.replay(agent.wallets[0].address) == engine.ledger.head(agent.wallets[0].address)


async def test_two_engines_on_one_journal_open_one_position() -> None:
    journal = FakeJournal()
    one, two = FakeEngine(journal), FakeEngine(journal)
    agent = await one.add_agent(an_agent(a_config()))
    two.directory.load([agent])
    await two.ledger.fresh(agent.wallets[0].address)

    results = await asyncio.gather(
        one.buy([agent], size_sol=Decimal(1)), two.buy([agent], size_sol=Decimal(1))
    )

    opened = [result for (result,) in results if result.position is not None]
    assert len(opened) == 1
    state = journal.replay(agent.wallets[0].address)
    assert len(state.positions) == 1
    assert not state.intents


async def test_nobody_buys_while_a_price_is_in_doubt() -> None:
    engine = FakeEngine()
    engine.validator.seed(TOKEN, Decimal("0.001"))
    jump = an_observation(Decimal("0.002"), engine.clock.now())
    engine.validator.judge(jump, sol_usd=None, now=engine.clock.now())
    agent = await engine.add_agent(an_agent(a_config()))

    (result,) = await engine.buy([agent])

    assert result.code == "PRICE_DOUBTFUL"
    assert not engine.swaps.requests
    assert not engine.ledger.head(agent.wallets[0].address).intents


async def test_a_trail_that_comes_as_the_last_one_has_been_written_is_written_too() -> None:
    for turns in range(12):
        store, book = FakeTrails(), PositionBook()
        keeper = TrailKeeper(store=store, book=book, publish=lambda _: None)
        first, second = (
            PositionTrail(PositionId(new_id()), 1, Decimal(1), Decimal(1), None, None) for _ in range(2)
        )

        keeper.keep([first])
        for _ in range(turns):
            await asyncio.sleep(0)
        keeper.keep([second])
        await keeper.drain(5)

        assert list(store.saved) == [first.position_id, second.position_id], f"after {turns} turns"
