"""Signal webhooks, and the ids of alerts they have taken.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "signal_webhooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("template", postgresql.JSONB(), nullable=False),
        sa.Column("maps", postgresql.JSONB(), nullable=False),
        sa.Column("max_age_seconds", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("signal_webhooks_user_id_fkey"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("signal_webhooks_pkey")),
    )
    op.create_index(op.f("signal_webhooks_user_id_idx"), "signal_webhooks", ["user_id"])
    op.create_table(
        "signal_webhook_alerts",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.String(255), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"],
            ["signal_webhooks.id"],
            name=op.f("signal_webhook_alerts_webhook_id_fkey"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("webhook_id", "alert_id", name=op.f("signal_webhook_alerts_pkey")),
    )
    op.create_index(op.f("signal_webhook_alerts_received_at_idx"), "signal_webhook_alerts", ["received_at"])


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("signal_webhook_alerts")
    op.drop_table("signal_webhooks")
