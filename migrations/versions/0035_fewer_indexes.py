"""Indexes that nothing reads go: each of them is paid for by every row that the projector writes.

What is listed is always an agent's, and a wallet is always one agent's. So an index that begins with the agent takes the place of
one of the agent alone, one of the wallet that of a pair with the agent, and one without either was never asked. What is left is
read by a list, or is what a deletion follows.

Revision ID: 0035
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0031"
branch_labels = None
depends_on = None

_REMOVED = (
    ("agent_balances", ("agent_id", "wallet_address")),
    ("agent_balances", ("token_address",)),
    ("agent_historical_swaps", ("agent_id",)),
    ("agent_historical_swaps", ("agent_id", "created_at")),
    ("agent_historical_swaps", ("agent_id", "signal_id")),
    ("agent_historical_swaps", ("agent_id", "token_address")),
    ("agent_historical_swaps", ("agent_id", "wallet_address")),
    ("agent_historical_swaps", ("purchase_time",)),
    ("agent_historical_swaps", ("token_address",)),
    ("agent_positions", ("agent_id",)),
    ("agent_transactions", ("agent_id",)),
    ("agent_transactions", ("agent_id", "transaction_type")),
    ("agent_transactions", ("agent_id", "wallet_address")),
    ("agent_transactions", ("transaction_time",)),
    ("agent_transactions", ("transaction_type",)),
    ("signal_executions", ("signal_id",)),
)
_TRADES_BY_MINT = "agent_historical_swaps_token_address_agent_id_idx"
_NO_SWAPS = "agent_transactions_no_swap_idx"


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"{table}_{'_'.join(columns)}_idx"


def upgrade() -> None:
    """Add the two that take the place of four, then remove what nothing reads."""
    op.create_index(_TRADES_BY_MINT, "agent_historical_swaps", ["token_address", "agent_id"])
    op.create_index(
        _NO_SWAPS,
        "agent_transactions",
        ["agent_id", "transaction_time"],
        postgresql_where=sa.text("transaction_type <> 'SWAP'"),
    )
    for table, columns in _REMOVED:
        op.drop_index(_name(table, columns), table_name=table)


def downgrade() -> None:
    """Put them back."""
    for table, columns in _REMOVED:
        op.create_index(_name(table, columns), table, list(columns))
    op.drop_index(_NO_SWAPS, table_name="agent_transactions")
    op.drop_index(_TRADES_BY_MINT, table_name="agent_historical_swaps")
