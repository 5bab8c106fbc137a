"""Compiled by `make sql` from `scripts/statements/idempotency.py`; changes belong there."""

from __future__ import annotations

from typing import Final

BEGIN: Final = """
INSERT INTO idempotency_keys (user_id, key_hash, fingerprint, owner, created_at) VALUES ($1::UUID, $2::BYTEA, $3::BYTEA,
$4::UUID, $5::TIMESTAMP WITH TIME ZONE) ON CONFLICT (user_id, key_hash) DO UPDATE SET fingerprint =
excluded.fingerprint, owner = excluded.owner, status = NULL, answer = NULL, created_at = excluded.created_at WHERE
idempotency_keys.created_at < $6::TIMESTAMP WITH TIME ZONE OR idempotency_keys.owner = ANY ($7::UUID[]) AND
idempotency_keys.status IS NULL RETURNING idempotency_keys.key_hash
"""
"""Arguments: user_id, key_hash, fingerprint, owner, created_at, before, not_begun."""
FIND: Final = """
SELECT idempotency_keys.fingerprint, idempotency_keys.owner, idempotency_keys.status, idempotency_keys.answer,
idempotency_keys.created_at FROM idempotency_keys WHERE idempotency_keys.user_id = $1::UUID AND
idempotency_keys.key_hash = $2::BYTEA
"""
"""Arguments: user_id, key_hash."""
FINISH: Final = """
UPDATE idempotency_keys SET status=$4::SMALLINT, answer=$5::BYTEA WHERE idempotency_keys.user_id = $1::UUID AND
idempotency_keys.key_hash = $2::BYTEA AND idempotency_keys.owner = $3::UUID
"""
"""Arguments: user_id, key_hash, owner, status, answer."""
FORGET: Final = """
DELETE FROM idempotency_keys WHERE idempotency_keys.created_at < $1::TIMESTAMP WITH TIME ZONE
"""
"""Arguments: before."""
RELEASE: Final = """
DELETE FROM idempotency_keys WHERE idempotency_keys.user_id = $1::UUID AND idempotency_keys.key_hash = $2::BYTEA AND
idempotency_keys.owner = $3::UUID AND idempotency_keys.status IS NULL
"""
"""Arguments: user_id, key_hash, owner."""
RENEW: Final = """
UPDATE idempotency_keys SET created_at=$2::TIMESTAMP WITH TIME ZONE WHERE idempotency_keys.owner = ANY ($1::UUID[]) AND
idempotency_keys.status IS NULL
"""
"""Arguments: owners, now."""
