"""A swap gateway and its companions in memory, for rules and orders of events; money is proven against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, auto

from nexgent.domain.ledger.models import Submission
from nexgent.domain.positions.models import PositionTrail
from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.domain.trading.errors import SwapUnavailableError, WalletNotLoadedError
from nexgent.domain.trading.models import (
    Fees,
    Landed,
    NeverLanded,
    Quote,
    QuoteRequest,
    Reverted,
    StillUnknown,
    SwapOutcome,
)
from nexgent.domain.trading.ports import fill_from_quote
from nexgent.domain.trading.rules.liquidity import MarketReading, MarketVerdict
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, to_raw
from nexgent.shared.types import PositionId, TokenAddress, WalletAddress


class FakeSwaps:
    """Quotes at a fixed price per token; `failures` are raised by the next quotes, `gate` holds quotes back while set.

    `unsellable` is raised by every quote of a sale; `impact_above` gives quotes above an amount another price impact.
    """

    def __init__(self, price_sol: Decimal = Decimal("0.001"), decimals: int = 6) -> None:
        self.price_sol = price_sol
        self.decimals = decimals
        self.impact = Decimal("-0.001")
        self.protocol_bps = 10
        self.network_fee_lamports = 105_000
        self.requests: list[QuoteRequest] = []
        self.urgent: list[bool] = []
        self.failures: list[NexgentError] = []
        self.unsellable: NexgentError | None = None
        self.fill_share = Decimal(1)
        self.impact_above: tuple[int, Decimal] | None = None
        self.gate: asyncio.Event | None = None

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        self.requests.append(request)
        self.urgent.append(urgent)
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.unsellable is not None and request.output_mint == SOL_MINT:
            raise self.unsellable
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
            price_impact_ratio=self._impact(request),
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

    def _impact(self, request: QuoteRequest) -> Decimal:
        if self.impact_above is not None and request.amount_raw > self.impact_above[0]:
            return self.impact_above[1]
        return self.impact

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        return None

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        fill = fill_from_quote(quote)
        if self.fill_share != 1:
            share = self.fill_share
            fill = replace(
                fill,
                in_amount_raw=int(fill.in_amount_raw * share),
                out_amount_raw=int(fill.out_amount_raw * share),
            )
        return Landed(fill=fill)

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        raise SwapUnavailableError("a paper trade is never in doubt")


class FakeDecimals:
    """The same decimals for every mint; `asked` has whose were wanted."""

    def __init__(self, decimals: int = 6) -> None:
        self._decimals = decimals
        self.asked: list[TokenAddress] = []

    async def decimals(self, token: TokenAddress) -> int:
        self.asked.append(token)
        return self._decimals


class FakeKeys:
    """Only the wallets put into `loaded` can sign."""

    def __init__(self) -> None:
        self.loaded: set[WalletAddress] = set()

    def is_loaded(self, wallet: WalletAddress) -> bool:
        return wallet in self.loaded

    def refusal(self, wallet: WalletAddress) -> WalletNotLoadedError:
        return WalletNotLoadedError()


class FakeProbe:
    """Says the same of every token until told otherwise; `reachable` off, it raises."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.verdict = MarketVerdict.ALIVE
        self.reachable = True
        self.asked = 0

    async def read(self, tokens: Sequence[TokenAddress]) -> Sequence[MarketReading]:
        self.asked += 1
        if not self.reachable:
            raise SwapUnavailableError("the source does not answer")
        return [
            MarketReading(
                token_address=token,
                source=self.source,
                verdict=self.verdict,
                observed_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
            for token in tokens
        ]


class FakeSolPrice:
    """150 USD per SOL, unless told otherwise."""

    def __init__(self, price_usd: Decimal | None = Decimal(150)) -> None:
        self.price_usd = price_usd

    def current(self, now: datetime) -> SolPrice | None:
        return SolPrice(self.price_usd, now, PriceSource("pyth")) if self.price_usd is not None else None

    def latest(self) -> SolPrice | None:
        return None


class FakeTrails:
    """Trails in a dict. Within a version a peak and a stop only rise and a low only falls."""

    def __init__(self) -> None:
        self.saved: dict[object, PositionTrail] = {}
        self.saves = 0

    async def save(self, trails: Sequence[PositionTrail]) -> None:
        self.saves += 1
        for trail in trails:
            known = self.saved.get(trail.position_id)
            if known is None or trail.position_version > known.position_version:
                self.saved[trail.position_id] = trail
            elif trail.position_version == known.position_version:
                stops = [one for one in (known, trail) if one.stop_loss_pct is not None]
                tightest = max(stops, key=lambda one: one.stop_loss_pct or 0, default=known)
                self.saved[trail.position_id] = replace(
                    tightest,
                    peak_price_sol=max(known.peak_price_sol, trail.peak_price_sol),
                    lowest_price_sol=min(known.lowest_price_sol, trail.lowest_price_sol),
                )

    async def load(self, positions: Collection[PositionId] | None = None) -> Sequence[PositionTrail]:
        return [one for one in self.saved.values() if positions is None or one.position_id in positions]


class Fate(Enum):
    """What becomes of a swap that is sent."""

    LANDED = auto()
    REVERTED = auto()
    EXPIRED = auto()
    """It is lost on its way, and its last valid block passes."""


class FakeLiveSwaps(FakeSwaps):
    """A venue with a chain of its own: it knows what was sent to it, and of everything else that it never landed.

    `fate` is what becomes of what is sent next. So many answers as `silent` says nobody can tell it yet. `unsigned` is raised by
    the next signing, `unsent` by the next sending; neither then leaves anything. `on_send` is called with what is being sent.
    """

    def __init__(self, name: str, price_sol: Decimal = Decimal("0.001")) -> None:
        super().__init__(price_sol)
        self.name = name
        self.fate = Fate.LANDED
        self.silent = 0
        self.unsigned: NexgentError | None = None
        self.unsent: NexgentError | None = None
        self.on_send: Callable[[Submission], None] = lambda _: None
        self.chain: dict[str, SwapOutcome] = {}
        self.asked: list[Submission] = []

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        if quote.request.taker is None:
            return None
        if self.unsigned is not None:
            error, self.unsigned = self.unsigned, None
            raise error
        return Submission(
            request_id=quote.request_id,
            signature=f"{self.name}-{quote.request_id}",
            signed_transaction="signed",
            last_valid_block_height=None,
            in_amount_raw=quote.in_amount_raw,
            out_amount_raw=quote.out_amount_raw,
        )

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        if submission is None:
            return await super().execute(quote, submission)
        self.on_send(submission)
        if self.unsent is not None:
            error, self.unsent = self.unsent, None
            raise error
        match self.fate:
            case Fate.LANDED:
                landed = Landed(fill=replace(fill_from_quote(quote), signature=submission.signature))
                self.chain.setdefault(submission.signature, landed)
            case Fate.REVERTED:
                reverted = Reverted(code="SWAP_FAILED", reason="slippage", network_fee_lamports=5_000)
                self.chain.setdefault(submission.signature, reverted)
            case Fate.EXPIRED:
                pass
        return self._answer(submission)

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        self.asked.append(submission)
        return self._answer(submission)

    def _answer(self, submission: Submission) -> SwapOutcome:
        if self.silent:
            self.silent -= 1
            return StillUnknown(reason="nobody can tell yet")
        return self.chain.get(submission.signature) or NeverLanded(reason="it never landed here")
