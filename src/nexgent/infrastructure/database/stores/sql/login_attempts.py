"""Compiled by `make sql` from `scripts/statements/login_attempts.py`; changes belong there."""

from __future__ import annotations

from typing import Final

ATTEMPTS: Final = """
SELECT login_attempts.attempts FROM login_attempts WHERE login_attempts.account = $1::BYTEA AND login_attempts.network =
$2::VARCHAR
"""
"""Arguments: account, network."""
CLAIM: Final = """
INSERT INTO login_attempts (account, network, attempts, locks, updated_at) VALUES ($1::BYTEA, $2::VARCHAR, 1, 0,
$3::TIMESTAMP WITH TIME ZONE) ON CONFLICT (account, network) DO UPDATE SET attempts = CASE WHEN
(login_attempts.locked_until IS NOT NULL OR login_attempts.updated_at < $3::TIMESTAMP WITH TIME ZONE - $4::INTERVAL)
THEN 1 ELSE login_attempts.attempts + 1 END, locks = CASE WHEN (login_attempts.updated_at < $3::TIMESTAMP WITH TIME ZONE
- $4::INTERVAL AND coalesce(login_attempts.locked_until, login_attempts.updated_at) < $3::TIMESTAMP WITH TIME ZONE -
$4::INTERVAL) THEN 0 WHEN (login_attempts.locked_until IS NULL AND login_attempts.attempts + 1 >= $5::INTEGER) THEN
login_attempts.locks + 1 ELSE login_attempts.locks END, locked_until = CASE WHEN (login_attempts.locked_until IS NULL
AND login_attempts.updated_at >= $3::TIMESTAMP WITH TIME ZONE - $4::INTERVAL AND login_attempts.attempts + 1 >=
$5::INTEGER) THEN $3::TIMESTAMP WITH TIME ZONE + least($6::INTERVAL * power($7::FLOAT, least(login_attempts.locks, 16)),
$8::INTERVAL) END, updated_at = $3::TIMESTAMP WITH TIME ZONE WHERE login_attempts.locked_until IS NULL OR
login_attempts.locked_until <= $3::TIMESTAMP WITH TIME ZONE RETURNING login_attempts.attempts
"""
"""Arguments: account, network, now, forget_after, limit, lock, growth, longest."""
DROP_EMPTY: Final = """
DELETE FROM login_attempts WHERE login_attempts.account = $1::BYTEA AND login_attempts.network = $2::VARCHAR AND
login_attempts.attempts = 0
"""
"""Arguments: account, network."""
FORGET: Final = """
DELETE FROM login_attempts WHERE login_attempts.account = $1::BYTEA AND login_attempts.network = $2::VARCHAR
"""
"""Arguments: account, network."""
FORGET_OLD: Final = """
DELETE FROM login_attempts WHERE login_attempts.updated_at < $1::TIMESTAMP WITH TIME ZONE AND
(login_attempts.locked_until IS NULL OR login_attempts.locked_until < $1::TIMESTAMP WITH TIME ZONE)
"""
"""Arguments: before."""
KEEP_NEWEST: Final = """
DELETE FROM login_networks WHERE login_networks.user_id = $1::UUID AND login_networks.network IN (SELECT others.network
FROM login_networks AS others WHERE others.user_id = $1::UUID ORDER BY others.last_seen_at DESC LIMIT ALL OFFSET
$2::INTEGER)
"""
"""Arguments: user_id, most."""
KNOWN: Final = """
SELECT EXISTS (SELECT login_networks.network FROM login_networks WHERE login_networks.user_id = $1::UUID AND
login_networks.network = $2::VARCHAR) AS anon_1
"""
"""Arguments: user_id, network."""
LOCKED_UNTIL: Final = """
SELECT login_attempts.locked_until FROM login_attempts WHERE login_attempts.account = $1::BYTEA AND
login_attempts.network = $2::VARCHAR
"""
"""Arguments: account, network."""
REMEMBER: Final = """
INSERT INTO login_networks (user_id, network, last_seen_at) SELECT users.id, $2::VARCHAR AS anon_1, $3::TIMESTAMP WITH
TIME ZONE AS anon_2 FROM users WHERE users.id = $1::UUID ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at =
greatest(login_networks.last_seen_at, excluded.last_seen_at)
"""
"""Arguments: user_id, network, now."""
TAKE_BACK: Final = """
UPDATE login_attempts SET attempts=greatest(0, login_attempts.attempts - $3::INTEGER), locks=CASE WHEN
(login_attempts.locked_until IS NOT NULL AND login_attempts.attempts - $3::INTEGER < $4::INTEGER) THEN greatest(0,
login_attempts.locks - 1) ELSE login_attempts.locks END, locked_until=CASE WHEN (login_attempts.attempts - $3::INTEGER
>= $4::INTEGER) THEN login_attempts.locked_until END WHERE login_attempts.account = $1::BYTEA AND login_attempts.network
= $2::VARCHAR
"""
"""Arguments: account, network, count, limit."""
UNLOCK: Final = """
WITH gone AS (DELETE FROM login_attempts WHERE login_attempts.account = $1::BYTEA RETURNING login_attempts.locked_until)
SELECT coalesce(bool_or(gone.locked_until > $2::TIMESTAMP WITH TIME ZONE), false) AS coalesce_1 FROM gone
"""
"""Arguments: account, now."""
