"""Passwords that were tried, per account and network, and the networks accounts are known from.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables. The count on the user's row stays for the code before."""
    op.create_table(
        "login_attempts",
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("locks", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account", "network", name=op.f("login_attempts_pkey")),
    )
    op.create_index(op.f("login_attempts_updated_at_idx"), "login_attempts", ["updated_at"])
    op.create_table(
        "login_networks",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("login_networks_user_id_fkey"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "network", name=op.f("login_networks_pkey")),
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("login_networks")
    op.drop_table("login_attempts")
