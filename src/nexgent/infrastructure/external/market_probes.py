"""Whether a token has a market at all, asked of two sources that know pools. A missing price is no answer to that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from nexgent.domain.trading.rules.liquidity import MarketReading, MarketVerdict
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.jupiter.tokens import JupiterTokenMetrics
from nexgent.infrastructure.external.upstream import Upstream
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress

DEAD_BELOW_USD = Decimal(100)
"""Pools worth less than this, all currencies counted, cannot take a sale worth its fees."""
TIMEOUT_SECONDS = 5.0
_PARALLEL = 4


class _Address(msgspec.Struct):
    address: str


class _Liquidity(msgspec.Struct):
    usd: Decimal | None = None


class _Pool(msgspec.Struct, rename="camel"):
    base_token: _Address
    quote_token: _Address
    liquidity: _Liquidity | None = None


_POOLS = msgspec.json.Decoder(list[_Pool])


class DexScreenerMarketProbe:
    """Asks for every pool of a token, in whatever currency it is quoted."""

    source = "dexscreener"

    def __init__(self, upstream: Upstream, clock: Clock) -> None:
        self._upstream = upstream
        self._clock = clock
        self._parallel = asyncio.Semaphore(_PARALLEL)

    async def read(self, tokens: Sequence[TokenAddress]) -> Sequence[MarketReading]:
        """Return a reading per token; a pool of unknown depth makes it unknown, never dead."""
        return await asyncio.gather(*(self._read(token) for token in tokens))

    async def _read(self, token: TokenAddress) -> MarketReading:
        verdict = MarketVerdict.UNKNOWN
        try:
            async with self._parallel:
                answer = await self._upstream.get(
                    f"/token-pairs/v1/solana/{token}",
                    operation="pools",
                    priority=Priority.PRICE,
                    timeout_seconds=TIMEOUT_SECONDS,
                )
            pools = [pool for pool in _POOLS.decode(answer.body) if token in _sides(pool)]
            depths = [pool.liquidity.usd if pool.liquidity is not None else None for pool in pools]
            if any(depth is not None and depth >= DEAD_BELOW_USD for depth in depths):
                verdict = MarketVerdict.ALIVE
            elif None not in depths:
                verdict = MarketVerdict.DEAD
        except (UpstreamCallError, msgspec.DecodeError):
            pass
        return MarketReading(
            token_address=token, source=self.source, verdict=verdict, observed_at=self._clock.now()
        )


class JupiterMarketProbe:
    """Reads the liquidity Jupiter knows of exactly this mint; a token it does not find is unknown."""

    source = "jupiter"

    def __init__(self, metrics: JupiterTokenMetrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock

    async def read(self, tokens: Sequence[TokenAddress]) -> Sequence[MarketReading]:
        """Return a reading per token; what is asked for together shares the calls, which are dear."""
        readings = []
        answers = await asyncio.gather(*(self._metrics.metrics(token) for token in tokens))
        for token, figures in zip(tokens, answers, strict=True):
            liquidity = figures.liquidity_usd if figures is not None else None
            verdict = MarketVerdict.UNKNOWN
            if liquidity is not None and liquidity.is_finite():
                verdict = MarketVerdict.ALIVE if liquidity >= DEAD_BELOW_USD else MarketVerdict.DEAD
            readings.append(
                MarketReading(
                    token_address=token, source=self.source, verdict=verdict, observed_at=self._clock.now()
                )
            )
        return readings


def _sides(pool: _Pool) -> tuple[str, str]:
    return pool.base_token.address, pool.quote_token.address
