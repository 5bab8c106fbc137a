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
    return Position(
        id=position_id,
        agent_id=agent_id,
        wallet_address=wallet,
        token_address=token,
        token_symbol=symbol,
        decimals=DECIMALS,
        version=1,
        purchase_transaction_id=transaction_id,
        signal_id=signal_id,
        entry_price_sol=price_sol,
        purchased_raw=quantity_raw,
        quantity_raw=quantity_raw,
        invested_lamports=cost_lamports,
        cost_basis_lamports=cost_lamports,
        received_lamports=0,
        realized_lamports=0,
        dca_count=0,
        dca_transaction_ids=(),
        last_dca_at=None,
        partially_sold=False,
        take_profit_levels_hit=0,
        take_profit_transaction_ids=(),
        last_take_profit_at=None,
        moon_bag_activated=False,
        moon_bag_raw=None,
        take_profit_batch_start=0,
        take_profit_levels_total=None,
        opened_at=at,
        updated_at=at,
        base_trail=PositionTrail(position_id, 1, price_sol, price_sol, _STOP_PCT, at),
    )
