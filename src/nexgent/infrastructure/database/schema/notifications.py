"""Tables of notifications: targets, what is to be told, what became of it, what goes on, and how far the worker has come."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from nexgent.infrastructure.database.schema.tables import TIME, metadata

_ZERO = text("0")


def _user_id() -> Column[object]:
    return Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
    )


notification_targets = Table(
    "notification_targets",
    metadata,
    Column("id", Uuid, primary_key=True),
    _user_id(),
    Column("name", String(100), nullable=False),
    Column("channel", String(20), nullable=False),
    # Encrypted, and never shown again: an address of a bot or a room is as good as a password.
    Column("address", LargeBinary, nullable=False),
    Column("shown", String(300), nullable=False),
    Column("wishes", JSONB, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("sent_count", BigInteger, nullable=False, server_default=_ZERO),
    Column("failed_count", BigInteger, nullable=False, server_default=_ZERO),
    Column("last_sent_at", TIME),
    Column("last_error", Text),
    Column("last_error_at", TIME),
    Column("failing_since", TIME),
    Column("failures", Integer, nullable=False, server_default=_ZERO),
    Column("retry_at", TIME),
    # One worker at a time serves a target.
    Column("claimed_until", TIME),
    Index(None, "user_id"),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    _user_id(),
    # No foreign key: what an agent did is told also when it is gone.
    Column("agent_id", Uuid),
    Column("key", String(200), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("level", String(10), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("at", TIME, nullable=False),
    # Whether it was decided who is told.
    Column("routed", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("user_id", "key"),
    Index(None, "user_id", "at"),
    Index("notifications_unrouted_idx", "at", postgresql_where=text("NOT routed")),
)

notification_deliveries = Table(
    "notification_deliveries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "notification_id",
        Uuid,
        ForeignKey("notifications.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
    ),
    Column(
        "target_id",
        Uuid,
        ForeignKey("notification_targets.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
    ),
    Column("state", String(10), nullable=False),
    Column("due_at", TIME, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=_ZERO),
    Column("error", Text),
    Column("sent_at", TIME),
    # Which message it went out with.
    Column("message_id", Uuid),
    UniqueConstraint("notification_id", "target_id"),
    CheckConstraint("state IN ('waiting', 'sent', 'failed')", name="state"),
    Index(None, "target_id", "sent_at"),
    Index(
        "notification_deliveries_waiting_idx",
        "target_id",
        "due_at",
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("notification_deliveries_failed_idx", "due_at", postgresql_where=text("state = 'failed'")),
)

notification_conditions = Table(
    "notification_conditions",
    metadata,
    Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"),
        primary_key=True,
    ),
    Column("key", String(300), primary_key=True),
    # What was told when it began.
    Column("notification", JSON, nullable=False),
)

notification_progress = Table(
    "notification_progress",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, server_default=text("1")),
    # Up to where the journal was told of.
    Column("journal_position", BigInteger, nullable=False, server_default=_ZERO),
    # What was last told of the engine's lease.
    Column("lease_epoch", BigInteger),
    Column("lease_owner", Text),
    Column("lease_lapsed_seconds", Double),
    CheckConstraint("id = 1", name="single_row"),
)
