"""Prices that something may be decided on: accepted, and not older than they may be."""

from __future__ import annotations

from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.trading.book.position_book import age_ms
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress


class FreshPrices:
    """Knows the newest accepted price of a token, as long as it is fresh."""

    def __init__(self, *, latest_prices: LatestPrices, clock: Clock, max_age_seconds: float) -> None:
        self._latest_prices = latest_prices
        self._clock = clock
        self._max_age_ms = max_age_seconds * 1000

    def of(self, token: TokenAddress) -> PriceEvidence | None:
        """Return the price with its source and age, nothing when there is none that is fresh."""
        price = self._latest_prices.get(token)
        if price is None:
            return None
        age = age_ms(self._clock.now(), price.observed_at)
        if age > self._max_age_ms:
            return None
        return PriceEvidence(price_sol=price.price_sol, source=price.source, age_ms=age)
