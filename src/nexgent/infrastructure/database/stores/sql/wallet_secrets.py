"""Compiled by `make sql` from `scripts/statements/wallet_secrets.py`; changes belong there."""

from __future__ import annotations

from typing import Final

ADD: Final = """
INSERT INTO wallet_secrets (wallet_address, user_id, format_version, kdf, kdf_parameters, salt, nonce, ciphertext,
created_at, updated_at) VALUES ($1::VARCHAR, $2::UUID, $3::SMALLINT, $4::VARCHAR, $5::JSONB, $6::BYTEA, $7::BYTEA,
$8::BYTEA, $9::TIMESTAMP WITH TIME ZONE, $10::TIMESTAMP WITH TIME ZONE)
"""
"""Arguments: wallet_address, user_id, format_version, kdf, kdf_parameters, salt, nonce, ciphertext, created_at, updated_at."""
AUDIT: Final = """
INSERT INTO wallet_audit (at, user_id, wallet_address, action) VALUES ($1::TIMESTAMP WITH TIME ZONE, $2::UUID,
$3::VARCHAR, $4::VARCHAR)
"""
"""Arguments: at, user_id, wallet_address, action."""
FAILURES: Final = """
SELECT wallet_secrets.failed_at FROM wallet_secrets WHERE wallet_secrets.wallet_address = $1::VARCHAR FOR UPDATE
"""
"""Arguments: wallet_address."""
FIND: Final = """
SELECT wallet_secrets.wallet_address, wallet_secrets.user_id, wallet_secrets.format_version, wallet_secrets.kdf,
wallet_secrets.kdf_parameters, wallet_secrets.salt, wallet_secrets.nonce, wallet_secrets.ciphertext,
wallet_secrets.created_at, wallet_secrets.updated_at FROM wallet_secrets WHERE wallet_secrets.wallet_address =
$1::VARCHAR
"""
"""Arguments: wallet_address."""
OF_USER: Final = """
SELECT wallet_secrets.wallet_address, wallet_secrets.user_id, wallet_secrets.format_version, wallet_secrets.kdf,
wallet_secrets.kdf_parameters, wallet_secrets.salt, wallet_secrets.nonce, wallet_secrets.ciphertext,
wallet_secrets.created_at, wallet_secrets.updated_at FROM wallet_secrets WHERE wallet_secrets.user_id = $1::UUID
"""
"""Arguments: user_id."""
OWNERS: Final = """
SELECT wallet_secrets.wallet_address, wallet_secrets.user_id FROM wallet_secrets
"""
REMOVE: Final = """
DELETE FROM wallet_secrets WHERE wallet_secrets.wallet_address = $1::VARCHAR AND wallet_secrets.user_id = $2::UUID
"""
"""Arguments: wallet_address, user_id."""
SET_FAILURES: Final = """
UPDATE wallet_secrets SET failed_at=$2::TIMESTAMP WITH TIME ZONE[] WHERE wallet_secrets.wallet_address = $1::VARCHAR
"""
"""Arguments: wallet_address, failed_at."""
SUCCEEDED: Final = """
UPDATE wallet_secrets SET failed_at='{}', last_unlocked_at=CASE WHEN $2::BOOLEAN THEN $3::TIMESTAMP WITH TIME ZONE ELSE
wallet_secrets.last_unlocked_at END WHERE wallet_secrets.wallet_address = $1::VARCHAR
"""
"""Arguments: wallet_address, unlocked, now."""
