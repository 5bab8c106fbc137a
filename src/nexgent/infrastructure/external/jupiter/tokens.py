"""Market figures of tokens from Jupiter's token search."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from nexgent.domain.signals.models import TokenMetrics
from nexgent.infrastructure.external.budget import Priority
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.json_values import (
    BadJsonError,
    decimal_of,
    decode,
    int_of,
    list_of,
    mapping_of,
)
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.single_flight import SingleFlight
from nexgent.infrastructure.external.solana.decimals import SolanaTokenDecimals
from nexgent.shared.clock import Clock
from nexgent.shared.types import TokenAddress

log = structlog.get_logger(__name__)

SEARCH_TIMEOUT_SECONDS = 5.0
CACHE_SECONDS = 15.0
MAX_SEARCH_MINTS = 100
_MAX_CACHED = 5_000


@dataclass(slots=True)
class _Batch:
    """Tokens that one call asks for."""

    tokens: list[TokenAddress] = field(default_factory=list)
    answer: asyncio.Task[dict[TokenAddress, TokenMetrics]] | None = None


class JupiterTokenMetrics:
    """`TokenMetricsSource`. Figures are kept for a few seconds: one signal asks once for many agents."""

    def __init__(
        self,
        api: JupiterApi,
        clock: Clock,
        *,
        cache_seconds: float = CACHE_SECONDS,
        decimals: SolanaTokenDecimals | None = None,
    ) -> None:
        self._api = api
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._decimals = decimals
        self._cache: OrderedDict[TokenAddress, tuple[float, TokenMetrics]] = OrderedDict()
        self._calls: SingleFlight[TokenAddress, TokenMetrics | None] = SingleFlight()
        self._batch: _Batch | None = None

    async def metrics(self, token: TokenAddress) -> TokenMetrics | None:
        """Return the figures of exactly this mint, or None when they cannot be had."""
        cached = self._cache.get(token)
        if cached is not None and self._clock.monotonic() - cached[0] < self._cache_seconds:
            return cached[1]
        return await self._calls.run(token, lambda: self._learn(token))

    async def _learn(self, token: TokenAddress) -> TokenMetrics | None:
        metrics = await self._ask(token)
        if metrics is not None:
            self._cache[token] = (self._clock.monotonic(), metrics)
            self._cache.move_to_end(token)
            while len(self._cache) > _MAX_CACHED:
                self._cache.popitem(last=False)
        return metrics

    async def _ask(self, token: TokenAddress) -> TokenMetrics | None:
        """Return what the next call tells of a token: those that are asked for at the same moment share it."""
        batch = self._batch
        if batch is None or len(batch.tokens) >= MAX_SEARCH_MINTS:
            batch = self._batch = _Batch()
            batch.tokens.append(token)
            batch.answer = asyncio.ensure_future(self._search(batch))
        else:
            batch.tokens.append(token)
        assert batch.answer is not None
        return (await asyncio.shield(batch.answer)).get(token)

    async def _search(self, batch: _Batch) -> dict[TokenAddress, TokenMetrics]:
        # Whoever asks in this round of the event loop still gets in.
        await asyncio.sleep(0)
        if self._batch is batch:
            self._batch = None
        tokens = batch.tokens
        try:
            answer = await self._api.main.get(
                "/tokens/v2/search",
                [("query", ",".join(tokens))],
                operation="tokens",
                priority=Priority.ENTRY,
                timeout_seconds=SEARCH_TIMEOUT_SECONDS,
                attempts=2,
            )
            found = list_of(decode(answer.body))
        except (UpstreamCallError, BadJsonError) as error:
            log.warning("token_metrics.unavailable", tokens=tokens[:5], count=len(tokens), reason=str(error))
            return {}
        # It is a search: a hit may be another token with one's name.
        by_mint = {item.get("id"): item for item in map(mapping_of, found)}
        return {token: self._metrics_in(token, by_mint[token]) for token in tokens if token in by_mint}

    def _metrics_in(self, token: TokenAddress, fields: Mapping[str, Any]) -> TokenMetrics:
        decimals = int_of(fields.get("decimals"))
        if self._decimals is not None and decimals is not None:
            self._decimals.remember(token, decimals)
        return TokenMetrics(
            market_cap_usd=decimal_of(fields.get("mcap")),
            liquidity_usd=decimal_of(fields.get("liquidity")),
            holder_count=int_of(fields.get("holderCount")),
        )
