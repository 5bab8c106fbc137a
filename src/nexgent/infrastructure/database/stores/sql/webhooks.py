"""Compiled by `make sql` from `scripts/statements/webhooks.py`; changes belong there."""

from __future__ import annotations

from typing import Final

ADD: Final = """
INSERT INTO signal_webhooks (id, user_id, name, secret, template, maps, max_age_seconds, enabled, created_at,
updated_at) VALUES ($1::UUID, $2::UUID, $3::VARCHAR, $4::BYTEA, $5::JSONB, $6::JSONB, $7::INTEGER, $8::BOOLEAN,
$9::TIMESTAMP WITH TIME ZONE, $10::TIMESTAMP WITH TIME ZONE)
"""
"""Arguments: id, user_id, name, secret, template, maps, max_age_seconds, enabled, created_at, updated_at."""
COUNT: Final = """
UPDATE signal_webhooks SET last_received_at=greatest(signal_webhooks.last_received_at, $2::TIMESTAMP WITH TIME ZONE),
accepted_count=(signal_webhooks.accepted_count + $3::BIGINT), refused_count=(signal_webhooks.refused_count + $4::BIGINT)
WHERE signal_webhooks.id = $1::UUID
"""
"""Arguments: id, now, accepted, refused."""
FIND: Final = """
SELECT signal_webhooks.id, signal_webhooks.user_id, signal_webhooks.name, signal_webhooks.template,
signal_webhooks.maps, signal_webhooks.max_age_seconds, signal_webhooks.enabled, signal_webhooks.created_at,
signal_webhooks.updated_at, signal_webhooks.last_received_at, signal_webhooks.accepted_count,
signal_webhooks.refused_count FROM signal_webhooks WHERE signal_webhooks.id = $1::UUID
"""
"""Arguments: id."""
FORGET: Final = """
DELETE FROM signal_webhook_alerts WHERE signal_webhook_alerts.webhook_id = $1::UUID AND signal_webhook_alerts.alert_id =
$2::VARCHAR
"""
"""Arguments: webhook_id, alert_id."""
FORGET_OLD: Final = """
DELETE FROM signal_webhook_alerts WHERE signal_webhook_alerts.received_at < $1::TIMESTAMP WITH TIME ZONE
"""
"""Arguments: received_at."""
OF_USER: Final = """
SELECT signal_webhooks.id, signal_webhooks.user_id, signal_webhooks.name, signal_webhooks.template,
signal_webhooks.maps, signal_webhooks.max_age_seconds, signal_webhooks.enabled, signal_webhooks.created_at,
signal_webhooks.updated_at, signal_webhooks.last_received_at, signal_webhooks.accepted_count,
signal_webhooks.refused_count FROM signal_webhooks WHERE signal_webhooks.user_id = $1::UUID ORDER BY
signal_webhooks.created_at DESC, signal_webhooks.id
"""
"""Arguments: user_id."""
REMEMBER: Final = """
INSERT INTO signal_webhook_alerts (webhook_id, alert_id, received_at) VALUES ($1::UUID, $2::VARCHAR, $3::TIMESTAMP WITH
TIME ZONE) ON CONFLICT DO NOTHING
"""
"""Arguments: webhook_id, alert_id, received_at."""
REMOVE: Final = """
DELETE FROM signal_webhooks WHERE signal_webhooks.id = $1::UUID AND signal_webhooks.user_id = $2::UUID
"""
"""Arguments: id, user_id."""
SAVE: Final = """
UPDATE signal_webhooks SET name=$2::VARCHAR, template=$3::JSONB, maps=$4::JSONB, max_age_seconds=$5::INTEGER,
enabled=$6::BOOLEAN, updated_at=$7::TIMESTAMP WITH TIME ZONE WHERE signal_webhooks.id = $1::UUID
"""
"""Arguments: id, name, template, maps, max_age_seconds, enabled, updated_at."""
SEAL: Final = """
UPDATE signal_webhooks SET secret=$2::BYTEA WHERE signal_webhooks.id = $1::UUID
"""
"""Arguments: id, secret."""
SEALED: Final = """
SELECT signal_webhooks.secret FROM signal_webhooks WHERE signal_webhooks.id = $1::UUID
"""
"""Arguments: id."""
