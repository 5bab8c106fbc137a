"""The newest accepted price of each token."""

from __future__ import annotations

from collections.abc import Iterable

from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import TokenPrice
from nexgent.shared.types import TokenAddress


class LatestPrices:
    """What everybody reads prices from."""

    def __init__(self) -> None:
        self._prices: dict[TokenAddress, TokenPrice] = {}

    def __len__(self) -> int:
        return len(self._prices)

    def get(self, token: TokenAddress) -> TokenPrice | None:
        """Return the newest accepted price, however old it is by now."""
        return self._prices.get(token)

    def on_prices(self, event: PricesChanged) -> None:
        """Take over accepted prices."""
        for price in event.prices:
            self._prices[price.token_address] = price

    def forget(self, token: TokenAddress) -> None:
        """Drop the price of a token nobody holds any more: it would only grow old."""
        self._prices.pop(token, None)

    def keep_only(self, tokens: Iterable[TokenAddress]) -> None:
        """Forget tokens nobody holds any more."""
        wanted = set(tokens)
        for token in [token for token in self._prices if token not in wanted]:
            del self._prices[token]
