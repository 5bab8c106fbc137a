"""A swap gateway and its companions in memory, for rules and orders of events; money is proven against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from nexgent.domain.ledger.models import Submission
from nexgent.domain.positions.models import PositionMark
from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.trading.models import Fees, Landed, Quote, QuoteRequest, SwapOutcome
from nexgent.domain.trading.ports import fill_from_quote
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, to_raw
from nexgent.shared.types import TokenAddress, WalletAddress


class FakeSwaps:
    """Quotes at a fixed price per token; `failures` are raised by the next quotes, `gate` holds quotes back while set."""

    def __init__(self, price_sol: Decimal = Decimal("0.001"), decimals: int = 6) -> None:
        self.price_sol = price_sol
        self.decimals = decimals
        self.impact = Decimal("-0.001")
        self.protocol_bps = 10
        self.network_fee_lamports = 105_000
        self.requests: list[QuoteRequest] = []
        self.failures: list[NexgentError] = []
        self.gate: asyncio.Event | None = None

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        self.requests.append(request)
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if request.input_mint == SOL_MINT:
            tokens = Decimal(request.amount_raw).scaleb(-9) / self.price_sol
            out, sol_side = to_raw(tokens, self.decimals), request.amount_raw
        else:
            out = to_raw(Decimal(request.amount_raw).scaleb(-self.decimals) * self.price_sol, 9)
            sol_side = out
        return Quote(
            request=request,
            request_id=f"request-{len(self.requests)}",
            in_amount_raw=request.amount_raw,
            out_amount_raw=out,
            price_impact_ratio=self.impact,
            slippage_bps=50,
            fees=Fees(
                protocol_fee_lamports=sol_side * self.protocol_bps // 10_000,
                protocol_fee_bps=self.protocol_bps,
                network_fee_lamports=self.network_fee_lamports,
                rent_lamports=0,
            ),
            swap_usd_value=None,
            routes_json=None,
            payload_json="{}",
            transaction=None,
            last_valid_block_height=None,
            received_monotonic=0.0,
        )

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        return None

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        return Landed(fill=fill_from_quote(quote))

    async def resolve(self, submission: Submission, wallet: WalletAddress, request: QuoteRequest) -> SwapOutcome:
        raise SwapUnavailableError("a paper trade is never in doubt")


class FakeDecimals:
    """Six decimals for every mint."""

    async def decimals(self, token: TokenAddress) -> int:
        return 6


class FakeKeys:
    """No live wallet is loaded."""

    def is_loaded(self, wallet: WalletAddress) -> bool:
        return False


class FakeSolPrice:
    """150 USD per SOL, unless told otherwise."""

    def __init__(self, price_usd: Decimal | None = Decimal(150)) -> None:
        self.price_usd = price_usd

    def current(self, now: datetime) -> SolPrice | None:
        return SolPrice(self.price_usd, now, PriceSource.PYTH) if self.price_usd is not None else None

    def latest(self) -> SolPrice | None:
        return None


class FakeMarks:
    """Marks in a dict; `down` makes saving fail."""

    def __init__(self) -> None:
        self.saved: dict[object, PositionMark] = {}
        self.saves = 0

    async def save(self, marks: Sequence[PositionMark]) -> None:
        self.saves += 1
        for mark in marks:
            self.saved[mark.position_id] = mark

    async def load(self) -> Sequence[PositionMark]:
        return list(self.saved.values())
