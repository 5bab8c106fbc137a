"""Shapes of what concerns all agents of a user together."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema

from nexgent.api.http.models import ApiModel, Query
from nexgent.api.http.problems import problem
from nexgent.api.http.types import DecimalText, FigureNumber, Instant, OptionalText
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.attention.notices import Notice, NoticeKind, Severity
from nexgent.domain.performance.models import EquityPoint, PeriodTotals
from nexgent.domain.performance.overview import EquityTimeframe, Overview
from nexgent.shared.money import CONTEXT


def _one_of(allowed: Sequence[str], default: str) -> BeforeValidator:
    def read(value: object) -> object:
        given = value.strip() if isinstance(value, str) else value
        if given in {None, ""}:
            return default
        if given not in allowed:
            raise problem(f"it must be one of {', '.join(allowed)}")
        return given

    return BeforeValidator(read)


def _zone(value: object) -> object:
    text = value.strip() if isinstance(value, str) else ""
    try:
        return ZoneInfo(text or "UTC").key
    except (KeyError, ValueError, OSError):
        raise problem("it must be the IANA name of a time zone, such as Europe/Berlin") from None


Mode = Annotated[
    TradingMode, _one_of([one.value for one in TradingMode], TradingMode.SIMULATION.value),
    WithJsonSchema({"type": "string", "examples": ["simulation"]}),
]  # fmt: skip


class OverviewQuery(Query):
    """Which money, and when a day begins."""

    mode: Mode = Field(default=TradingMode.SIMULATION, description="simulation (the default) or live")
    timezone: Annotated[
        OptionalText,
        BeforeValidator(_zone),
        WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]}),
    ] = Field(default="UTC", description="IANA name of the zone in which today begins (default: UTC)")

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone."""
        return ZoneInfo(self.timezone or "UTC")


class EquityQuery(Query):
    """Which curve."""

    mode: Mode = Field(default=TradingMode.SIMULATION, description="simulation (the default) or live")
    timeframe: Annotated[
        EquityTimeframe,
        _one_of(["24h", "7d", "30d", "all"], "7d"),
        WithJsonSchema({"type": "string", "examples": ["7d"]}),
    ] = Field(default="7d", description="24h, 7d (the default) or 30d: every hour; all: every day")


class PeriodOut(ApiModel):
    """What the trades closed since then brought, and how many there were. The win rate is in percent."""

    period: str
    since: Instant | None
    closed_trades: int
    wins: int
    win_rate: FigureNumber
    profit_loss_sol: DecimalText
    profit_loss_usd: DecimalText

    @classmethod
    def of(cls, totals: PeriodTotals) -> PeriodOut:
        """Return the figures of a period."""
        rate = (
            CONTEXT.divide(Decimal(100 * totals.wins), Decimal(totals.count)) if totals.count else Decimal(0)
        )
        return cls.showing(totals, closed_trades=totals.count, win_rate=rate)


class OverviewOut(ApiModel):
    """All agents of the user in one mode; amounts in SOL as text."""

    mode: TradingMode
    agents: int
    open_positions: int
    portfolio_balance_sol: DecimalText
    sol_balance: DecimalText
    positions_value_sol: DecimalText
    unrealized_profit_loss_sol: DecimalText
    periods: list[PeriodOut]

    @classmethod
    def of(cls, overview: Overview, mode: TradingMode) -> OverviewOut:
        """Return an overview."""
        return cls.showing(
            overview.summary,
            mode=mode,
            agents=overview.agents,
            open_positions=overview.summary.total_open_positions,
            periods=[PeriodOut.of(one) for one in overview.periods],
        )


class EquityPointOut(ApiModel):
    """What all wallets were worth together at an exact hour."""

    time: Instant
    portfolio_balance_sol: DecimalText
    wallets: int


class EquityOut(ApiModel):
    """The curve, oldest first."""

    mode: TradingMode
    timeframe: EquityTimeframe
    points: list[EquityPointOut]

    @classmethod
    def of(cls, points: Sequence[EquityPoint], mode: TradingMode, timeframe: EquityTimeframe) -> EquityOut:
        """Return a curve."""
        return cls.model_construct(
            mode=mode, timeframe=timeframe, points=[EquityPointOut.showing(one) for one in points]
        )


class NoticeOut(ApiModel):
    """Something to look after: `text` is for people, `kind` and `code` for programs, the rest says what it concerns."""

    kind: NoticeKind
    severity: Severity
    text: str
    code: str | None
    agent_id: UUID | None
    agent_name: str | None
    wallet_address: str | None
    position_id: UUID | None
    token_address: str | None
    token_symbol: str | None
    since: Instant | None


class NoticesOut(ApiModel):
    """All there is to look after, what matters most first."""

    items: list[NoticeOut]

    @classmethod
    def of(cls, notices: Sequence[Notice]) -> NoticesOut:
        """Return them."""
        return cls.model_construct(items=[NoticeOut.showing(one) for one in notices])
