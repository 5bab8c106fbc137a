"""Figures of an agent: performance, balance history and the take-profit summary."""

from __future__ import annotations

import decimal
from decimal import Decimal

from starlette.responses import Response

from nexgent.api.encoding import iso, iso_or_none, json_response
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import QueryFields
from nexgent.api.v1.performance.schemas import BalanceHistoryOut, PerformanceOut, TakeProfitSummaryOut
from nexgent.domain.performance.models import Snapshot
from nexgent.domain.performance.summary import Timeframe
from nexgent.domain.performance.take_profit_summary import remaining_percent, summarise_take_profit
from nexgent.domain.positions.models import Position
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.money import plain
from nexgent.shared.types import WalletAddress

endpoints = Endpoints("agents")

# What clients read numbers into.
_DOUBLE = decimal.Context(prec=17, rounding=decimal.ROUND_HALF_EVEN)


@endpoints.get(
    "/agents/{id}/performance",
    Scope.AGENTS,
    Doc(
        summary="Balance, profit and win rate",
        response=PerformanceOut,
        query={
            "timeframe": "24h or all (default): which closed trades count",
            "walletAddress": "Only this wallet",
        },
    ),
)
async def get_performance(call: Call) -> Response:
    """Return the figures of an agent."""
    query = call.query()
    timeframe = _timeframe(query)
    agent_id = call.agent_id()
    wallet = query.text("walletAddress")
    call.services.directory.owned(agent_id, call.user_id)
    await call.services.projections.caught_up()
    summary = await call.services.agent_performance.execute(
        agent_id, call.user_id, timeframe, WalletAddress(wallet) if wallet is not None else None
    )
    return json_response(
        {
            "portfolioBalanceSol": _number(summary.portfolio_balance_sol),
            "totalProfitLossSol": _number(summary.total_profit_loss_sol),
            "realizedProfitLossSol": _number(summary.realized_profit_loss_sol),
            "unrealizedProfitLossSol": _number(summary.unrealized_profit_loss_sol),
            "averageReturn": _number(summary.average_return_pct),
            "winRate": _number(summary.win_rate_pct),
            "totalClosedTrades": summary.total_closed_trades,
            "totalOpenPositions": summary.total_open_positions,
        }
    )


@endpoints.get(
    "/agents/{id}/balance-history",
    Scope.AGENTS,
    Doc(
        summary="What a wallet was worth over time",
        response=BalanceHistoryOut,
        query={
            "*walletAddress": "The wallet",
            "timeframe": "24h: every hour of a day; all (default): one per day",
        },
    ),
)
async def get_balance_history(call: Call) -> Response:
    """Return the snapshots of a wallet."""
    query = call.query()
    wallet = query.text("walletAddress")
    if wallet is None:
        raise InvalidInputError("walletAddress query parameter is required")
    timeframe = _timeframe(query)
    agent_id = call.agent_id()
    snapshots = await call.services.balance_history.execute(
        agent_id, call.user_id, WalletAddress(wallet), timeframe
    )
    return json_response(
        {
            "agentId": agent_id,
            "timeframe": timeframe,
            "snapshots": [_snapshot_view(snapshot) for snapshot in snapshots],
        }
    )


@endpoints.get(
    "/agent-positions/{agentId}/take-profit-summary",
    Scope.POSITIONS,
    Doc(
        summary="How far take profit has come",
        response=TakeProfitSummaryOut,
        query={"includePositions": "true adds the positions with a level hit"},
    ),
)
async def get_take_profit_summary(call: Call) -> Response:
    """Return the take-profit figures of an agent's open positions."""
    query = call.query()
    agent_id = call.agent_id("agentId")
    call.services.directory.owned(agent_id, call.user_id)
    summary = summarise_take_profit([held.position for held in call.services.book.of_agent(agent_id)])
    view: dict[str, object] = {
        "totalPositions": summary.total_positions,
        "positionsWithTakeProfitHit": len(summary.started),
        "activeMoonBags": summary.active_moon_bags,
        "totalLevelsHit": summary.total_levels_hit,
    }
    if query.flag("includePositions"):
        view["positions"] = [_position_view(position) for position in summary.started]
    return json_response(view)


def _timeframe(query: QueryFields) -> Timeframe:
    match query.text("timeframe"):
        case None | "all":
            return "all"
        case "24h":
            return "24h"
        case _:
            raise InvalidInputError("Invalid timeframe: it must be 24h or all")


def _number(value: Decimal) -> Decimal:
    return _DOUBLE.plus(value)


def _snapshot_view(snapshot: Snapshot) -> dict[str, object]:
    return {
        "timestamp": iso(snapshot.hour),
        "portfolioBalanceSol": plain(snapshot.portfolio_balance_sol),
        "solBalance": plain(snapshot.sol_balance),
        "positionsValueSol": plain(snapshot.positions_value_sol),
        "unrealizedPnLSol": plain(snapshot.unrealized_pnl_sol),
    }


def _position_view(position: Position) -> dict[str, object]:
    return {
        "id": position.id,
        "tokenSymbol": position.token_symbol,
        "levelsHit": position.take_profit_levels_hit,
        "remainingPercent": _number(remaining_percent(position)),
        "moonBagActivated": position.moon_bag_activated,
        "lastTakeProfitTime": iso_or_none(position.last_take_profit_at),
    }
