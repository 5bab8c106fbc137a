"""Positions as a purchase leaves them, for what measures with many of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.shared.types import AgentId, PositionId, SignalId, TokenAddress, TransactionId, WalletAddress

DECIMALS = 6
_STOP_PCT = Decimal(-32)


def bought(
    position_id: PositionId,
    agent_id: AgentId,
    wallet: WalletAddress,
    token: TokenAddress,
    *,
    symbol: str,
    transaction_id: TransactionId,
    price_sol: Decimal,
    quantity_raw: int,
    cost_lamports: int,
    at: datetime,
    signal_id: SignalId | None = None,
) -> Position:
    """Return a position that nothing has happened to since it was bought, fees included in its cost."""
    return Position.opened(
        trail=PositionTrail(position_id, 1, price_sol, price_sol, _STOP_PCT, at),
        agent_id=agent_id,
        wallet_address=wallet,
        token_address=token,
        token_symbol=symbol,
        decimals=DECIMALS,
        transaction_id=transaction_id,
        signal_id=signal_id,
        entry_price_sol=price_sol,
        quantity_raw=quantity_raw,
        cost_lamports=cost_lamports,
        at=at,
    )
