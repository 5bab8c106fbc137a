"""Compiled by `make sql` from `scripts/statements/audit.py`; changes belong there."""

from __future__ import annotations

from typing import Final

from nexgent.infrastructure.database.stores.listing import Condition, Listing

APPEND: Final = """
INSERT INTO audit_log (at, action, outcome, user_id, actor, target, address, details) SELECT anon_1.at, anon_1.action,
anon_1.outcome, anon_1.user_id, anon_1.actor, anon_1.target, anon_1.address, anon_1.details FROM unnest($1::TIMESTAMP
WITH TIME ZONE[], $2::TEXT[], $3::TEXT[], $4::UUID[], $5::TEXT[], $6::TEXT[], $7::TEXT[], $8::JSONB[]) AS anon_1(at,
action, outcome, user_id, actor, target, address, details)
"""
"""Arguments: at, action, outcome, user_id, actor, target, address, details."""
CUT: Final = """
DELETE FROM audit_log WHERE (audit_log.at, audit_log.id) <= (SELECT audit_log.at, audit_log.id FROM audit_log ORDER BY
audit_log.at DESC, audit_log.id DESC LIMIT 1 OFFSET $1::INTEGER)
"""
"""Arguments: most."""
ENTRIES: Final = Listing(
    selected="""
SELECT audit_log.id, audit_log.at, audit_log.action, audit_log.outcome, audit_log.user_id, audit_log.actor,
audit_log.target, audit_log.address, CAST(audit_log.details AS TEXT) AS details FROM audit_log
""",
    conditions=(
        Condition('audit_log.user_id = {user_id}::UUID OR audit_log.user_id IS NULL AND audit_log.actor = {own_email}::VARCHAR', ("user_id", "own_email",)),
        Condition('audit_log.action = {action}::VARCHAR', ("action",)),
        Condition('audit_log.outcome = {outcome}::VARCHAR', ("outcome",)),
        Condition('audit_log.target = {target}::VARCHAR', ("target",)),
        Condition('audit_log.address = {address}::VARCHAR', ("address",)),
        Condition('audit_log.at >= {start}::TIMESTAMP WITH TIME ZONE', ("start",)),
        Condition('audit_log.at <= {end}::TIMESTAMP WITH TIME ZONE', ("end",)),
        Condition('(audit_log.at, audit_log.id) < ({after_time}::TIMESTAMP WITH TIME ZONE, {after_id}::BIGINT)', ("after_time", "after_id",)),
    ),
    order="audit_log.at DESC, audit_log.id DESC",
)
FORGET: Final = """
DELETE FROM audit_log WHERE audit_log.at < $1::TIMESTAMP WITH TIME ZONE
"""
"""Arguments: at."""
