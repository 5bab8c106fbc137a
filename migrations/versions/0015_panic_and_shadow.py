"""Kill switches that flatten, and the table of shadow fills.

Revision ID: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_RAW = sa.Numeric(40, 0)
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column(
        "kill_switches", sa.Column("flatten", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.create_table(
        "shadow_fills",
        sa.Column("intent_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(44), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("token_address", sa.String(255), nullable=False),
        sa.Column("token_symbol", sa.String(50), nullable=False),
        sa.Column("buying", sa.Boolean(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("real_in_raw", _RAW, nullable=False),
        sa.Column("real_out_raw", _RAW, nullable=False),
        sa.Column("paper_in_raw", _RAW, nullable=False),
        sa.Column("paper_out_raw", _RAW, nullable=False),
        sa.Column("real_network_fee", _RAW, nullable=True),
        sa.Column("real_priority_fee", _RAW, nullable=True),
        sa.Column("real_platform_fee", _RAW, nullable=True),
        sa.Column("paper_network_fee", _RAW, nullable=True),
        sa.Column("paper_priority_fee", _RAW, nullable=True),
        sa.Column("paper_platform_fee", _RAW, nullable=True),
        sa.Column("triggered_at", _TIME, nullable=False),
        sa.Column("ordered_at", _TIME, nullable=False),
        sa.Column("landed_at", _TIME, nullable=False),
        sa.Column("settled_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("shadow_fills_agent_id_fkey"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("intent_id", name=op.f("shadow_fills_pkey")),
    )
    op.create_index(op.f("shadow_fills_agent_id_landed_at_idx"), "shadow_fills", ["agent_id", "landed_at"])
    op.create_index(
        op.f("shadow_fills_wallet_address_settled_seq_idx"), "shadow_fills", ["wallet_address", "settled_seq"]
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("shadow_fills")
    op.drop_column("kill_switches", "flatten")
