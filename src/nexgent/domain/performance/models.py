"""Snapshots of wallets, and what they are made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from nexgent.domain.performance.summary import OpenPositionFigures
from nexgent.domain.positions.models import Position
from nexgent.shared.money import sol
from nexgent.shared.types import AgentId, WalletAddress

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a wallet was worth at an exact UTC hour, in SOL."""

    agent_id: AgentId
    wallet_address: WalletAddress
    hour: datetime
    portfolio_balance_sol: Decimal
    sol_balance: Decimal
    positions_value_sol: Decimal
    unrealized_pnl_sol: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletDue:
    """A wallet and the last hour it has a snapshot of."""

    agent_id: AgentId
    wallet_address: WalletAddress
    created_at: datetime
    last_hour: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTotals:
    """What the closed trades of a period brought; `since` is where it begins, None for all there ever were."""

    period: str
    since: datetime | None
    count: int
    wins: int
    profit_loss_sol: Decimal
    profit_loss_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """What some wallets were worth together at an exact hour, in SOL; `wallets` counts those that had a snapshot."""

    time: datetime
    portfolio_balance_sol: Decimal
    wallets: int


def hour_of(moment: datetime) -> datetime:
    """Return the UTC hour a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def position_figures(position: Position, price_sol: Decimal | None) -> OpenPositionFigures:
    """Return an open position as the summary wants it; without a price it is valued at its entry price."""
    return OpenPositionFigures(
        entry_price_sol=position.entry_price_sol,
        purchased_amount=position.purchased,
        invested_sol=position.invested_sol,
        price_sol=price_sol,
        remaining_amount=position.remaining,
        realized_profit_sol=sol(position.realized_lamports),
        net_proceeds_sol=sol(position.received_lamports) if position.partially_sold else None,
    )
