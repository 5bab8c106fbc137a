"""Tables of signal webhooks."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from nexgent.infrastructure.database.schema.tables import TIME, metadata

signal_webhooks = Table(
    "signal_webhooks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("name", String(100), nullable=False),
    # Encrypted: a signature can only be checked with the secret itself.
    Column("secret", LargeBinary, nullable=False),
    Column("template", JSONB, nullable=False),
    Column("maps", JSONB, nullable=False),
    Column("max_age_seconds", Integer, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("last_received_at", TIME),
    Column("accepted_count", BigInteger, nullable=False, server_default=text("0")),
    Column("refused_count", BigInteger, nullable=False, server_default=text("0")),
)

signal_webhook_alerts = Table(
    "signal_webhook_alerts",
    metadata,
    Column(
        "webhook_id",
        Uuid,
        ForeignKey("signal_webhooks.id", ondelete="CASCADE", onupdate="CASCADE"),
        primary_key=True,
    ),
    Column("alert_id", String(255), primary_key=True),
    Column("received_at", TIME, nullable=False, index=True),
)
