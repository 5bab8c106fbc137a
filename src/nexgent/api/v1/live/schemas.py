"""Shapes of what people look at before and beside real trades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from nexgent.api.http.models import ApiModel, Query
from nexgent.api.http.problems import problem
from nexgent.api.http.types import DecimalText, Instant, NumberInQuery, OptionalMintInQuery
from nexgent.domain.shadow.report import FeeGap, ShadowFigures, ShadowReport, Spread
from nexgent.shared.findings import Finding, Verdict
from nexgent.shared.types import AgentId


def _positive(value: Decimal | None) -> Decimal | None:
    if value is not None and value <= 0:
        raise problem("it must be greater than 0")
    return value


class LiveCheckQuery(Query):
    """What the caller names."""

    cap_sol: Annotated[NumberInQuery, AfterValidator(_positive)] = Field(
        default=None, description="How much SOL the wallet may hold at most"
    )
    minimum_sol: Annotated[NumberInQuery, AfterValidator(_positive)] = Field(
        default=None,
        description="How much it has to hold at least; else the agent's purchaseLimits.minimumAgentBalance",
    )
    token: OptionalMintInQuery = Field(
        default=None,
        description="The token of the trial order; else the first of the agent's whitelist, else USDC",
    )


class FindingOut(ApiModel):
    """One check: how it went, what was seen, and what to do."""

    name: str
    verdict: Verdict
    found: str
    advice: str

    @classmethod
    def of(cls, finding: Finding) -> FindingOut:
        """Return a finding."""
        return cls(name=finding.name, verdict=finding.verdict, found=finding.found, advice=finding.advice)


class LiveCheckOut(ApiModel):
    """All checks; `ok` when none has failed."""

    agent_id: UUID
    ok: bool
    checked_at: Instant
    findings: list[FindingOut]

    @classmethod
    def of(cls, agent_id: AgentId, at: datetime, findings: Sequence[Finding]) -> LiveCheckOut:
        """Return the findings of an agent."""
        return cls(
            agent_id=agent_id,
            ok=all(one.verdict is not Verdict.FAIL for one in findings),
            checked_at=at,
            findings=[FindingOut.of(one) for one in findings],
        )


class ShadowQuery(Query):
    """Which fills."""

    days: int = Field(default=30, ge=1, le=3650, description="Fills of the last so many days (30)")


class SpreadOut(ApiModel):
    """Mean, median and worst."""

    mean: DecimalText
    median: DecimalText
    worst: DecimalText

    @classmethod
    def of(cls, spread: Spread | None) -> SpreadOut | None:
        """Return a spread, or nothing."""
        return cls(mean=spread.mean, median=spread.median, worst=spread.worst) if spread is not None else None


class FeeGapOut(ApiModel):
    """What a fee came to, over the fills where it is known for real and on paper."""

    fills: int
    real_sol: DecimalText
    paper_sol: DecimalText

    @classmethod
    def of(cls, gap: FeeGap) -> FeeGapOut:
        """Return a fee."""
        return cls(fills=gap.fills, real_sol=gap.real_sol, paper_sol=gap.paper_sol)


class ShadowFigureOut(ApiModel):
    """Fills of one token, or of all. Without any, the spreads are null."""

    token_address: str | None
    token_symbol: str | None
    fills: int
    buys: int
    sales: int
    price_gap_percent: SpreadOut | None
    price_gap_sol: DecimalText
    network_fee: FeeGapOut
    priority_fee: FeeGapOut
    platform_fee: FeeGapOut
    trigger_to_order_ms: SpreadOut | None
    order_to_landing_ms: SpreadOut | None
    trigger_to_landing_ms: SpreadOut | None

    @classmethod
    def of(cls, figures: ShadowFigures) -> ShadowFigureOut:
        """Return the figures of some fills."""
        return cls(
            token_address=figures.token_address,
            token_symbol=figures.token_symbol,
            fills=figures.fills,
            buys=figures.buys,
            sales=figures.sales,
            price_gap_percent=SpreadOut.of(figures.price_gap_pct),
            price_gap_sol=figures.price_gap_sol,
            network_fee=FeeGapOut.of(figures.network_fee),
            priority_fee=FeeGapOut.of(figures.priority_fee),
            platform_fee=FeeGapOut.of(figures.platform_fee),
            trigger_to_order_ms=SpreadOut.of(figures.order_ms),
            order_to_landing_ms=SpreadOut.of(figures.landing_ms),
            trigger_to_landing_ms=SpreadOut.of(figures.total_ms),
        )


class ShadowOut(ApiModel):
    """The gap between real and simulated fills. `complete` is false when only the newest fills are counted."""

    agent_id: UUID
    enabled: bool
    has_live_wallet: bool
    since: Instant
    complete: bool
    total: ShadowFigureOut
    tokens: list[ShadowFigureOut]

    @classmethod
    def of(cls, agent_id: AgentId, report: ShadowReport) -> ShadowOut:
        """Return the report of an agent."""
        return cls(
            agent_id=agent_id,
            enabled=report.enabled,
            has_live_wallet=report.has_live_wallet,
            since=report.since,
            complete=report.complete,
            total=ShadowFigureOut.of(report.total),
            tokens=[ShadowFigureOut.of(one) for one in report.tokens],
        )
