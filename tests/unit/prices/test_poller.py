"""The poll: all sources at once, nobody waits for a hanging call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import FetchResult, PriceObservation, PriceSource
from nexgent.domain.prices.poller import PricePoller
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator
from nexgent.shared.clock import SystemClock
from nexgent.shared.types import TokenAddress
from tests.fakes.market import FakeSolPrice


class Feed:
    """Answers at once, except for tokens that hang."""

    def __init__(self, source: PriceSource, capacity: int = 0) -> None:
        self.source = source
        self.capacity_per_second = capacity
        self.hanging: set[TokenAddress] = set()
        self.absent: set[TokenAddress] = set()
        self.price_sol = Decimal(1)
        self.calls: list[tuple[TokenAddress, ...]] = []
        self.clock = SystemClock()

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        self.calls.append(tuple(tokens))
        if self.hanging & set(tokens):
            await asyncio.Event().wait()
        found = [
            PriceObservation(token, self.source, self.price_sol, None, self.clock.now())
            for token in tokens
            if token not in self.absent
        ]
        return FetchResult(tuple(found), frozenset(self.absent & set(tokens)), frozenset())


class Observer:
    def __init__(self) -> None:
        self.polls: list[tuple[str, str]] = []
        self.verdicts: list[str] = []

    def polled(self, source: str, status: str, seconds: float) -> None:
        self.polls.append((source, status))

    def judged(self, verdict: str) -> None:
        self.verdicts.append(verdict)


def a_validator() -> PriceValidator:
    return PriceValidator(PriceValidationRules(), PriceSource.DEXSCREENER)


def a_poller(
    primary: Feed,
    secondary: Feed | None,
    tokens: list[TokenAddress],
    published: list[object],
    validator: PriceValidator | None = None,
) -> PricePoller:
    return PricePoller(
        primary=primary,
        secondary=secondary,
        validator=validator or a_validator(),
        sol_price=FakeSolPrice(),
        tracked=lambda: tokens,
        clock=SystemClock(),
        publish=published.append,
        observer=Observer(),
        patience_seconds=0.05,
    )


def mints(count: int) -> list[TokenAddress]:
    return [TokenAddress(f"Mint{number:04}") for number in range(count)]


async def test_one_hanging_call_holds_back_only_its_own_tokens() -> None:
    primary, published = Feed(PriceSource.DEXSCREENER), list[object]()
    tokens = mints(90)
    primary.hanging = {tokens[0]}
    poller = a_poller(primary, None, tokens, published)

    assert await poller.tick() == 60
    assert await poller.tick() == 60
    # The chunk in flight is not asked for again before it is back.
    assert sum(tokens[0] in call for call in primary.calls) == 1
    await poller.close()


async def test_the_second_source_covers_what_hangs() -> None:
    primary, secondary = Feed(PriceSource.DEXSCREENER), Feed(PriceSource.JUPITER)
    tokens = mints(30)
    primary.hanging = {tokens[0]}
    published: list[object] = []
    poller = a_poller(primary, secondary, tokens, published)

    assert await poller.tick() == 30
    assert all(isinstance(event, PricesChanged) for event in published)
    await poller.close()


async def test_a_limited_source_takes_turns() -> None:
    primary, secondary = Feed(PriceSource.DEXSCREENER), Feed(PriceSource.JUPITER, capacity=20)
    tokens = mints(60)
    poller = a_poller(primary, secondary, tokens, [])

    for _ in range(3):
        await poller.tick()

    asked = [token for call in secondary.calls for token in call]
    assert sorted(asked) == tokens


async def test_a_limited_source_is_asked_first_about_what_is_in_doubt() -> None:
    primary, secondary = Feed(PriceSource.DEXSCREENER), Feed(PriceSource.JUPITER, capacity=2)
    tokens, validator = mints(60), a_validator()
    poller = a_poller(primary, secondary, tokens, [], validator)
    doubtful = tokens[50]
    validator.seed(doubtful, Decimal(10))

    await poller.tick()
    assert validator.doubtful(doubtful)
    await poller.tick()

    # A jump that waits for a witness does not wait for its turn among sixty; the other place goes on in turn.
    assert [sorted(call) for call in secondary.calls] == [tokens[:2], [tokens[2], doubtful]]
    assert not validator.doubtful(doubtful)


async def test_a_limited_source_is_asked_first_about_what_the_other_does_not_know() -> None:
    primary, secondary = Feed(PriceSource.DEXSCREENER), Feed(PriceSource.JUPITER, capacity=2)
    tokens = mints(60)
    primary.absent = {tokens[40]}
    poller = a_poller(primary, secondary, tokens, [])

    for _ in range(3):
        await poller.tick()

    assert [sorted(call) for call in secondary.calls] == [
        tokens[:2],
        [tokens[2], tokens[40]],
        [tokens[3], tokens[40]],
    ]


async def test_nothing_to_ask_for_is_a_good_poll() -> None:
    poller = a_poller(Feed(PriceSource.DEXSCREENER), None, [], [])

    assert await poller.tick() == 0
    assert poller.last_good_age_seconds is not None
