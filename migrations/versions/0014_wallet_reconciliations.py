"""How far live wallets are reconciled with the chain.

Revision ID: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. A wallet gets its row when it is first looked at."""
    op.create_table(
        "wallet_reconciliations",
        sa.Column("wallet_address", sa.String(44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("genesis", sa.String(64), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("findings", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")),
        sa.Column("ignored", sa.ARRAY(sa.Text()), nullable=False, server_default=sa.text("ARRAY[]::text[]")),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("wallet_reconciliations_wallet_address_fkey"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("wallet_address", name=op.f("wallet_reconciliations_pkey")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("wallet_reconciliations")
