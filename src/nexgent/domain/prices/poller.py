"""The price poll: ask all sources for what is held, judge the answers, publish what is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import structlog

from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import FetchResult, TokenPrice
from nexgent.domain.prices.ports import SolPriceFeed, TokenPriceFeed
from nexgent.domain.prices.validation import PriceValidator, Verdict
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress

log = structlog.get_logger(__name__)

CHUNK = 30
"""Tokens per fetch: DexScreener's limit, and small enough that one hanging call holds back little."""


class PollObserver(Protocol):
    """Whoever keeps figures about polls."""

    def polled(self, source: str, status: str, seconds: float) -> None:
        """Note one poll of a source: `success`, `partial` or `failed`."""
        ...

    def judged(self, verdict: str) -> None:
        """Note what the validator made of an observation."""
        ...


class PricePoller:
    """One `tick` asks every source once. A call that hangs is left behind and looked at when it returns."""

    def __init__(
        self,
        *,
        primary: TokenPriceFeed,
        secondary: TokenPriceFeed | None,
        validator: PriceValidator,
        sol_price: SolPriceFeed,
        tracked: Callable[[], Collection[TokenAddress]],
        clock: Clock,
        publish: Callable[[object], None],
        observer: PollObserver,
        patience_seconds: float,
        is_tracked: Callable[[TokenAddress], bool] = lambda _: True,
    ) -> None:
        """`is_tracked` tells of one token whether it is still asked for: an answer that comes after the last holder has sold
        says nothing to anybody."""
        self._primary = primary
        self._secondary = secondary
        self._validator = validator
        self._sol_price = sol_price
        self._tracked = tracked
        self._clock = clock
        self._publish = publish
        self._observer = observer
        self._patience_seconds = patience_seconds
        self._is_tracked = is_tracked
        self._flights: dict[
            asyncio.Task[FetchResult], tuple[TokenPriceFeed, tuple[TokenAddress, ...], float]
        ] = {}
        self._busy: dict[str, set[TokenAddress]] = {}
        self._cursors: dict[str, int] = {}
        self._unanswered: set[TokenAddress] = set()
        self._last_good: float | None = None

    @property
    def last_good_age_seconds(self) -> float | None:
        """How long ago the last poll brought an accepted price (or there was nothing to ask for)."""
        return None if self._last_good is None else self._clock.monotonic() - self._last_good

    async def tick(self) -> int:
        """Ask for all tracked tokens; return how many prices were accepted. Takes at most the patience."""
        tokens = sorted(self._tracked())
        if not tokens:
            self._last_good = self._clock.monotonic()
            return 0
        self._launch(self._primary, self._turn(self._primary, tokens, first=()))
        if self._secondary is not None:
            doubtful = [
                token for token in tokens if token in self._unanswered or self._validator.doubtful(token)
            ]
            self._launch(self._secondary, self._turn(self._secondary, tokens, first=doubtful))
        deadline = self._clock.monotonic() + self._patience_seconds
        accepted = 0
        while self._flights:
            remaining = deadline - self._clock.monotonic()
            if remaining <= 0:
                break
            done, _ = await asyncio.wait(
                self._flights, timeout=remaining, return_when=asyncio.FIRST_COMPLETED
            )
            accepted += self._land(done)
        return accepted

    async def close(self) -> None:
        """Give up calls under way."""
        flights = list(self._flights)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        self._flights.clear()

    def _turn(
        self, feed: TokenPriceFeed, tokens: Sequence[TokenAddress], *, first: Sequence[TokenAddress]
    ) -> list[TokenAddress]:
        """Return whose turn it is: everything while the rate limit allows it, else a part that moves on poll by poll."""
        busy = self._busy.get(feed.source.value, set())
        capacity = feed.capacity_per_second
        free = [token for token in tokens if token not in busy]
        if capacity <= 0 or len(free) <= capacity:
            return free
        chosen = [token for token in first if token not in busy][:capacity]
        start = self._cursors.get(feed.source.value, 0) % len(free)
        rotation = free[start:] + free[:start]
        taken = set(chosen)
        rest = [token for token in rotation if token not in taken][: capacity - len(chosen)]
        self._cursors[feed.source.value] = start + len(rest)
        return chosen + rest

    def _launch(self, feed: TokenPriceFeed, tokens: Sequence[TokenAddress]) -> None:
        for start in range(0, len(tokens), CHUNK):
            chunk = tuple(tokens[start : start + CHUNK])
            self._busy.setdefault(feed.source.value, set()).update(chunk)
            flight = asyncio.ensure_future(feed.fetch(chunk))
            self._flights[flight] = (feed, chunk, self._clock.monotonic())

    def _land(self, done: Collection[asyncio.Task[FetchResult]]) -> int:
        now = self._clock.now()
        sol_price = self._sol_price.current(now)
        sol_usd = sol_price.price_usd if sol_price is not None else None
        prices: dict[TokenAddress, TokenPrice] = {}
        for flight in done:
            feed, chunk, started = self._flights.pop(flight)
            self._busy[feed.source.value].difference_update(chunk)
            seconds = self._clock.monotonic() - started
            error = asyncio.CancelledError() if flight.cancelled() else flight.exception()
            if error is not None:
                log.error("prices.fetch_failed", source=feed.source.value, exc_info=error)
                self._observer.polled(feed.source.value, "failed", seconds)
                continue
            result = flight.result()
            for observation in result.observations:
                if not self._is_tracked(observation.token_address):
                    continue
                try:
                    verdict, price = self._validator.judge(observation, sol_usd=sol_usd, now=now)
                except Exception:
                    # One token nobody can judge keeps no other from its price.
                    log.exception("prices.not_judged", token_address=observation.token_address)
                    continue
                self._observer.judged(verdict.value)
                if price is not None:
                    prices[price.token_address] = price
                elif verdict not in (Verdict.NOT_PREFERRED, Verdict.OUT_OF_ORDER):
                    log.info(
                        "prices.refused",
                        token_address=observation.token_address,
                        source=observation.source.value,
                        verdict=verdict.value,
                    )
            if feed is self._primary:
                self._unanswered.difference_update(chunk)
                self._unanswered.update(result.absent | result.failed)
            self._observer.polled(feed.source.value, _status(result), seconds)
        if prices:
            self._last_good = self._clock.monotonic()
            self._publish(PricesChanged(list(prices.values()), now))
        return len(prices)


def _status(result: FetchResult) -> str:
    if not result.failed and not result.absent:
        return "success"
    return "partial" if result.observations else "failed"
