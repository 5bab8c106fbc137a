"""The table of the audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, String, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from nexgent.infrastructure.database.schema.tables import TIME, metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("action", String(255), nullable=False),
    Column("outcome", String(16), nullable=False),
    # No foreign key: what somebody did stays when the account is gone.
    Column("user_id", Uuid),
    Column("actor", String(255), nullable=False),
    Column("target", String(255), nullable=False),
    Column("address", String(255), nullable=False),
    Column("details", JSONB, nullable=False),
    Index("audit_log_at_id_idx", "at", "id"),
    Index("audit_log_user_id_at_idx", "user_id", "at"),
)
