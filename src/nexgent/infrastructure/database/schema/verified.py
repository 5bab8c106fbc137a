"""How far each wallet's stream of the journal has been checked, and what it had come to there and at the ends of parts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSON

from nexgent.infrastructure.database.schema.tables import ADDRESS, TIME, metadata

# No foreign keys: streams outlive agents and wallets. Without an agent there is nobody whose balances they are.
verified_wallets = Table(
    "verified_wallets",
    metadata,
    Column("wallet_address", ADDRESS, primary_key=True),
    Column("agent_id", Uuid),
    Column("seq", BigInteger, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    # Of all lines up to there, each with the digest of those before it.
    Column("digest", LargeBinary, nullable=False),
    Column("folded", JSON, nullable=False),
    Column("checked_at", TIME, nullable=False),
)

# Parts that were put into files, and when each left the database: NULL while it is there as well. `digest` is SHA-256 of its
# rows as they stand in the file. From the end of the last one that left, the journal is there.
journal_archives = Table(
    "journal_archives",
    metadata,
    Column("end_position", BigInteger, primary_key=True, autoincrement=False),
    Column("part", String(30), nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("streams", BigInteger, nullable=False),
    Column("first_at", TIME, nullable=False),
    Column("last_at", TIME, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("file", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("archived_at", TIME, nullable=False),
    Column("dropped_at", TIME),
)

# What each stream with a line in a part had come to at its end. Written once: later checks are held against it.
journal_part_ends = Table(
    "journal_part_ends",
    metadata,
    # That of the part: where the positions of the next one begin.
    Column("end_position", BigInteger, primary_key=True, autoincrement=False),
    Column("wallet_address", ADDRESS, primary_key=True),
    Column("agent_id", Uuid),
    Column("seq", BigInteger, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("folded", JSON, nullable=False),
    Column("checked_at", TIME, nullable=False),
    Index(None, "wallet_address", "end_position"),
)
