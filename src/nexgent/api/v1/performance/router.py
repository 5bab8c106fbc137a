"""Figures of an agent: performance, balance history and the take-profit summary."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from nexgent.api.http.access import AgentsCaller, PositionsCaller
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import AgentIdInPath, ThatAgentIdInPath
from nexgent.api.v1.performance.schemas import (
    BalanceHistoryOut,
    BalanceHistoryQuery,
    PerformanceOut,
    PerformanceQuery,
    SnapshotOut,
    TakeProfitPositionOut,
    TakeProfitQuery,
    TakeProfitSummaryOut,
)
from nexgent.domain.performance.take_profit_summary import summarise_take_profit
from nexgent.shared.types import WalletAddress

router = APIRouter(tags=["agents"], route_class=ApiRoute)


@router.get("/agents/{id}/performance", summary="Balance, profit and win rate")
async def get_performance(
    agent_id: AgentIdInPath,
    query: Annotated[PerformanceQuery, Query()],
    caller: AgentsCaller,
    services: Services,
) -> PerformanceOut:
    """Return the figures of an agent."""
    services.directory.owned(agent_id, caller.user_id)
    await services.projections.caught_up()
    wallet = WalletAddress(query.wallet_address) if query.wallet_address is not None else None
    return PerformanceOut.of(
        await services.agent_performance.execute(agent_id, caller.user_id, query.timeframe, wallet)
    )


@router.get("/agents/{id}/balance-history", summary="What a wallet was worth over time")
async def get_balance_history(
    agent_id: AgentIdInPath,
    query: Annotated[BalanceHistoryQuery, Query()],
    caller: AgentsCaller,
    services: Services,
) -> BalanceHistoryOut:
    """Return the snapshots of a wallet."""
    snapshots = await services.balance_history.execute(
        agent_id, caller.user_id, WalletAddress(query.wallet_address), query.timeframe
    )
    return BalanceHistoryOut(
        agent_id=agent_id,
        timeframe=query.timeframe,
        snapshots=[SnapshotOut.of(snapshot) for snapshot in snapshots],
    )


@router.get(
    "/agent-positions/{agentId}/take-profit-summary",
    summary="How far take profit has come",
)
async def get_take_profit_summary(
    agent_id: ThatAgentIdInPath,
    query: Annotated[TakeProfitQuery, Query()],
    caller: PositionsCaller,
    services: Services,
) -> TakeProfitSummaryOut:
    """Return the take-profit figures of an agent's open positions."""
    await services.have_agent(agent_id, caller.user_id)
    summary = summarise_take_profit([held.position for held in services.book.of_agent(agent_id)])
    found = TakeProfitSummaryOut(
        total_positions=summary.total_positions,
        positions_with_take_profit_hit=len(summary.started),
        active_moon_bags=summary.active_moon_bags,
        total_levels_hit=summary.total_levels_hit,
    )
    if query.include_positions == "true":
        found.positions = [TakeProfitPositionOut.of(position) for position in summary.started]
    return found
