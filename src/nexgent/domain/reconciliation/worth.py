"""What tokens are worth at this moment, for booking what came without a trade."""

from __future__ import annotations

from decimal import Decimal

from nexgent.domain.prices.ports import SolPriceFeed, TokenPriceFeed, newest_sol_usd
from nexgent.domain.reconciliation.entries import Prices
from nexgent.shared.clock import Clock
from nexgent.shared.money import CONTEXT
from nexgent.shared.types import TokenAddress


class Worth:
    """Asks one source, and knows the price of SOL."""

    def __init__(self, *, prices: TokenPriceFeed, sol_price: SolPriceFeed, clock: Clock) -> None:
        self._prices = prices
        self._sol_price = sol_price
        self._clock = clock

    async def of(self, mint: TokenAddress) -> Decimal | None:
        """Return SOL per token, as a source says it now."""
        now = self._clock.now()
        for one in (await self._prices.fetch([mint])).observations:
            if one.token_address != mint:
                continue
            sol_usd = self._sol_price.current(now)
            price = one.price_sol
            if price is None and one.price_usd is not None and sol_usd is not None:
                price = CONTEXT.divide(one.price_usd, sol_usd.price_usd)
            if price is not None and price.is_finite() and price > 0:
                return price
        return None

    def now(self) -> Prices:
        """Return what is known beside the chain."""
        now = self._clock.now()
        return Prices(now=now, sol_usd=newest_sol_usd(self._sol_price, now))
