"""A second venue beside the first: new trades go to whoever stands first, what was sent is followed up where it was sent."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.models import FIRST_VENUE, Entry, TradeExpired, TradeFailed, TradeSubmitted
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.errors import UnknownVenueError
from nexgent.domain.trading.events import RecoveryPostponed
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.infrastructure.database.journal.codec import decode_submission, to_json
from nexgent.shared.types import VenueName
from tests.builders import a_live_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.fakes.market import FakeLiveSwaps
from tests.passes import recovered

SECOND = VenueName("second")


class Market:
    """Two venues, and an engine for which either may come first."""

    def __init__(self) -> None:
        self.first = FakeLiveSwaps("first")
        self.second = FakeLiveSwaps("second")

    def engine(self, *order: VenueName, journal: FakeJournal | None = None) -> FakeEngine:
        swaps = {FIRST_VENUE: self.first, SECOND: self.second}
        venues = [Venue(name, mode, swaps[name]) for name in order for mode in TradingMode]
        return FakeEngine(journal, venues=SwapVenues(venues))


async def with_an_agent(engine: FakeEngine) -> Agent:
    agent = a_live_agent()
    engine.keys.loaded.add(agent.wallets[0].address)
    return await engine.add_agent(agent)


async def restarted(engine: FakeEngine, agent: Agent, entries: list[Entry], after: FakeEngine) -> FakeEngine:
    """Start again on what was written before the process died."""
    after.journal.wallets = dict(engine.journal.wallets)
    after.journal.entries = list(entries)
    after.keys.loaded |= engine.keys.loaded
    after.directory.load([agent])
    states = await after.journal.load()
    after.ledger.load(states, len(entries))
    for state in states:
        for position in state.positions.values():
            after.keeper.watch(position, position.base_trail)
    return after


def until_sent(entries: list[Entry]) -> list[Entry]:
    """Return the entries up to the last swap that was recorded as about to be sent."""
    (*_, last) = [number for number, entry in enumerate(entries, 1) if isinstance(entry.body, TradeSubmitted)]
    return entries[:last]


def venues_of(entries: list[Entry]) -> list[VenueName]:
    return [entry.body.submission.venue for entry in entries if isinstance(entry.body, TradeSubmitted)]


async def test_new_trades_go_to_the_venue_that_stands_first_and_say_so() -> None:
    market = Market()
    engine = market.engine(SECOND, FIRST_VENUE)
    agent = await with_an_agent(engine)

    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    request = ClosePositionRequest(
        wallet_address=bought.position.wallet_address,
        position_id=bought.position.id,
        reason=CloseReason.MANUAL,
    )
    await engine.sales.execute(request)

    assert len(market.second.chain) == 2
    assert not market.first.requests
    assert venues_of(engine.journal.entries) == [SECOND, SECOND]


@pytest.mark.parametrize("selling", [False, True])
async def test_after_a_restart_the_venue_is_asked_that_the_swap_was_sent_to(selling: bool) -> None:
    market = Market()
    engine = market.engine(SECOND, FIRST_VENUE)
    agent = await with_an_agent(engine)
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    if selling:
        request = ClosePositionRequest(
            wallet_address=bought.position.wallet_address,
            position_id=bought.position.id,
            reason=CloseReason.MANUAL,
        )
        await engine.sales.execute(request)

    # The first venue takes new trades now; it would say of a swap it never saw that it never landed.
    entries = until_sent(engine.journal.entries)
    after = await restarted(engine, agent, entries, market.engine(FIRST_VENUE, SECOND))
    assert await recovered(after.recovery) == 1

    assert not market.first.asked
    assert [asked.venue for asked in market.second.asked] == [SECOND]
    wallet = agent.wallets[0].address
    assert after.ledger.head(wallet).balances == engine.ledger.head(wallet).balances
    assert bool(after.positions(agent)) is not selling
    if not selling:
        # What is sold now is sold at the first venue: tokens lie in the wallet, not at a venue.
        (position,) = after.positions(agent)
        await after.sales.execute(
            ClosePositionRequest(wallet_address=wallet, position_id=position.id, reason=CloseReason.MANUAL)
        )
        assert venues_of(after.journal.entries) == [SECOND, FIRST_VENUE]


async def test_a_swap_whose_venue_is_gone_stays_open_and_is_never_called_failed() -> None:
    market = Market()
    engine = market.engine(SECOND, FIRST_VENUE)
    agent = await with_an_agent(engine)
    await engine.buy([agent], size_sol=Decimal(1))

    entries = until_sent(engine.journal.entries)
    after = await restarted(engine, agent, entries, market.engine(FIRST_VENUE))
    assert await recovered(after.recovery) == 0

    assert not market.first.asked
    assert len(after.ledger.head(agent.wallets[0].address).intents) == 1
    assert not [e for e in after.journal.entries if isinstance(e.body, TradeFailed | TradeExpired)]
    (told,) = [event for event in after.events if isinstance(event, RecoveryPostponed)]
    assert told.code == UnknownVenueError.code


async def test_what_was_sent_before_submissions_named_their_venue_went_to_the_first() -> None:
    engine = Market().engine(FIRST_VENUE)
    await engine.buy([await with_an_agent(engine)], size_sol=Decimal(1))
    (submission,) = [e.body.submission for e in engine.journal.entries if isinstance(e.body, TradeSubmitted)]
    document = json.loads(to_json(submission))
    assert document.pop("venue") == "jupiter"

    assert decode_submission(json.dumps(document)) == submission
