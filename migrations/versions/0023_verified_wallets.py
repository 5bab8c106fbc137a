"""The books are checked from where they were checked last; lists that are narrowed find what they show.

Revision ID: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# An agent has one or two wallets: who believes that agent and wallet have nothing to do with each other expects a hundredth of
# what there is, and reads and sorts all of a wallet to show the newest of it.
_STATISTICS = ("agent_historical_swaps", "agent_transactions")
_FEW = ("is_dca", "is_take_profit")


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "verified_wallets",
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("folded", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("wallet_address", name=op.f("verified_wallets_pkey")),
    )
    for table in _STATISTICS:
        op.execute(f"CREATE STATISTICS {table}_owner (dependencies) ON agent_id, wallet_address FROM {table}")
        op.execute(f"ANALYZE {table}")
    for column in _FEW:
        op.create_index(
            f"agent_transactions_{column}_idx",
            "agent_transactions",
            ["agent_id", "transaction_time"],
            postgresql_where=sa.text(column),
        )
    op.create_index("agent_historical_swaps_agent_id_id_idx", "agent_historical_swaps", ["agent_id", "id"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("agent_historical_swaps_agent_id_id_idx", table_name="agent_historical_swaps")
    for column in _FEW:
        op.drop_index(f"agent_transactions_{column}_idx", table_name="agent_transactions")
    for table in _STATISTICS:
        op.execute(f"DROP STATISTICS {table}_owner")
    op.drop_table("verified_wallets")
