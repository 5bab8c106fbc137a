"""Token prices of Jupiter: USD only, so SOL is asked for in every batch and the ratio is of one and the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from nexgent.domain.prices.models import FetchResult, PriceObservation, PriceSource, SolPrice
from nexgent.infrastructure.external.budget import TRADING_RESERVES, Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.http import Endpoint
from nexgent.infrastructure.external.json_values import (
    BadJsonError,
    decimal_of,
    decode_object,
    int_of,
    mapping_of,
)
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.price_batches import fetch_in_batches
from nexgent.infrastructure.external.solana.decimals import SolanaTokenDecimals
from nexgent.infrastructure.external.upstream import Upstream
from nexgent.shared.clock import Clock
from nexgent.shared.money import CONTEXT, SOL_MINT
from nexgent.shared.types import TokenAddress

JUPITER = PriceSource("jupiter")
MAX_IDS = 50
PRICE_TIMEOUT_SECONDS = 3.0
_SOL_FROM_BATCH_SECONDS = 5.0


class JupiterPriceFeed:
    """`TokenPriceFeed` of Price v3."""

    def __init__(
        self,
        api: JupiterApi,
        clock: Clock,
        *,
        price_url: str | None = None,
        decimals: SolanaTokenDecimals | None = None,
    ) -> None:
        """`price_url` replaces the whole price endpoint (the reference's `JUPITER_API_URL`). Raises `ValueError`."""
        self._clock = clock
        self._decimals = decimals
        self._path = "/price/v3"
        self._upstream = api.main
        if price_url:
            self._path = ""
            self._upstream = _replaced(api.main, price_url)
        self._sol: SolPrice | None = None

    @property
    def source(self) -> PriceSource:
        """Jupiter."""
        return JUPITER

    @property
    def tokens_per_call(self) -> int:
        """What the endpoint takes beside SOL."""
        return MAX_IDS - 1

    @property
    def calls_per_second(self) -> float:
        """Calls within the share of the rate limit that prices may use; 0 is unlimited."""
        budget = self._upstream.budget
        return budget.own_limit * (1.0 - TRADING_RESERVES[Priority.PRICE]) / budget.window_seconds

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        """Ask for the tokens in batches of 49 and SOL, all at once."""
        return await fetch_in_batches(tokens, MAX_IDS - 1, self._fetch_batch)

    async def sol_price(self) -> SolPrice | None:
        """Return USD per SOL, from the last batch when that is recent, or None when it cannot be had."""
        if self._sol is not None:
            age = (self._clock.now() - self._sol.published_at).total_seconds()
            if age <= _SOL_FROM_BATCH_SECONDS:
                return self._sol
        result = await self._fetch_batch([SOL_MINT])
        return self._sol if result.observations else None

    async def _fetch_batch(self, batch: Sequence[TokenAddress]) -> FetchResult:
        ids = list(dict.fromkeys([SOL_MINT, *batch]))
        try:
            answer = await self._upstream.get(
                self._path,
                [("ids", ",".join(ids))],
                operation="price",
                priority=Priority.PRICE,
                timeout_seconds=PRICE_TIMEOUT_SECONDS,
            )
            entries = decode_object(answer.body)
        except (UpstreamCallError, BadJsonError):
            return FetchResult((), frozenset(), frozenset(batch))
        return self._read(batch, entries, self._clock.now())

    def _read(self, batch: Sequence[TokenAddress], entries: Mapping[str, Any], now: datetime) -> FetchResult:
        sol_usd = _usd(entries.get(SOL_MINT))
        if sol_usd is not None and sol_usd > 0:
            self._sol = SolPrice(price_usd=sol_usd, published_at=now, source=JUPITER)
        else:
            sol_usd = None
        observations = []
        absent = set()
        for token in batch:
            usd = _usd(entries.get(token))
            if usd is None:
                absent.add(token)
                continue
            self._learn(token, entries[token])
            observations.append(
                PriceObservation(
                    token_address=token,
                    source=JUPITER,
                    price_sol=CONTEXT.divide(usd, sol_usd) if sol_usd is not None else None,
                    price_usd=usd,
                    observed_at=now,
                    liquidity_usd=decimal_of(mapping_of(entries[token]).get("liquidity")),
                )
            )
        return FetchResult(tuple(observations), frozenset(absent), frozenset())

    def _learn(self, token: TokenAddress, entry: object) -> None:
        decimals = int_of(mapping_of(entry).get("decimals"))
        if self._decimals is not None and decimals is not None:
            self._decimals.remember(token, decimals)


def _usd(entry: object) -> Decimal | None:
    return decimal_of(mapping_of(entry).get("usdPrice"))


def _replaced(main: Upstream, price_url: str) -> Upstream:
    """Return the price endpoint as it was given. The key goes along only to the host it is for."""
    replaced = Upstream(
        name="Jupiter", http=main.http, base_url=price_url, budget=main.budget, headers=main.headers
    )
    if Endpoint("Jupiter", price_url).host != main.endpoint.host:
        replaced.headers = {}
    return replaced
