"""How far live wallets are reconciled with the chain."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, ForeignKey, String, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from nexgent.infrastructure.database.schema.tables import ADDRESS, TIME, metadata

# A row says: up to this slot of this chain, ledger and chain agree. It goes with its wallet, and with the wallet's reset.
wallet_reconciliations = Table(
    "wallet_reconciliations",
    metadata,
    Column(
        "wallet_address",
        ADDRESS,
        ForeignKey("agent_wallets.wallet_address", ondelete="CASCADE", onupdate="CASCADE"),
        primary_key=True,
    ),
    Column("agent_id", Uuid, nullable=False),
    Column("genesis", String(64), nullable=False),
    Column("slot", BigInteger, nullable=False),
    Column("checked_at", TIME, nullable=False),
    Column("findings", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("ignored", ARRAY(Text), nullable=False, server_default=text("ARRAY[]::text[]")),
)
