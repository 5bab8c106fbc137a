"""The table of earlier configurations of agents."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, String, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from nexgent.infrastructure.database.schema.tables import TIME, metadata

# A row is a configuration from the moment it was saved. None are the defaults of the version that reads it, as in `agents`.
agent_config_history = Table(
    "agent_config_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "agent_id",
        Uuid,
        ForeignKey("agents.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
    ),
    Column("saved_at", TIME, nullable=False),
    # An e-mail address; empty where nobody chose it (a new agent, or what was there before there was a history).
    Column("saved_by", String(255), nullable=False),
    Column("config", JSONB),
    Index(None, "agent_id", "id"),
)
