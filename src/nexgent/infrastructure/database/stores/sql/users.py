"""Compiled by `make sql` from `scripts/statements/users.py`; changes belong there."""

from __future__ import annotations

from typing import Final

from nexgent.infrastructure.database.stores.listing import Condition, Listing

ADD: Final = """
INSERT INTO users (id, email, password_hash, created_at, failed_login_attempts, locked_until, seeded) VALUES ($1::UUID,
$2::VARCHAR, $3::VARCHAR, $4::TIMESTAMP WITH TIME ZONE, $5::INTEGER, $6::TIMESTAMP WITH TIME ZONE, $7::BOOLEAN) ON
CONFLICT (email) DO NOTHING
"""
"""Arguments: id, email, password_hash, created_at, failed_login_attempts, locked_until, seeded."""
ADOPT: Final = """
WITH adopted AS (UPDATE users SET seeded=true WHERE users.id = $1::UUID RETURNING users.id), keys AS (DELETE FROM
api_keys WHERE api_keys.user_id IN (SELECT adopted.id FROM adopted)), webhooks AS (DELETE FROM signal_webhooks WHERE
signal_webhooks.user_id IN (SELECT adopted.id FROM adopted)), networks AS (DELETE FROM login_networks WHERE
login_networks.user_id IN (SELECT adopted.id FROM adopted)) UPDATE user_sessions SET ended_at=$2::TIMESTAMP WITH TIME
ZONE WHERE user_sessions.user_id IN (SELECT adopted.id FROM adopted) AND user_sessions.ended_at IS NULL
"""
"""Arguments: id, now."""
ANY: Final = """
SELECT EXISTS (SELECT users.id FROM users) AS anon_1
"""
CHANGE: Final = """
UPDATE users SET password_hash=$2::VARCHAR, sessions_from=$3::TIMESTAMP WITH TIME ZONE, seeded_password_hash=CASE WHEN
users.seeded THEN coalesce(users.seeded_password_hash, users.password_hash) END WHERE users.id = $1::UUID
"""
"""Arguments: id, password_hash, now."""
CLOSE: Final = """
WITH closed AS (UPDATE users SET password_hash=NULL, sessions_from=$2::TIMESTAMP WITH TIME ZONE,
seeded_password_hash=CASE WHEN users.seeded THEN coalesce(users.seeded_password_hash, users.password_hash) END WHERE
users.id = $1::UUID RETURNING users.id), webhooks AS (DELETE FROM signal_webhooks WHERE signal_webhooks.user_id IN
(SELECT closed.id FROM closed)) DELETE FROM api_keys WHERE api_keys.user_id IN (SELECT closed.id FROM closed)
"""
"""Arguments: id, now."""
FIND: Final = """
SELECT users.id, users.email, users.password_hash, users.created_at, users.failed_login_attempts, users.locked_until,
users.seeded, users.sessions_from, users.seeded_password_hash FROM users WHERE users.email = $1::VARCHAR
"""
"""Arguments: email."""
FIND_KEY: Final = """
SELECT api_keys.id, api_keys.user_id, api_keys.scopes, api_keys.expires_at FROM api_keys WHERE api_keys.key_hash =
$1::VARCHAR
"""
"""Arguments: key_hash."""
FIRST_TWO: Final = """
SELECT users.id FROM users LIMIT 2
"""
GET: Final = """
SELECT users.id, users.email, users.password_hash, users.created_at, users.failed_login_attempts, users.locked_until,
users.seeded, users.sessions_from, users.seeded_password_hash FROM users WHERE users.id = $1::UUID
"""
"""Arguments: id."""
KNOWN: Final = """
SELECT users.id FROM users WHERE users.id = ANY ($1::UUID[])
"""
"""Arguments: ids."""
OVERVIEW: Final = Listing(
    selected="""
SELECT users.id, users.email, users.created_at, users.password_hash IS NOT NULL AS active, (SELECT count(*) AS count_1
FROM agents WHERE agents.user_id = users.id AND agents.deleted_at IS NULL) AS agents, (SELECT count(*) AS count_2 FROM
api_keys WHERE api_keys.user_id = users.id) AS api_keys, (SELECT max(user_sessions.last_used_at) AS max_1 FROM
user_sessions WHERE user_sessions.user_id = users.id) AS last_used_at FROM users
""",
    conditions=(
        Condition('(users.created_at, users.id) < ({after_time}::TIMESTAMP WITH TIME ZONE, {after_id}::UUID)', ("after_time", "after_id",)),
    ),
    order="users.created_at DESC, users.id DESC",
)
RENEW: Final = """
WITH renewed AS (UPDATE users SET password_hash=$2::VARCHAR, failed_login_attempts=0, locked_until=NULL,
sessions_from=$3::TIMESTAMP WITH TIME ZONE, seeded_password_hash=NULL WHERE users.id = $1::UUID RETURNING users.email)
DELETE FROM login_attempts WHERE login_attempts.account IN (SELECT sha256(convert_to(renewed.email, 'UTF8')) AS sha256_1
FROM renewed)
"""
"""Arguments: id, password_hash, now."""
SESSIONS_FROM: Final = """
SELECT users.id, users.sessions_from FROM users WHERE users.sessions_from IS NOT NULL
"""
