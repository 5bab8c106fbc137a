"""What the prices package needs from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from nexgent.domain.prices.models import FetchResult, PriceSource, SolPrice
from nexgent.shared.types import TokenAddress


class TokenPriceFeed(Protocol):
    """A source of token prices."""

    @property
    def source(self) -> PriceSource:
        """Who this is."""

    @property
    def tokens_per_call(self) -> int:
        """How many tokens one call can ask for."""

    @property
    def calls_per_second(self) -> float:
        """How often prices may be asked for within the upstream's rate limit, on average; 0 is unlimited."""

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        """Ask for these tokens in as few calls as the source allows. Never raises for an upstream failure: see `FetchResult`.

        Bounded in time: each call has its own deadline and a slow batch does not hold back the others.
        """


class SolPriceFeed(Protocol):
    """SOL/USD, kept current in the background."""

    def current(self, now: datetime) -> SolPrice | None:
        """Return the newest usable price, or None when there is none or it is stale. Never a made-up constant."""

    def latest(self) -> SolPrice | None:
        """Return the last price ever received, however old, for display only."""


def newest_sol_usd(feed: SolPriceFeed, now: datetime) -> Decimal | None:
    """Return USD per SOL for figures that are shown or noted beside a trade: the last known one if need be."""
    price = feed.current(now) or feed.latest()
    return price.price_usd if price is not None else None
