"""The services a live trade depends on, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from nexgent.domain.live_check.judge import MAINNET_GENESIS
from nexgent.domain.live_check.models import NodeReading, PriceReading, RateTier
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.shared.errors import NexgentError
from nexgent.shared.findings import Finding, Verdict
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.fakes.market import FakeSwaps


class FakeLiveMarket:
    """A market in which everything is as it should be, until a test says otherwise."""

    def __init__(self) -> None:
        self.tier = RateTier(requests_per_minute=600, has_key=True, local=False)
        self.balance = 10_000_000_000
        self.reading = NodeReading(genesis=MAINNET_GENESIS, first_slot=5, second_slot=6, seconds=0.3)
        self.observed_at: datetime | None = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self.swaps = FakeSwaps()
        self.impact: Decimal | None = None
        self.node_failure: NexgentError | None = None
        self.refusal: NexgentError | None = None
        self.asked: list[QuoteRequest] = []

    async def upstreams(self) -> Sequence[Finding]:
        await asyncio.sleep(0)
        return [Finding("clock", Verdict.OK, "+0 s against somebody")]

    async def balance_lamports(self, wallet: WalletAddress) -> int:
        if self.node_failure is not None:
            raise self.node_failure
        return self.balance

    async def node(self) -> NodeReading:
        if self.node_failure is not None:
            raise self.node_failure
        return self.reading

    async def prices(self, token: TokenAddress) -> Sequence[PriceReading]:
        return [PriceReading("dexscreener", self.observed_at)]

    async def order(self, request: QuoteRequest) -> Quote:
        self.asked.append(request)
        return await self.swaps.quote(request)

    async def inspect(self, quote: Quote, wallet: WalletAddress) -> None:
        if self.refusal is not None:
            raise self.refusal
