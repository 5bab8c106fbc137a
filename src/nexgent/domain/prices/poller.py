"""The price poll: ask all sources for what is held, judge the answers, publish what is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import structlog

from nexgent.domain.prices.intake import PollObserver, PriceIntake
from nexgent.domain.prices.models import FetchResult, TokenPrice
from nexgent.domain.prices.ports import TokenPriceFeed
from nexgent.domain.prices.validation import PriceValidator
from nexgent.shared.clock import Clock
from nexgent.shared.loops import cancel_all
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

log = structlog.get_logger(__name__)

CHUNK = 30
"""Most tokens per fetch: small enough that one hanging call holds back little."""
SAVED_SECONDS = 2.0
"""Calls that were not needed are kept for so long,"""
BORROWED_SECONDS = 10.0
"""and what is in doubt may take as many in advance as come up in so long."""
OUTAGE_SECONDS = 10.0
"""When no price was accepted for so long, the log tells it, once, and once when it is over."""


@dataclass(slots=True)
class _Source:
    """A feed, and where it stands."""

    feed: TokenPriceFeed
    busy: set[TokenAddress] = field(default_factory=set)
    unanswered: set[TokenAddress] = field(default_factory=set)
    cursor: int = 0
    calls: float = 0.0
    """How many calls it may make now; less than none is borrowed."""
    counted_at: float | None = None
    frozen: bool = False


class PricePoller:
    """One `tick` asks every source once. A call that hangs is left behind and looked at when it returns."""

    def __init__(
        self,
        *,
        feeds: Sequence[TokenPriceFeed],
        validator: PriceValidator,
        intake: PriceIntake,
        tracked: Callable[[], Collection[TokenAddress]],
        clock: Clock,
        observer: PollObserver,
        patience_seconds: float,
    ) -> None:
        """`feeds` are the sources, the preferred one first."""
        self._sources = [_Source(feed) for feed in feeds]
        self._validator = validator
        self._intake = intake
        self._tracked = tracked
        self._clock = clock
        self._observer = observer
        self._patience_seconds = patience_seconds
        self._flights: dict[asyncio.Task[FetchResult], tuple[_Source, tuple[TokenAddress, ...], float]] = {}
        self._last_good: float | None = None
        self._none_since: float | None = None
        """When the first poll began of those in a row that brought nothing; a replica, which polls nothing, has none."""
        self._outage = False

    @property
    def last_good_age_seconds(self) -> float | None:
        """How long ago the last poll brought an accepted price (or there was nothing to ask for)."""
        return None if self._last_good is None else self._clock.monotonic() - self._last_good

    def heard(self) -> None:
        """Note that prices have come which another process asked for."""
        self._last_good = self._clock.monotonic()

    async def tick(self) -> int:
        """Ask for all tracked tokens; return how many prices were accepted. Takes at most the patience."""
        began, tokens = self._clock.monotonic(), sorted(self._tracked())
        if not tokens:
            self._last_good = began
            self._look_for_outage(began, 0)
            return 0
        waiting = {token for token in tokens if self._validator.waits(token)}
        for source in self._sources:
            unanswered = set[TokenAddress]().union(
                *(other.unanswered for other in self._sources if other is not source)
            )
            self._launch(source, self._turn(source, tokens, waiting, unanswered))
        self._look_whether_frozen()
        deadline = self._clock.monotonic() + self._patience_seconds
        accepted = 0
        while self._flights:
            remaining = deadline - self._clock.monotonic()
            if remaining <= 0:
                break
            done, _ = await asyncio.wait(
                self._flights, timeout=remaining, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            accepted += self._land(done)
        for source, chunk, _ in self._flights.values():
            self._validator.unanswered(source.feed.source, chunk)
        self._look_for_outage(began, len(tokens))
        return accepted

    async def close(self) -> None:
        """Give up calls under way."""
        await cancel_all(list(self._flights))
        self._flights.clear()

    def _turn(
        self,
        source: _Source,
        tokens: Sequence[TokenAddress],
        waiting: Collection[TokenAddress],
        unanswered: Collection[TokenAddress],
    ) -> list[TokenAddress]:
        """Return whose turn it is: everything while the rate limit allows it, else a part that moves on poll by poll.

        What waits for a word comes first and may take calls in advance, then what other sources do not answer.
        """
        free = [token for token in tokens if token not in source.busy]
        rate, size = source.feed.calls_per_second, _chunk_size(source.feed)
        if rate <= 0 or not free:
            return free
        now = self._clock.monotonic()
        most = max(1.0, rate * SAVED_SECONDS)
        source.calls = (
            min(source.calls + rate * (now - source.counted_at), most) if source.counted_at else most
        )
        source.counted_at = now
        first = [token for token in free if token in waiting]
        calls = int(max(source.calls, 0.0))
        if first:
            borrowed = int(max(source.calls + max(1.0, rate * BORROWED_SECONDS), 0.0))
            calls = max(calls, min(-(-len(first) // size), borrowed))
        first += [token for token in free if token in unanswered and token not in waiting]
        chosen = first[: calls * size]
        if (room := calls * size - len(chosen)) > 0:
            start = source.cursor % len(free)
            taken = set(chosen)
            rest = [token for token in free[start:] + free[:start] if token not in taken][:room]
            source.cursor = start + len(rest)
            chosen += rest
        source.calls -= -(-len(chosen) // size)
        return chosen

    def _look_for_outage(self, began: float, tokens: int) -> None:
        """Say that nothing is decided for want of prices, and that it is again. This poll `began` then."""
        now, since = self._clock.monotonic(), self._none_since or began
        if self._last_good is None or self._last_good < since:
            self._none_since = since
            if now - since > OUTAGE_SECONDS and not self._outage:
                self._outage = True
                log.error(
                    "prices.outage",
                    seconds=round(now - since, 1),
                    tokens=tokens,
                    hint="no source has a price that is accepted: nothing is bought, and no stop loss acts",
                )
            return
        if self._outage:
            log.warning("prices.outage_over", seconds=round(now - since, 1))
        self._none_since, self._outage = None, False

    def _look_whether_frozen(self) -> None:
        """Where a source has said nothing new, ask all for SOL as well, that have a call left: that price never stands still.

        All, because what is frozen shows in that others go on: a token that has crashed stands still everywhere.
        """
        now, freshness = self._clock.now(), self._validator.freshness
        for source in self._sources:
            frozen = freshness.frozen(source.feed.source, now)
            if frozen != source.frozen:
                source.frozen = frozen
                log.warning(
                    "prices.source_frozen" if frozen else "prices.source_thawed", source=source.feed.source
                )
        if not any(freshness.suspect(source.feed.source, now) for source in self._sources):
            return
        for source in self._sources:
            affordable = source.calls >= 1.0 or source.feed.calls_per_second <= 0
            if affordable and SOL_MINT not in source.busy:
                source.calls -= 1.0
                self._launch(source, [SOL_MINT])

    def _launch(self, source: _Source, tokens: Sequence[TokenAddress]) -> None:
        size = _chunk_size(source.feed)
        for start in range(0, len(tokens), size):
            chunk = tuple(tokens[start : start + size])
            source.busy.update(chunk)
            flight = asyncio.ensure_future(source.feed.fetch(chunk))
            self._flights[flight] = (source, chunk, self._clock.monotonic())

    def _land(self, done: Collection[asyncio.Task[FetchResult]]) -> int:
        now = self._clock.now()
        prices: dict[TokenAddress, TokenPrice] = {}
        for flight in done:
            source, chunk, started = self._flights.pop(flight)
            source.busy.difference_update(chunk)
            name, seconds = source.feed.source, self._clock.monotonic() - started
            error = asyncio.CancelledError() if flight.cancelled() else flight.exception()
            if error is not None:
                log.error("prices.fetch_failed", source=name, exc_info=error)
                self._observer.polled(name, "failed", seconds)
                self._note_unanswered(source, chunk, chunk)
                continue
            result = flight.result()
            prices.update(self._intake.judged(result.observations, now))
            self._note_unanswered(source, chunk, result.absent | result.failed)
            self._observer.polled(name, _status(result), seconds)
        if prices:
            self._last_good = self._clock.monotonic()
            self._intake.announce(prices.values(), now)
        return len(prices)

    def _note_unanswered(
        self, source: _Source, asked: Collection[TokenAddress], unanswered: Collection[TokenAddress]
    ) -> None:
        source.unanswered.difference_update(asked)
        source.unanswered.update(unanswered)
        self._validator.unanswered(source.feed.source, unanswered)


def _chunk_size(feed: TokenPriceFeed) -> int:
    return min(feed.tokens_per_call, CHUNK)


def _status(result: FetchResult) -> str:
    if not result.failed and not result.absent:
        return "success"
    return "partial" if result.observations else "failed"
