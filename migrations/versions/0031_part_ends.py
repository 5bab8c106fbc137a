"""Parts of the journal are checked by themselves: what every stream had come to at the end of each is kept.

Revision ID: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. Nothing is checked yet."""
    op.create_table(
        "journal_part_ends",
        sa.Column("end_position", sa.BigInteger(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("folded", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("end_position", "wallet_address", name=op.f("journal_part_ends_pkey")),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("journal_part_ends")
