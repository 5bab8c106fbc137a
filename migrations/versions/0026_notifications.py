"""Targets of notifications, what is to be told, what became of it, and what goes on.

Revision ID: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_ZERO = sa.text("0")


def upgrade() -> None:
    """Create the tables. What the journal has until now is not told any more."""
    op.create_table(
        "notification_targets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.String(300), nullable=False),
        sa.Column("wishes", postgresql.JSONB(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("sent_count", sa.BigInteger(), server_default=_ZERO, nullable=False),
        sa.Column("failed_count", sa.BigInteger(), server_default=_ZERO, nullable=False),
        sa.Column("last_sent_at", _TIME, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_at", _TIME, nullable=True),
        sa.Column("failing_since", _TIME, nullable=True),
        sa.Column("failures", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("retry_at", _TIME, nullable=True),
        sa.Column("claimed_until", _TIME, nullable=True),
        _of("notification_targets", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_targets_pkey")),
    )
    op.create_index(op.f("notification_targets_user_id_idx"), "notification_targets", ["user_id"])
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSON(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("routed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _of("notifications", "user_id", "users"),
        sa.PrimaryKeyConstraint("id", name=op.f("notifications_pkey")),
        sa.UniqueConstraint("user_id", "key", name=op.f("notifications_user_id_key_key")),
    )
    op.create_index(op.f("notifications_user_id_at_idx"), "notifications", ["user_id", "at"])
    op.create_index(
        "notifications_unrouted_idx", "notifications", ["at"], postgresql_where=sa.text("NOT routed")
    )
    op.create_table(
        "notification_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=_ZERO, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        _of("notification_deliveries", "notification_id", "notifications"),
        _of("notification_deliveries", "target_id", "notification_targets"),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_deliveries_pkey")),
        sa.UniqueConstraint(
            "notification_id", "target_id", name=op.f("notification_deliveries_notification_id_target_id_key")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'failed')", name=op.f("notification_deliveries_state_check")
        ),
    )
    op.create_index(
        op.f("notification_deliveries_target_id_sent_at_idx"),
        "notification_deliveries",
        ["target_id", "sent_at"],
    )
    op.create_index(
        "notification_deliveries_waiting_idx",
        "notification_deliveries",
        ["target_id", "due_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "notification_deliveries_failed_idx",
        "notification_deliveries",
        ["due_at"],
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_table(
        "notification_conditions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("notification", postgresql.JSON(), nullable=False),
        _of("notification_conditions", "user_id", "users"),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("notification_conditions_pkey")),
    )
    op.create_table(
        "notification_progress",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), autoincrement=False, nullable=False),
        sa.Column("journal_position", sa.BigInteger(), server_default=_ZERO, nullable=False),
        sa.Column("lease_epoch", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_lapsed_seconds", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_progress_pkey")),
        sa.CheckConstraint("id = 1", name=op.f("notification_progress_single_row_check")),
    )
    op.execute(
        "INSERT INTO notification_progress (id, journal_position) SELECT 1, coalesce(max(id), 0) FROM journal"
    )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("notification_progress")
    op.drop_table("notification_conditions")
    op.drop_table("notification_deliveries")
    op.drop_table("notifications")
    op.drop_table("notification_targets")


def _of(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column],
        [f"{other}.id"],
        name=op.f(f"{table}_{column}_fkey"),
        ondelete="CASCADE",
        onupdate="CASCADE",
    )
