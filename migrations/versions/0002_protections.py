"""Protections: kill switches, and resets of what agents have done.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "kill_switches",
        sa.Column("scope", sa.String(36), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("engaged", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(scope = 'system') = (user_id IS NULL)", name=op.f("kill_switches_scope_check")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("kill_switches_user_id_fkey"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("scope", name=op.f("kill_switches_pkey")),
        sa.UniqueConstraint("user_id", name=op.f("kill_switches_user_id_key")),
    )
    op.create_table(
        "protection_resets",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("reset_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reset_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("protection_resets_agent_id_fkey"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("protection_resets_pkey")),
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("protection_resets")
    op.drop_table("kill_switches")
