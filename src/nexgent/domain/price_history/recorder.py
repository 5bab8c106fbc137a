"""Record accepted prices: the last one of each second, candles of a minute and of an hour.

Prices come with every poll for every token somebody holds. What is kept here is only what came since the last time something was
written; the store puts it together with what is there. So a worker that is killed loses a few seconds of a chart, two workers
that hear the same write the same, and memory is what one interval brings, or `MOST_WAITING` while the store is away.
"""

from __future__ import annotations

from decimal import Context, Decimal

import structlog

from nexgent.domain.price_history.models import Candle, Place, Recorded
from nexgent.domain.price_history.ports import PriceHistoryStore
from nexgent.domain.prices.events import PricesChanged
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0
MOST_WAITING = 50_000
"""So many minutes of tokens wait at most while the store is away; then what is oldest is lost."""
MINUTE, HOUR = 60, 3600
_SHOWN = Context(prec=12)
"""A chart shows no more digits; a quotient of two prices has 34."""


class PriceRecorder:
    """Hear prices, write them now and then."""

    def __init__(
        self, *, store: PriceHistoryStore, seconds: bool = True, minutes: bool = True, hours: bool = True
    ) -> None:
        """What is not kept is not recorded either."""
        self._store = store
        self._with_seconds, self._with_minutes, self._with_hours = seconds, minutes, hours
        self._waiting = _nothing()

    @property
    def waiting(self) -> int:
        """How many minutes of tokens wait to be written."""
        return max(len(self._waiting.seconds), len(self._waiting.minutes), len(self._waiting.hours))

    def on_prices(self, event: PricesChanged) -> None:
        """Take the prices of a poll."""
        second = int(event.at.timestamp())
        minute, hour = second - second % MINUTE, second - second % HOUR
        waiting = self._waiting
        for price in event.prices:
            token, value = price.token_address, _SHOWN.plus(price.price_sol)
            if self._with_seconds:
                waiting.seconds.setdefault((token, minute), {})[second - minute] = value
            if self._with_minutes:
                _take(waiting.minutes, (token, minute), value, price.source)
            if self._with_hours:
                _take(waiting.hours, (token, hour), value, price.source)

    async def flush(self) -> int:
        """Write what waits; return how much. What cannot be written waits on."""
        if not self.waiting:
            return 0
        written, self._waiting = self._waiting, _nothing()
        try:
            await self._store.add(written)
        except BaseException as error:
            self._waiting = _together(written, self._waiting)
            if not isinstance(error, UnavailableError):
                raise
            log.warning(
                "price_history.delayed", waiting=self.waiting, error=type(error.__cause__ or error).__name__
            )
            return 0
        return max(len(written.seconds), len(written.minutes), len(written.hours))


def _nothing() -> Recorded:
    return Recorded({}, {}, {})


def _take(candles: dict[Place, Candle], place: Place, price: Decimal, source: str) -> None:
    candle = candles.get(place)
    if candle is None:
        candles[place] = Candle(price, price, price, price, source)
    else:
        candle.take(price, source)


def _together(earlier: Recorded, later: Recorded) -> Recorded:
    """Return both as one, without what is too much."""
    for place, closes in later.seconds.items():
        earlier.seconds.setdefault(place, {}).update(closes)
    for known, new in ((earlier.minutes, later.minutes), (earlier.hours, later.hours)):
        for place, candle in new.items():
            if (before := known.get(place)) is None:
                known[place] = candle
            else:
                before.follow(candle)
    lost = 0
    for kept in (earlier.seconds, earlier.minutes, earlier.hours):
        over = sorted(kept, key=lambda place: place[1])[: max(0, len(kept) - MOST_WAITING)]
        for place in over:
            del kept[place]
        lost += len(over)
    if lost:
        log.warning("price_history.lost", count=lost)
    return earlier
