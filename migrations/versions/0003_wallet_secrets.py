"""Encrypted wallets: sealed keys, and the audit log of what was done with them.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "wallet_secrets",
        sa.Column("wallet_address", sa.String(44), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("format_version", sa.SmallInteger(), nullable=False),
        sa.Column("kdf", sa.String(20), nullable=False),
        sa.Column("kdf_parameters", postgresql.JSONB(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column(
            "failed_at",
            sa.ARRAY(sa.DateTime(timezone=True)),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("last_unlocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("octet_length(nonce) = 12", name=op.f("wallet_secrets_nonce_check")),
        sa.CheckConstraint("octet_length(salt) >= 16", name=op.f("wallet_secrets_salt_check")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("wallet_secrets_user_id_fkey"),
            ondelete="RESTRICT",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("wallet_address", name=op.f("wallet_secrets_pkey")),
    )
    op.create_index(op.f("wallet_secrets_user_id_idx"), "wallet_secrets", ["user_id"])
    op.create_table(
        "wallet_audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(44), nullable=False),
        sa.Column("action", sa.String(30), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("wallet_audit_pkey")),
    )
    op.create_index(op.f("wallet_audit_wallet_address_at_idx"), "wallet_audit", ["wallet_address", "at"])


def downgrade() -> None:
    """Remove the tables; refuse while there are keys in them, which may be the only copies."""
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM wallet_secrets) THEN "
        "RAISE EXCEPTION 'wallet_secrets holds keys; export them and delete their wallets first'; END IF; END $$"
    )
    op.drop_table("wallet_audit")
    op.drop_table("wallet_secrets")
