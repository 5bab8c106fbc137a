"""The poll: all sources at once, nobody waits for a hanging call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.freshness import SourceFreshness
from nexgent.domain.prices.intake import PriceIntake
from nexgent.domain.prices.models import FetchResult, PriceObservation, PriceSource
from nexgent.domain.prices.poller import PricePoller
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator
from nexgent.shared.clock import Clock, SystemClock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.fakes.clock import FakeClock
from tests.fakes.market import FakeSolPrice
from tests.unit.prices.polls import DEX, JUP, THIRD


class Feed:
    """Answers at once, except for tokens that hang."""

    def __init__(
        self, source: PriceSource, *, calls_per_second: float = 0.0, tokens_per_call: int = 30
    ) -> None:
        self.source = source
        self.calls_per_second = calls_per_second
        self.tokens_per_call = tokens_per_call
        self.hanging: set[TokenAddress] = set()
        self.absent: set[TokenAddress] = set()
        self.failing: set[TokenAddress] = set()
        self.error: Exception | None = None
        self.price_sol = Decimal(1)
        self.sol_usd: Decimal | None = None
        """What it says of SOL, when it is asked: 1 SOL, and this many USD. Without it, SOL costs what every token does."""
        self.calls: list[tuple[TokenAddress, ...]] = []
        self.clock: Clock = SystemClock()

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        self.calls.append(tuple(tokens))
        if self.error is not None:
            raise self.error
        if self.hanging & set(tokens):
            await asyncio.Event().wait()
        found = [
            PriceObservation(token, self.source, Decimal(1), self.sol_usd, self.clock.now())
            if token == SOL_MINT and self.sol_usd is not None
            else PriceObservation(token, self.source, self.price_sol, None, self.clock.now())
            for token in tokens
            if token not in self.absent | self.failing
        ]
        return FetchResult(
            tuple(found), frozenset(self.absent & set(tokens)), frozenset(self.failing & set(tokens))
        )

    def asked(self, since: int = 0) -> list[TokenAddress]:
        return sorted(token for call in self.calls[since:] for token in call)


class Observer:
    def __init__(self) -> None:
        self.polls: list[tuple[str, str]] = []
        self.seconds: list[float] = []
        self.verdicts: list[str] = []

    def polled(self, source: str, status: str, seconds: float) -> None:
        self.polls.append((source, status))
        self.seconds.append(seconds)

    def judged(self, verdict: str) -> None:
        self.verdicts.append(verdict)


class Suspicions(SourceFreshness):
    """Who is suspected and who is frozen, a test says."""

    suspected = standing = False

    def suspect(self, source: PriceSource, now: datetime) -> bool:
        return self.suspected

    def frozen(self, source: PriceSource, now: datetime) -> bool:
        return self.standing


class Told(PriceValidator):
    """Accepts what a validator accepts; what waits, and who is suspected or frozen, a test says."""

    def __init__(self, sources: Sequence[PriceSource]) -> None:
        super().__init__(PriceValidationRules(), sources)
        self.waiting: set[TokenAddress] = set()
        self.freshness = self.suspicions = Suspicions(sources, timedelta(0))

    def waits(self, token: TokenAddress) -> bool:
        return token in self.waiting


def a_poller(
    feeds: Sequence[Feed],
    tokens: list[TokenAddress],
    published: list[object] | None = None,
    validator: PriceValidator | None = None,
    clock: FakeClock | None = None,
    *,
    observer: Observer | None = None,
    patience_seconds: float = 60.0,
) -> PricePoller:
    for feed in feeds:
        feed.clock = clock or feed.clock
    if validator is None:
        validator = PriceValidator(PriceValidationRules(), [feed.source for feed in feeds])
    observer = observer or Observer()
    return PricePoller(
        feeds=feeds,
        validator=validator,
        intake=PriceIntake(
            validator=validator,
            sol_price=FakeSolPrice(),
            publish=(published if published is not None else []).append,
            observer=observer,
        ),
        tracked=lambda: tokens,
        clock=clock or SystemClock(),
        observer=observer,
        patience_seconds=patience_seconds,
    )


def mints(count: int) -> list[TokenAddress]:
    return [TokenAddress(f"Mint{number:04}") for number in range(count)]


async def test_one_hanging_call_holds_back_only_its_own_tokens() -> None:
    feed, tokens = Feed(DEX), mints(90)
    feed.hanging = {tokens[0]}
    poller = a_poller([feed], tokens, patience_seconds=0.2)

    assert await poller.tick() == 60
    assert await poller.tick() == 60
    # The chunk in flight is not asked for again before it is back.
    assert sum(tokens[0] in call for call in feed.calls) == 1
    await poller.close()


async def test_the_second_source_covers_what_hangs() -> None:
    first, second = Feed(DEX), Feed(JUP)
    tokens = mints(30)
    first.hanging = {tokens[0]}
    published: list[object] = []
    poller = a_poller([first, second], tokens, published, patience_seconds=0.2)

    # The first poll waits for the other one, which turns out to be late.
    assert await poller.tick() == 0
    assert await poller.tick() == 30
    assert all(isinstance(event, PricesChanged) for event in published)
    await poller.close()


@pytest.mark.parametrize("order", [1, -1])
async def test_any_number_of_sources_is_asked_and_two_of_three_decide(order: int) -> None:
    feeds = [Feed(source) for source in (DEX, JUP, THIRD)]
    tokens, published = mints(1), list[object]()
    poller = a_poller(feeds[::order], tokens, published)
    await poller.tick()
    feeds[0].price_sol = feeds[1].price_sol = Decimal("0.5")

    await poller.tick()

    assert [len(feed.calls) for feed in feeds] == [2, 2, 2]
    last = published[-1]
    assert isinstance(last, PricesChanged)
    assert [price.price_sol for price in last.prices] == [Decimal("0.5")]


async def test_a_limited_source_takes_turns() -> None:
    clock, tokens = FakeClock(), mints(60)
    limited = Feed(JUP, calls_per_second=1, tokens_per_call=10)
    poller = a_poller([Feed(DEX), limited], tokens, clock=clock)
    for _ in range(20):
        await poller.tick()
        clock.advance(1)
    before = len(limited.calls)

    for _ in range(6):
        await poller.tick()
        clock.advance(1)

    assert limited.asked(before) == tokens


async def test_a_source_with_few_calls_is_asked_evenly() -> None:
    clock, limited = FakeClock(), Feed(JUP, calls_per_second=0.25)
    poller = a_poller([Feed(DEX), limited], mints(1), clock=clock)

    counts = []
    for _ in range(12):
        await poller.tick()
        counts.append(len(limited.calls))
        clock.advance(1)

    assert counts == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]


async def test_a_source_that_may_not_be_asked_yet_is_asked_at_once_about_what_is_in_doubt() -> None:
    clock, limited, other, tokens = FakeClock(), Feed(JUP, calls_per_second=0.25), Feed(DEX), mints(1)
    poller = a_poller([other, limited], tokens, clock=clock)
    await poller.tick()
    other.price_sol = Decimal("0.5")

    counts = []
    for _ in range(12):
        clock.advance(1)
        await poller.tick()
        counts.append(len(limited.calls))

    # It is asked at the next poll, and then as often as its limit bears in the long run.
    assert counts[:2] == [1, 2]
    assert 2 + 12 / 4 <= counts[-1] <= 2 + 22 / 4


async def test_a_limited_source_is_asked_first_about_what_is_in_doubt() -> None:
    clock, tokens = FakeClock(), mints(60)
    first, limited = Feed(DEX), Feed(JUP, calls_per_second=1, tokens_per_call=2)
    validator = PriceValidator(PriceValidationRules(), [DEX, JUP])
    poller = a_poller([first, limited], tokens, [], validator, clock)
    for _ in range(40):
        await poller.tick()
        clock.advance(1)
    doubtful = tokens[50]
    validator.forget(doubtful)
    validator.seed(doubtful, Decimal(10))
    await poller.tick()
    clock.advance(1)
    before = len(limited.calls)
    await poller.tick()

    # A jump that waits for a witness does not wait for its turn among sixty.
    assert doubtful in limited.asked(before)
    assert not validator.doubtful(doubtful)


async def test_a_limited_source_is_asked_first_about_what_the_other_does_not_know() -> None:
    clock, tokens = FakeClock(), mints(60)
    first, limited = Feed(DEX), Feed(JUP, calls_per_second=1, tokens_per_call=2)
    first.absent = {tokens[40]}
    validator = PriceValidator(PriceValidationRules(), [DEX, JUP])
    poller = a_poller([first, limited], tokens, [], validator, clock)
    for _ in range(40):
        await poller.tick()
        clock.advance(1)
    before = len(limited.calls)

    for _ in range(3):
        await poller.tick()
        clock.advance(1)

    assert all(tokens[40] in call for call in limited.calls[before:])
    assert len(limited.calls) == before + 3


async def test_what_a_source_does_not_answer_is_not_waited_for() -> None:
    clock, tokens = FakeClock(), mints(1)
    first, second = Feed(DEX), Feed(JUP)
    published = list[object]()
    poller = a_poller([first, second], tokens, published, clock=clock)
    await poller.tick()
    second.absent = set(tokens)
    first.price_sol = Decimal("0.5")

    accepted = []
    for _ in range(3):
        clock.advance(1)
        accepted.append(await poller.tick())

    assert accepted == [0, 1, 1]


async def test_a_source_that_repeats_itself_is_asked_for_sol_and_noticed_as_frozen() -> None:
    clock, tokens = FakeClock(), mints(1)
    frozen, moving = Feed(DEX), Feed(JUP)
    poller = a_poller([frozen, moving], tokens, clock=clock)
    accepted = 0
    for number in range(16):
        clock.advance(1)
        moving.price_sol = Decimal(100 + number % 3) / 100
        await poller.tick()
    assert (SOL_MINT,) in frozen.calls
    assert (SOL_MINT,) in moving.calls
    moving.price_sol = Decimal("0.5")
    for _ in range(2):
        clock.advance(1)
        accepted = await poller.tick()

    assert accepted == 1


async def test_nothing_to_ask_for_is_a_good_poll() -> None:
    poller = a_poller([Feed(DEX)], [])

    assert await poller.tick() == 0
    assert poller.last_good_age_seconds is not None


async def test_a_crash_that_then_stands_still_is_a_price_although_the_other_source_froze_with_it() -> None:
    clock, tokens, published = FakeClock(), mints(1), list[object]()
    frozen, healthy = Feed(DEX), Feed(JUP)
    poller = a_poller([frozen, healthy], tokens, published, clock=clock)
    for number in range(12):
        clock.advance(1)
        frozen.price_sol = healthy.price_sol = Decimal(100 + number % 3) / 100
        await poller.tick()
    frozen.sol_usd = Decimal(150)
    for second, price in enumerate([Decimal("0.9"), Decimal("0.5"), *[Decimal("0.1")] * 40]):
        clock.advance(1)
        healthy.price_sol, healthy.sol_usd = price, Decimal(150 + second % 2)
        await poller.tick()
    last = published[-1]
    assert isinstance(last, PricesChanged)
    assert [one.price_sol for one in last.prices] == [Decimal("0.1")]


@pytest.mark.parametrize(("tokens_per_call", "sizes"), [(100, [30, 30, 1]), (20, [20, 20, 20, 1])])
async def test_a_call_asks_for_as_much_as_the_source_takes_but_never_for_much(
    tokens_per_call: int, sizes: list[int]
) -> None:
    feed = Feed(DEX, tokens_per_call=tokens_per_call)

    await a_poller([feed], mints(61)).tick()

    assert [len(call) for call in feed.calls] == sizes
    assert feed.asked() == mints(61)


async def test_how_long_ago_a_poll_was_good() -> None:
    clock, tokens, feed = FakeClock(), list[TokenAddress](), Feed(DEX)
    poller = a_poller([feed], tokens, clock=clock)
    ages = [poller.last_good_age_seconds]
    assert await poller.tick() == 0
    clock.advance(7)
    ages.append(poller.last_good_age_seconds)
    assert ages == [None, 7]

    tokens += mints(2)
    feed.price_sol = Decimal(0)
    assert await poller.tick() == 0
    assert poller.last_good_age_seconds == 7
    feed.price_sol = Decimal(1)
    assert await poller.tick() == 2
    assert poller.last_good_age_seconds == 0


async def test_figures_tell_what_became_of_each_poll_and_how_long_it_took() -> None:
    clock, observer, tokens = FakeClock(), Observer(), mints(2)
    feed = Feed(DEX)
    poller = a_poller([feed], tokens, clock=clock, observer=observer)

    class Slow(Feed):
        async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
            clock.advance(3)
            return await super().fetch(tokens)

    await poller.tick()
    feed.absent = {tokens[0]}
    await poller.tick()
    feed.absent, feed.failing = set(), {tokens[0]}
    await poller.tick()
    feed.failing = set(tokens)
    await poller.tick()
    feed.absent, feed.failing = set(tokens), set()
    await poller.tick()
    feed.error = RuntimeError("a bug")
    await poller.tick()
    await a_poller([Slow(DEX)], tokens, clock=clock, observer=observer).tick()

    statuses = [status for _, status in observer.polls]
    assert statuses == ["success", "partial", "partial", "failed", "failed", "failed", "success"]
    assert observer.seconds == [0, 0, 0, 0, 0, 0, 3]


async def test_a_feed_that_breaks_is_asked_again_and_not_waited_for() -> None:
    clock, tokens = FakeClock(), mints(1)
    broken, other = Feed(DEX), Feed(JUP)
    broken.error = RuntimeError("a bug")
    poller = a_poller([broken, other], tokens, clock=clock)

    # Which of the two is looked at first is open, and nobody misses an answer about a token that was never heard of. No time
    # passes.
    assert [await poller.tick() for _ in range(3)][-1] == 1
    assert len(broken.calls) == 3


async def test_who_gives_up_hears_nothing_of_it_later() -> None:
    observer, feed, tokens = Observer(), Feed(DEX), mints(1)
    feed.hanging = set(tokens)
    poller = a_poller([feed], tokens, observer=observer, patience_seconds=0.0)
    assert await poller.tick() == 0

    await poller.close()

    # Nothing goes on behind its back either.
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert await poller.tick() == 0
    assert observer.polls == []


async def test_without_patience_nobody_is_waited_for() -> None:
    feed = Feed(DEX)
    poller = a_poller([feed], mints(1), clock=FakeClock(), patience_seconds=0.0)

    assert await poller.tick() == 0
    await poller.close()


async def test_calls_come_with_time_and_are_kept_for_two_seconds() -> None:
    clock, limited = FakeClock(), Feed(JUP, calls_per_second=3, tokens_per_call=1)
    poller = a_poller([limited], mints(40)[::-1], clock=clock)

    counts = []
    for seconds in (0, 1, 0, 10, 0.5, 0.5, 0.25):
        clock.advance(seconds)
        before = len(limited.calls)
        await poller.tick()
        counts.append(len(limited.calls) - before)

    assert counts == [6, 3, 0, 6, 1, 2, 0]
    # One after the other, in the order of their addresses whatever the order they are held in.
    assert [token for call in limited.calls for token in call] == mints(18)


async def test_what_waits_borrows_the_calls_of_ten_seconds() -> None:
    clock, limited, tokens = FakeClock(), Feed(JUP, calls_per_second=1, tokens_per_call=2), mints(60)
    validator = Told([JUP])
    validator.waiting = set(tokens[40:45])
    poller = a_poller([limited], tokens, [], validator, clock)

    counts = []
    for seconds in (0, 1, 0, 0, 0, 0, 1, 0):
        clock.advance(seconds)
        before = len(limited.calls)
        await poller.tick()
        counts.append(len(limited.calls) - before)

    assert counts == [3, 3, 3, 3, 1, 0, 1, 0]
    # What waits comes first; the place that is left goes to the one whose turn it is.
    polls = [limited.calls[number : number + 3] for number in (0, 3, 6)]
    assert [[token for call in poll for token in call] for poll in polls] == [
        [*tokens[40:45], tokens[number]] for number in range(3)
    ]


@pytest.mark.parametrize(("rate", "most"), [(0.05, 1), (0.25, 2)])
async def test_what_waits_may_always_borrow_one_call(rate: float, most: int) -> None:
    clock, limited, tokens = FakeClock(), Feed(JUP, calls_per_second=rate, tokens_per_call=1), mints(9)
    validator = Told([JUP])
    validator.waiting = set(tokens)
    poller = a_poller([limited], tokens, [], validator, clock)

    counts = []
    for _ in range(3):
        before = len(limited.calls)
        await poller.tick()
        counts.append(len(limited.calls) - before)

    # One call it has, and what comes up within ten seconds, or one.
    assert counts == [1 + most, 0, 0]


async def test_a_limited_source_whose_every_token_is_under_way_is_not_asked() -> None:
    clock, limited, tokens = FakeClock(), Feed(JUP, calls_per_second=1), mints(2)
    limited.hanging = set(tokens)
    poller = a_poller([limited], tokens, clock=clock, patience_seconds=0.01)

    for _ in range(3):
        assert await poller.tick() == 0
        clock.advance(1)

    assert limited.calls == [tuple(tokens)]
    await poller.close()


async def test_what_is_suspected_costs_calls_that_are_left() -> None:
    clock, limited, free = FakeClock(), Feed(JUP, calls_per_second=1), Feed(DEX)
    validator, tokens = Told([DEX, JUP]), mints(1)
    poller = a_poller([free, limited], tokens, [], validator, clock)

    asked = []
    for suspected, seconds in ((False, 0), (True, 2), (True, 0), (True, 1), (True, 2)):
        validator.suspicions.suspected = suspected
        clock.advance(seconds)
        before = len(limited.calls), len(free.calls)
        await poller.tick()
        asked.append((limited.asked(before[0]), free.asked(before[1])))

    token, both = [*tokens], sorted([*tokens, SOL_MINT])
    assert asked == [(token, token), (both, both), ([], both), (token, both), (both, both)]


async def test_sol_is_not_asked_for_while_an_answer_is_out() -> None:
    feed, validator = Feed(DEX), Told([DEX])
    validator.suspicions.suspected = True
    feed.hanging = {SOL_MINT}
    poller = a_poller([feed], mints(1), [], validator, FakeClock(), patience_seconds=0.05)

    for _ in range(3):
        await poller.tick()

    assert feed.calls.count((SOL_MINT,)) == 1
    await poller.close()


async def test_that_a_source_froze_or_thawed_is_said_once() -> None:
    validator = Told([DEX])
    poller = a_poller([Feed(DEX)], mints(1), [], validator, FakeClock())

    with capture_logs() as logs:
        for standing in (False, True, True, False, False):
            validator.suspicions.standing = standing
            await poller.tick()

    assert [log["event"] for log in logs if log["log_level"] == "warning"] == [
        "prices.source_frozen",
        "prices.source_thawed",
    ]


async def test_that_no_price_comes_any_more_is_said_once_and_so_is_its_end() -> None:
    clock, feed, tokens = FakeClock(), Feed(DEX), mints(2)
    poller = a_poller([feed], tokens, clock=clock)

    async def poll(times: int) -> list[tuple[str, object]]:
        with capture_logs() as logs:
            for _ in range(times):
                await poller.tick()
                clock.advance(1)
        return [(log["event"], log["seconds"]) for log in logs if "seconds" in log]

    assert await poll(3) == []
    feed.failing = set(tokens)
    assert await poll(10) == []
    assert await poll(50) == [("prices.outage", 11.0)]
    feed.failing = set()
    assert await poll(2) == [("prices.outage_over", 60.0)]
    # What nobody polls for an hour, as a replica does not, was no outage.
    clock.advance(3600)
    feed.failing = set(tokens)
    assert await poll(5) == []
    poller.heard()
    assert await poll(10) == []
    tokens.clear()
    assert await poll(20) == []


async def test_what_the_other_answers_again_waits_for_its_turn() -> None:
    clock, tokens = FakeClock(), mints(3)
    first, limited = Feed(DEX), Feed(JUP, calls_per_second=1, tokens_per_call=1)
    first.absent = {tokens[2]}
    poller = a_poller([first, limited], tokens, [], Told([DEX, JUP]), clock)

    for _ in range(6):
        await poller.tick()
        clock.advance(1)
        if len(limited.calls) == 3:
            first.absent = set()

    # Two at first; the one nobody answers comes first until it is answered, and once in its turn.
    assert [tokens.index(token) for (token,) in limited.calls] == [0, 1, 2, 2, 2, 0, 1]
