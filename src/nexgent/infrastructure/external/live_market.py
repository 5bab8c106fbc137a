"""The services a live trade depends on, for somebody who only looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from nexgent.config.sections import MarketSettings
from nexgent.domain.live_check.models import NodeReading, PriceReading, RateTier
from nexgent.domain.prices.ports import TokenPriceFeed
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.ports import SwapGateway
from nexgent.infrastructure.external.jupiter.preflight import SwapPreflight
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.infrastructure.external.upstream_checks import SECONDS, Upstreams, clock
from nexgent.shared.findings import Finding
from nexgent.shared.types import TokenAddress, WalletAddress

SLOT_SECONDS = 4.0
"""How long a node may stand still; slots take 200 ms to 400 ms."""
_LOOK_SECONDS = 0.3


class ExternalLiveMarket:
    """Implements `LiveMarket`. It has a preflight of its own, whose refusals are nobody's refused trades."""

    def __init__(
        self,
        *,
        settings: MarketSettings,
        requests_per_minute: int,
        rpc: SolanaRpc,
        price_feeds: Sequence[TokenPriceFeed],
        gateway: SwapGateway,
        preflight: SwapPreflight,
    ) -> None:
        self._settings = settings
        self._requests_per_minute = requests_per_minute
        self._rpc = rpc
        self._price_feeds = price_feeds
        self._gateway = gateway
        self._preflight = preflight

    @property
    def tier(self) -> RateTier:
        """How often the swap provider may be asked."""
        host = urlsplit(self._settings.jupiter_base_url).hostname
        return RateTier(
            requests_per_minute=self._requests_per_minute,
            has_key=self._settings.jupiter_api_key is not None,
            local=host in ("localhost", "127.0.0.1", "::1"),
        )

    async def upstreams(self) -> Sequence[Finding]:
        """Return what `nexgent doctor` would find of the upstream services and of the clock."""
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=False) as http:
            upstreams = Upstreams(self._settings, http)
            found = await upstreams.all()
        return [clock(upstreams.offsets), *found]

    async def balance_lamports(self, wallet: WalletAddress) -> int:
        """Return what the chain says the wallet holds."""
        return await self._rpc.balance_lamports(wallet)

    async def node(self) -> NodeReading:
        """Return genesis and two slots; the second as soon as it has moved."""
        started = time.monotonic()
        genesis, first = await asyncio.gather(self._rpc.genesis(), self._rpc.slot())
        second = first
        while second <= first and time.monotonic() - started < SLOT_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
            second = await self._rpc.slot()
        return NodeReading(
            genesis=genesis, first_slot=first, second_slot=second, seconds=time.monotonic() - started
        )

    async def prices(self, token: TokenAddress) -> Sequence[PriceReading]:
        """Return when each source observed a price of a token."""
        results = await asyncio.gather(*(feed.fetch([token]) for feed in self._price_feeds))
        return [
            PriceReading(
                str(feed.source),
                next(
                    (one.observed_at for one in result.observations if one.price_sol or one.price_usd), None
                ),
            )
            for feed, result in zip(self._price_feeds, results, strict=True)
        ]

    async def order(self, request: QuoteRequest) -> Quote:
        """Return an offer with a transaction."""
        return await self._gateway.quote(request)

    async def inspect(self, quote: Quote, wallet: WalletAddress) -> None:
        """Decode and simulate the transaction of an offer."""
        await self._preflight.check(quote, wallet)
