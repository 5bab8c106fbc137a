"""The table of shadow fills: what a live swap would have brought on paper, beside what it brought."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Uuid

from nexgent.infrastructure.database.schema.tables import ADDRESS, MINT, RAW, SYMBOL, TIME, metadata

# One row per landed swap of an agent whose shadow is on; the key makes recording it twice harmless. Amounts are base units of
# the two mints, fees lamports; a fee is null where it is not known.
shadow_fills = Table(
    "shadow_fills",
    metadata,
    # The intent's. No foreign keys but the agent's: resetting a wallet does not change what was measured.
    Column("intent_id", Uuid, primary_key=True),
    Column("agent_id", Uuid, ForeignKey("agents.id", ondelete="CASCADE", onupdate="CASCADE"), nullable=False),
    Column("wallet_address", ADDRESS, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("token_address", MINT, nullable=False),
    Column("token_symbol", SYMBOL, nullable=False),
    Column("buying", Boolean, nullable=False),
    Column("transaction_id", Uuid, nullable=False),
    Column("real_in_raw", RAW, nullable=False),
    Column("real_out_raw", RAW, nullable=False),
    Column("paper_in_raw", RAW, nullable=False),
    Column("paper_out_raw", RAW, nullable=False),
    Column("real_network_fee", RAW),
    Column("real_priority_fee", RAW),
    Column("real_platform_fee", RAW),
    Column("paper_network_fee", RAW),
    Column("paper_priority_fee", RAW),
    Column("paper_platform_fee", RAW),
    Column("triggered_at", TIME, nullable=False),
    Column("ordered_at", TIME, nullable=False),
    Column("landed_at", TIME, nullable=False),
    # The place of the settled entry in the wallet's stream: whoever records goes on after the last one.
    Column("settled_seq", BigInteger, nullable=False),
    Index(None, "agent_id", "landed_at"),
    Index(None, "wallet_address", "settled_seq"),
)
