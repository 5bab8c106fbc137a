"""What sources say becomes prices: judged, and announced where they are accepted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import structlog

from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import PriceObservation, PriceSource, TokenPrice
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.prices.validation import PriceValidator, Verdict
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

log = structlog.get_logger(__name__)


class PollObserver(Protocol):
    """Whoever keeps figures about polls."""

    def polled(self, source: str, status: str, seconds: float) -> None:
        """Note one poll of a source: `success`, `partial` or `failed`."""

    def judged(self, verdict: str) -> None:
        """Note what the validator made of an observation."""


class PriceIntake:
    """Has observations judged with the SOL price of the moment, and announces what was accepted."""

    def __init__(
        self,
        *,
        validator: PriceValidator,
        sol_price: SolPriceFeed,
        publish: Callable[[object], None],
        observer: PollObserver,
        is_tracked: Callable[[TokenAddress], bool] = lambda _: True,
        on_verdict: Callable[[TokenAddress, PriceSource, Verdict, datetime], None] = lambda *_: None,
    ) -> None:
        """`is_tracked` tells of one token whether it is still asked for.

        An answer that comes after the last holder has sold says nothing to anybody. `on_verdict` hears what became of each word.
        """
        self._validator = validator
        self._sol_price = sol_price
        self._publish = publish
        self._observer = observer
        self._is_tracked = is_tracked
        self._on_verdict = on_verdict

    def judged(
        self, observations: Iterable[PriceObservation], now: datetime
    ) -> dict[TokenAddress, TokenPrice]:
        """Return the prices that are accepted."""
        sol_price = self._sol_price.current(now)
        sol_usd = sol_price.price_usd if sol_price is not None else None
        prices = (self._judge(observation, sol_usd, now) for observation in observations)
        return {price.token_address: price for price in prices if price is not None}

    def announce(self, prices: Collection[TokenPrice], now: datetime) -> None:
        """Tell whoever listens."""
        self._publish(PricesChanged(list(prices), now))

    def _judge(
        self, observation: PriceObservation, sol_usd: Decimal | None, now: datetime
    ) -> TokenPrice | None:
        token = observation.token_address
        if token == SOL_MINT:
            self._validator.freshness.note(observation)
            return None
        if not self._is_tracked(token):
            return None
        try:
            verdict, price = self._validator.judge(observation, sol_usd=sol_usd, now=now)
        except Exception:
            # One token nobody can judge keeps no other from its price.
            log.exception("prices.not_judged", token_address=token)
            return None
        self._observer.judged(verdict.value)
        self._on_verdict(token, observation.source, verdict, now)
        if price is None and verdict not in (Verdict.NOT_PREFERRED, Verdict.OUT_OF_ORDER):
            log.info("prices.refused", token_address=token, source=observation.source, verdict=verdict.value)
        return price
