"""Compiled by `make sql` from `scripts/statements/notifications.py`; changes belong there."""

from __future__ import annotations

from typing import Final

ADD: Final = """
INSERT INTO notification_targets (id, user_id, name, channel, address, shown, wishes, enabled, created_at, updated_at)
VALUES ($1::UUID, $2::UUID, $3::VARCHAR, $4::VARCHAR, $5::BYTEA, $6::VARCHAR, $7::JSONB, $8::BOOLEAN, $9::TIMESTAMP WITH
TIME ZONE, $10::TIMESTAMP WITH TIME ZONE)
"""
"""Arguments: id, user_id, name, channel, address, shown, wishes, enabled, created_at, updated_at."""
DELIVERIES: Final = """
SELECT notification_deliveries.id, notification_deliveries.target_id, notification_targets.name AS target_name,
notification_deliveries.state, notification_deliveries.attempts, notification_deliveries.due_at,
notification_deliveries.sent_at, notification_deliveries.error, notifications.id AS notification_id,
notifications.user_id, notifications.agent_id, notifications.key, notifications.kind, notifications.level,
notifications.title, notifications.text, notifications.facts, notifications.at FROM notification_deliveries JOIN
notification_targets ON notification_targets.id = notification_deliveries.target_id JOIN notifications ON
notifications.id = notification_deliveries.notification_id WHERE notification_targets.user_id = $1::UUID AND ($2::BIGINT
IS NULL OR notification_deliveries.id < $2::BIGINT) AND ($3::UUID IS NULL OR notification_deliveries.target_id =
$3::UUID) ORDER BY notification_deliveries.id DESC LIMIT $4::INTEGER OFFSET $5::INTEGER
"""
"""Arguments: user_id, before, only, most, skipped."""
FIND: Final = """
SELECT notification_targets.id, notification_targets.user_id, notification_targets.name, notification_targets.channel,
notification_targets.shown, notification_targets.wishes, notification_targets.enabled, notification_targets.created_at,
notification_targets.updated_at, notification_targets.sent_count, notification_targets.failed_count,
notification_targets.last_sent_at, notification_targets.last_error, notification_targets.last_error_at,
notification_targets.failing_since, notification_targets.failures, notification_targets.retry_at FROM
notification_targets WHERE notification_targets.id = $1::UUID
"""
"""Arguments: id."""
OF_USER: Final = """
SELECT notification_targets.id, notification_targets.user_id, notification_targets.name, notification_targets.channel,
notification_targets.shown, notification_targets.wishes, notification_targets.enabled, notification_targets.created_at,
notification_targets.updated_at, notification_targets.sent_count, notification_targets.failed_count,
notification_targets.last_sent_at, notification_targets.last_error, notification_targets.last_error_at,
notification_targets.failing_since, notification_targets.failures, notification_targets.retry_at FROM
notification_targets WHERE notification_targets.user_id = $1::UUID ORDER BY notification_targets.created_at DESC,
notification_targets.id
"""
"""Arguments: user_id."""
REMOVE: Final = """
DELETE FROM notification_targets WHERE notification_targets.id = $1::UUID AND notification_targets.user_id = $2::UUID
"""
"""Arguments: id, user_id."""
SAVE: Final = """
UPDATE notification_targets SET name=$2::VARCHAR, wishes=$3::JSONB, enabled=$4::BOOLEAN, updated_at=$5::TIMESTAMP WITH
TIME ZONE WHERE notification_targets.id = $1::UUID
"""
"""Arguments: id, name, wishes, enabled, updated_at."""
SEAL: Final = """
UPDATE notification_targets SET address=$2::BYTEA, shown=$3::VARCHAR, failing_since=NULL, failures=0, retry_at=NULL
WHERE notification_targets.id = $1::UUID
"""
"""Arguments: id, address, shown."""
SEALED: Final = """
SELECT notification_targets.address FROM notification_targets WHERE notification_targets.id = $1::UUID
"""
"""Arguments: id."""
WELL: Final = """
UPDATE notification_targets SET failing_since=NULL, failures=0, retry_at=NULL WHERE notification_targets.id = $1::UUID
"""
"""Arguments: id."""
