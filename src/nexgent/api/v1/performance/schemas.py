"""Shapes of figures."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from nexgent.api.http.models import ApiModel, Query
from nexgent.api.http.problems import problem
from nexgent.api.http.types import DecimalText, FigureNumber, Instant, OptionalText, Stripped
from nexgent.domain.performance.models import Snapshot
from nexgent.domain.performance.summary import PerformanceSummary, Timeframe
from nexgent.domain.performance.take_profit_summary import remaining_percent
from nexgent.domain.positions.models import Position


def _timeframe(value: object) -> object:
    given = value.strip() if isinstance(value, str) else value
    if given in {None, ""}:
        return "all"
    if given not in {"all", "24h"}:
        raise problem("it must be 24h or all")
    return given


GivenTimeframe = Annotated[Timeframe, BeforeValidator(_timeframe)]


class PerformanceQuery(Query):
    """Which figures."""

    timeframe: GivenTimeframe = Field(
        default="all", description="24h or all (default): which closed trades count"
    )
    wallet_address: OptionalText = Field(default=None, description="Only this wallet")


class BalanceHistoryQuery(Query):
    """Which snapshots."""

    wallet_address: Annotated[str, Stripped] = Field(description="The wallet")
    timeframe: GivenTimeframe = Field(
        default="all", description="24h: every hour of a day; all (default): one per day"
    )


class TakeProfitQuery(Query):
    """What to show besides the figures."""

    include_positions: OptionalText = Field(
        default=None, description="true adds the positions with a level hit"
    )


class PerformanceOut(ApiModel):
    """Balance and profit in SOL, returns and win rate in percent."""

    portfolio_balance_sol: FigureNumber
    total_profit_loss_sol: FigureNumber
    realized_profit_loss_sol: FigureNumber
    unrealized_profit_loss_sol: FigureNumber
    average_return: FigureNumber
    win_rate: FigureNumber
    total_closed_trades: int
    total_open_positions: int

    @classmethod
    def of(cls, summary: PerformanceSummary) -> PerformanceOut:
        """Return the figures of an agent."""
        return cls.showing(summary, average_return=summary.average_return_pct, win_rate=summary.win_rate_pct)


class SnapshotOut(ApiModel):
    """What a wallet was worth at an exact hour; decimals as text."""

    timestamp: Instant
    portfolio_balance_sol: DecimalText
    sol_balance: DecimalText
    positions_value_sol: DecimalText
    unrealized_pnl_sol: DecimalText = Field(alias="unrealizedPnLSol")

    @classmethod
    def of(cls, snapshot: Snapshot) -> SnapshotOut:
        """Return a snapshot."""
        return cls.showing(snapshot, timestamp=snapshot.hour)


class BalanceHistoryOut(ApiModel):
    """The snapshots of a wallet, oldest first."""

    agent_id: UUID
    timeframe: Timeframe
    snapshots: list[SnapshotOut]


class TakeProfitPositionOut(ApiModel):
    """A position with at least one level hit."""

    id: UUID
    token_symbol: str
    levels_hit: int
    remaining_percent: FigureNumber
    moon_bag_activated: bool
    last_take_profit_time: Instant | None

    @classmethod
    def of(cls, position: Position) -> TakeProfitPositionOut:
        """Return how far take profit has come with a position."""
        return cls.model_construct(
            id=position.id,
            token_symbol=position.token_symbol,
            levels_hit=position.take_profit_levels_hit,
            remaining_percent=remaining_percent(position),
            moon_bag_activated=position.moon_bag_activated,
            last_take_profit_time=position.last_take_profit_at,
        )


class TakeProfitSummaryOut(ApiModel):
    """How far take profit has come; `positions` only when asked for."""

    total_positions: int
    positions_with_take_profit_hit: int
    active_moon_bags: int
    total_levels_hit: int
    positions: list[TakeProfitPositionOut] | None = None
