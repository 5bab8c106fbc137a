"""How far real fills are from simulated ones: price, fees and latency, per token and in all. Pure but for reading the fills."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.shadow.models import ShadowFill, SwapSide
from nexgent.domain.shadow.ports import ShadowFills
from nexgent.shared.clock import Clock
from nexgent.shared.money import CONTEXT, sol
from nexgent.shared.types import AgentId, TokenAddress, UserId

MOST_FILLS = 10_000
"""The newest so many are counted."""
_HUNDRED = Decimal(100)
_MICROSECOND = timedelta(microseconds=1)
_PERCENT_PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, median and worst of some values; the worst is the one that costs most."""

    mean: Decimal
    median: Decimal
    worst: Decimal


@dataclass(frozen=True, slots=True)
class FeeGap:
    """What a fee came to in SOL, for real and on paper, over the fills where both are known."""

    fills: int
    real_sol: Decimal
    paper_sol: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowFigures:
    """Some fills together. Gaps are positive where the real fill was worse; spreads are None without any fill."""

    token_address: TokenAddress | None
    """None for all tokens together."""
    token_symbol: str | None
    buys: int
    sales: int
    price_gap_pct: Spread | None
    price_gap_sol: Decimal
    """What the worse prices have cost."""
    network_fee: FeeGap
    priority_fee: FeeGap
    platform_fee: FeeGap
    order_ms: Spread | None
    """From the decision to the order that leaves."""
    landing_ms: Spread | None
    """From there until it is booked as the chain has it."""
    total_ms: Spread | None

    @property
    def fills(self) -> int:
        """How many there are."""
        return self.buys + self.sales


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """The figures of an agent since a moment. `complete` is False when there are more fills than are counted."""

    enabled: bool
    has_live_wallet: bool
    since: datetime
    complete: bool
    total: ShadowFigures
    tokens: Sequence[ShadowFigures]


class DescribeShadow:
    """Reads an agent's shadow fills and sums them up."""

    def __init__(self, *, directory: AgentDirectory, fills: ShadowFills, clock: Clock) -> None:
        self._directory = directory
        self._fills = fills
        self._clock = clock

    async def execute(self, agent_id: AgentId, user_id: UserId, days: int) -> ShadowReport:
        """Return the figures of the last days. Raises `AgentNotFoundError`, `UnavailableError`."""
        agent = self._directory.owned(agent_id, user_id)
        since = self._clock.now() - timedelta(days=days)
        fills = await self._fills.newest(agent_id, since, MOST_FILLS + 1)
        counted = fills[:MOST_FILLS]
        by_token: dict[TokenAddress, list[ShadowFill]] = {}
        for fill in counted:
            by_token.setdefault(fill.token_address, []).append(fill)
        return ShadowReport(
            enabled=agent.config.shadow.enabled,
            has_live_wallet=agent.wallet_for(TradingMode.LIVE) is not None,
            since=since,
            complete=len(fills) <= MOST_FILLS,
            total=figures(counted),
            tokens=sorted(
                (figures(some, token) for token, some in by_token.items()), key=lambda one: -one.price_gap_sol
            ),
        )


def figures(fills: Sequence[ShadowFill], token: TokenAddress | None = None) -> ShadowFigures:
    """Return the figures of some fills."""
    return ShadowFigures(
        token_address=token,
        token_symbol=fills[0].token_symbol if token is not None and fills else None,
        buys=sum(fill.buying for fill in fills),
        sales=sum(not fill.buying for fill in fills),
        price_gap_pct=spread([price_gap_pct(fill) for fill in fills], _PERCENT_PLACES),
        price_gap_sol=sum((price_gap_sol(fill) for fill in fills), Decimal(0)),
        network_fee=_fee_gap(fills, lambda side: side.network_fee),
        priority_fee=_fee_gap(fills, lambda side: side.priority_fee),
        platform_fee=_fee_gap(fills, lambda side: side.platform_fee),
        order_ms=spread([_ms(fill.ordered_at - fill.triggered_at) for fill in fills]),
        landing_ms=spread([_ms(fill.landed_at - fill.ordered_at) for fill in fills]),
        total_ms=spread([_ms(fill.landed_at - fill.triggered_at) for fill in fills]),
    )


def price_gap_pct(fill: ShadowFill) -> Decimal:
    """Return by how much percent the real price was worse than the simulated one: dearer for a buy, lower for a sale."""
    real, paper = fill.real, fill.paper
    if fill.buying:
        ratio = CONTEXT.divide(Decimal(real.in_raw * paper.out_raw), Decimal(real.out_raw * paper.in_raw))
        return CONTEXT.multiply(ratio - 1, _HUNDRED)
    ratio = CONTEXT.divide(Decimal(real.out_raw * paper.in_raw), Decimal(real.in_raw * paper.out_raw))
    return CONTEXT.multiply(1 - ratio, _HUNDRED)


def price_gap_sol(fill: ShadowFill) -> Decimal:
    """Return what the worse price has cost: the SOL of the real swap against the same tokens at the simulated price."""
    real, paper = fill.real, fill.paper
    if fill.buying:
        same = CONTEXT.divide(Decimal(real.out_raw * paper.in_raw), Decimal(paper.out_raw))
        return sol(real.in_raw) - CONTEXT.scaleb(same, -9)
    same = CONTEXT.divide(Decimal(real.in_raw * paper.out_raw), Decimal(paper.in_raw))
    return CONTEXT.scaleb(same, -9) - sol(real.out_raw)


def spread(values: Sequence[Decimal], places: Decimal = Decimal("0.001")) -> Spread | None:
    """Return mean, median and worst of values of which the largest is the worst; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    mean = CONTEXT.divide(sum(ordered, Decimal(0)), Decimal(len(ordered)))
    return Spread(*(one.quantize(places, context=CONTEXT) for one in (mean, median, ordered[-1])))


def _fee_gap(fills: Sequence[ShadowFill], fee: Callable[[SwapSide], int | None]) -> FeeGap:
    pairs = [
        (real, paper)
        for fill in fills
        if (real := fee(fill.real)) is not None and (paper := fee(fill.paper)) is not None
    ]
    return FeeGap(len(pairs), sol(sum(real for real, _ in pairs)), sol(sum(paper for _, paper in pairs)))


def _ms(took: timedelta) -> Decimal:
    # Two entries of two processes: their clocks may disagree by a little.
    return max(Decimal(0), Decimal(took // _MICROSECOND).scaleb(-3))
