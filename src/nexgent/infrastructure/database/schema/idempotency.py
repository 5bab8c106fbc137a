"""The table of requests with an Idempotency-Key."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, SmallInteger, Table, Uuid

from nexgent.infrastructure.database.schema.tables import TIME, metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True),
    # SHA-256; the key itself is part of what the answer is encrypted with.
    Column("key_hash", LargeBinary, primary_key=True),
    # Of method, path and body, under a key of the installation.
    Column("fingerprint", LargeBinary, nullable=False),
    # Which process works on it, or did.
    Column("owner", Uuid, nullable=False),
    # Not there until the answer is.
    Column("status", SmallInteger),
    Column("answer", LargeBinary),
    Column("created_at", TIME, nullable=False, index=True),
)
