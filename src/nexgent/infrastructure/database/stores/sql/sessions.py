"""Compiled by `make sql` from `scripts/statements/sessions.py`; changes belong there."""

from __future__ import annotations

from typing import Final

ADD: Final = """
INSERT INTO user_sessions (id, user_id, created_at, last_used_at, expires_at, address, user_agent, token_id) SELECT
$1::VARCHAR AS anon_1, users.id, $3::TIMESTAMP WITH TIME ZONE AS anon_2, $4::TIMESTAMP WITH TIME ZONE AS anon_3,
$5::TIMESTAMP WITH TIME ZONE AS anon_4, $6::VARCHAR AS anon_5, $7::VARCHAR AS anon_6, $8::VARCHAR AS anon_7 FROM users
WHERE users.id = $2::UUID ON CONFLICT (id) DO NOTHING
"""
"""Arguments: id, user_id, created_at, last_used_at, expires_at, address, user_agent, token_id."""
END: Final = """
UPDATE user_sessions SET ended_at=$2::TIMESTAMP WITH TIME ZONE WHERE user_sessions.user_id = $1::UUID AND
user_sessions.ended_at IS NULL AND ($3::VARCHAR IS NULL OR user_sessions.id = $3::VARCHAR) AND ($4::VARCHAR IS NULL OR
user_sessions.id != $4::VARCHAR) RETURNING user_sessions.id, user_sessions.user_id, user_sessions.created_at,
user_sessions.last_used_at, user_sessions.expires_at, user_sessions.ended_at, user_sessions.address,
user_sessions.user_agent, user_sessions.token_id, user_sessions.previous_token_id, user_sessions.rotated_at
"""
"""Arguments: user_id, now, only, but."""
ENDED: Final = """
SELECT user_sessions.id, user_sessions.expires_at FROM user_sessions WHERE user_sessions.ended_at IS NOT NULL AND
user_sessions.expires_at > $1::TIMESTAMP WITH TIME ZONE
"""
"""Arguments: now."""
FORGET_OLD: Final = """
DELETE FROM user_sessions WHERE user_sessions.expires_at < $1::TIMESTAMP WITH TIME ZONE
"""
"""Arguments: now."""
GET: Final = """
SELECT user_sessions.id, user_sessions.user_id, user_sessions.created_at, user_sessions.last_used_at,
user_sessions.expires_at, user_sessions.ended_at, user_sessions.address, user_sessions.user_agent,
user_sessions.token_id, user_sessions.previous_token_id, user_sessions.rotated_at FROM user_sessions WHERE
user_sessions.id = $1::VARCHAR AND user_sessions.user_id = $2::UUID
"""
"""Arguments: id, user_id."""
OF_USER: Final = """
SELECT user_sessions.id, user_sessions.user_id, user_sessions.created_at, user_sessions.last_used_at,
user_sessions.expires_at, user_sessions.ended_at, user_sessions.address, user_sessions.user_agent,
user_sessions.token_id, user_sessions.previous_token_id, user_sessions.rotated_at FROM user_sessions WHERE
user_sessions.user_id = $1::UUID AND user_sessions.expires_at > $2::TIMESTAMP WITH TIME ZONE AND user_sessions.ended_at
IS NULL ORDER BY user_sessions.last_used_at DESC, user_sessions.id
"""
"""Arguments: user_id, now."""
ROTATE: Final = """
UPDATE user_sessions SET token_id=$3::VARCHAR, previous_token_id=user_sessions.token_id, rotated_at=$4::TIMESTAMP WITH
TIME ZONE WHERE user_sessions.id = $1::VARCHAR AND user_sessions.token_id = $2::VARCHAR AND user_sessions.ended_at IS
NULL
"""
"""Arguments: id, token_id, new_token_id, now."""
USE: Final = """
WITH used AS (UPDATE user_sessions SET last_used_at=greatest(user_sessions.last_used_at, $2::TIMESTAMP WITH TIME ZONE),
address=$3::VARCHAR, user_agent=$4::VARCHAR WHERE user_sessions.id = $1::VARCHAR RETURNING user_sessions.user_id) INSERT
INTO login_networks (user_id, network, last_seen_at) SELECT used.user_id, $5::VARCHAR AS anon_1, $2::TIMESTAMP WITH TIME
ZONE AS anon_2 FROM used ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at =
greatest(login_networks.last_seen_at, excluded.last_seen_at)
"""
"""Arguments: id, now, address, user_agent, network."""
