"""Tables of encrypted wallets: sealed keys, and who did what with them."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from nexgent.infrastructure.database.schema.tables import ADDRESS, TIME, metadata

# No foreign key to `agent_wallets`, and none that cascades: a key is the only way to the money of its address and goes by its
# owner's explicit wish alone, not with an agent, an assignment or an account.
wallet_secrets = Table(
    "wallet_secrets",
    metadata,
    Column("wallet_address", ADDRESS, primary_key=True),
    Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", ondelete="RESTRICT", onupdate="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("format_version", SmallInteger, nullable=False),
    Column("kdf", String(20), nullable=False),
    Column("kdf_parameters", JSONB, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    # With the tag of 16 bytes at its end.
    Column("ciphertext", LargeBinary, nullable=False),
    Column("failed_at", ARRAY(TIME), nullable=False, server_default=text("'{}'")),
    Column("last_unlocked_at", TIME),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    CheckConstraint("octet_length(nonce) = 12", name="nonce"),
    CheckConstraint("octet_length(salt) >= 16", name="salt"),
)

# No foreign keys: what happened stays known after wallet and user are gone.
wallet_audit = Table(
    "wallet_audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", TIME, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("wallet_address", ADDRESS, nullable=False),
    Column("action", String(30), nullable=False),
    Index(None, "wallet_address", "at"),
)
