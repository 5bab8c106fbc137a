"""Tables of the protections: kill switches, and from when on an agent's record counts."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, String, Table, Text, Uuid, text

from nexgent.infrastructure.database.schema.tables import TIME, metadata

# One row per switch that was ever used: `system`, or the id of the user whose agents it stops.
kill_switches = Table(
    "kill_switches",
    metadata,
    Column("scope", String(36), primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"), unique=True),
    Column("engaged", Boolean, nullable=False),
    Column("reason", Text),
    Column("changed_at", TIME, nullable=False),
    # No foreign key: who stopped everybody stays known after the account is gone.
    Column("changed_by", Uuid),
    # While the switch is engaged, everything is to be exited as well.
    Column("flatten", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("(scope = 'system') = (user_id IS NULL)", name="scope"),
)

protection_resets = Table(
    "protection_resets",
    metadata,
    Column(
        "agent_id", Uuid, ForeignKey("agents.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    ),
    Column("reset_at", TIME, nullable=False),
    Column("reset_by", Uuid, nullable=False),
)
