"""Statements about targets of notifications, and the list of what was sent to them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, Uuid, and_, bindparam, null, or_, select, update

from nexgent.infrastructure.database.schema.notifications import (
    notification_deliveries,
    notification_targets,
    notifications,
)
from scripts.statements import given, number, owned, statement

_target = notification_targets.c
_delivery = notification_deliveries.c
_notification = notifications.c
_columns = (
    _target.id,
    _target.user_id,
    _target.name,
    _target.channel,
    _target.shown,
    _target.wishes,
    _target.enabled,
    _target.created_at,
    _target.updated_at,
    _target.sent_count,
    _target.failed_count,
    _target.last_sent_at,
    _target.last_error,
    _target.last_error_at,
    _target.failing_since,
    _target.failures,
    _target.retry_at,
)
_new = (
    "id",
    "user_id",
    "name",
    "channel",
    "address",
    "shown",
    "wishes",
    "enabled",
    "created_at",
    "updated_at",
)
_changed = ("name", "wishes", "enabled", "updated_at")
_id = _target.id == given(_target.id)
_before = bindparam("before", type_=BigInteger)
_only = bindparam("only", type_=Uuid)

ADD, OF_USER, FIND, SEALED, SAVE, REMOVE = owned(notification_targets, _columns, _new, _changed, "address")
SEAL = statement(
    update(notification_targets)
    .where(_id)
    .values(
        address=given(_target.address),
        shown=given(_target.shown),
        failing_since=null(),
        failures=number(0),
        retry_at=null(),
    ),
    "id",
    "address",
    "shown",
)
WELL = statement(
    update(notification_targets).where(_id).values(failing_since=null(), failures=number(0), retry_at=null()),
    "id",
)
DELIVERIES = statement(
    select(
        _delivery.id,
        _delivery.target_id,
        _target.name.label("target_name"),
        _delivery.state,
        _delivery.attempts,
        _delivery.due_at,
        _delivery.sent_at,
        _delivery.error,
        _notification.id.label("notification_id"),
        _notification.user_id,
        _notification.agent_id,
        _notification.key,
        _notification.kind,
        _notification.level,
        _notification.title,
        _notification.text,
        _notification.facts,
        _notification.at,
    )
    .select_from(
        notification_deliveries.join(notification_targets, _target.id == _delivery.target_id).join(
            notifications, _notification.id == _delivery.notification_id
        )
    )
    .where(
        _target.user_id == given(_target.user_id),
        and_(
            or_(_before.is_(None), _delivery.id < _before), or_(_only.is_(None), _delivery.target_id == _only)
        ),
    )
    .order_by(_delivery.id.desc())
    .limit(bindparam("most", type_=Integer))
    .offset(bindparam("skipped", type_=Integer)),
    "user_id",
    "before",
    "only",
    "most",
    "skipped",
)
