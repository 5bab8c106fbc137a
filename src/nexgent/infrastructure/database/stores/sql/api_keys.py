"""Compiled by `make sql` from `scripts/statements/api_keys.py`; changes belong there."""

from __future__ import annotations

from typing import Final

ADD: Final = """
INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes, created_at, expires_at) VALUES ($1::UUID,
$2::UUID, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::TEXT[], $7::TIMESTAMP WITH TIME ZONE, $8::TIMESTAMP WITH TIME ZONE)
"""
"""Arguments: id, user_id, name, key_hash, key_prefix, scopes, created_at, expires_at."""
COUNT: Final = """
SELECT count(*) AS count_1 FROM api_keys WHERE api_keys.user_id = $1::UUID
"""
"""Arguments: user_id."""
DELETE: Final = """
DELETE FROM api_keys WHERE api_keys.id = $1::UUID AND api_keys.user_id = $2::UUID
"""
"""Arguments: id, user_id."""
GET: Final = """
SELECT api_keys.id, api_keys.user_id, api_keys.name, api_keys.key_prefix, api_keys.scopes, api_keys.created_at,
api_keys.expires_at FROM api_keys WHERE api_keys.id = $1::UUID AND api_keys.user_id = $2::UUID
"""
"""Arguments: id, user_id."""
OF_USER: Final = """
SELECT api_keys.id, api_keys.user_id, api_keys.name, api_keys.key_prefix, api_keys.scopes, api_keys.created_at,
api_keys.expires_at FROM api_keys WHERE api_keys.user_id = $1::UUID ORDER BY api_keys.created_at DESC, api_keys.id DESC
"""
"""Arguments: user_id."""
OWNER: Final = """
SELECT users.id FROM users WHERE users.id = $1::UUID FOR NO KEY UPDATE
"""
"""Arguments: id."""
