"""Statements about signal webhooks and the ids of their alerts."""

from __future__ import annotations

from sqlalchemy import BigInteger, bindparam, delete, func, update

from nexgent.infrastructure.database.schema.webhooks import signal_webhook_alerts, signal_webhooks
from scripts.statements import adding, given, owned, statement

_webhook = signal_webhooks.c
_alert = signal_webhook_alerts.c
_columns = (
    _webhook.id,
    _webhook.user_id,
    _webhook.name,
    _webhook.template,
    _webhook.maps,
    _webhook.max_age_seconds,
    _webhook.enabled,
    _webhook.created_at,
    _webhook.updated_at,
    _webhook.last_received_at,
    _webhook.accepted_count,
    _webhook.refused_count,
)
_new = (
    "id",
    "user_id",
    "name",
    "secret",
    "template",
    "maps",
    "max_age_seconds",
    "enabled",
    "created_at",
    "updated_at",
)
_changed = ("name", "template", "maps", "max_age_seconds", "enabled", "updated_at")
_id = _webhook.id == given(_webhook.id)

ADD, OF_USER, FIND, SEALED, SAVE, REMOVE = owned(signal_webhooks, _columns, _new, _changed, "secret")
SEAL = statement(update(signal_webhooks).where(_id).values(secret=given(_webhook.secret)), "id", "secret")
REMEMBER = statement(
    adding(signal_webhook_alerts, "webhook_id", "alert_id", "received_at").on_conflict_do_nothing(),
    "webhook_id",
    "alert_id",
    "received_at",
)
FORGET = statement(
    delete(signal_webhook_alerts).where(
        _alert.webhook_id == given(_alert.webhook_id), _alert.alert_id == given(_alert.alert_id)
    ),
    "webhook_id",
    "alert_id",
)
FORGET_OLD = statement(
    delete(signal_webhook_alerts).where(_alert.received_at < given(_alert.received_at)), "received_at"
)
COUNT = statement(
    update(signal_webhooks)
    .where(_id)
    .values(
        last_received_at=func.greatest(_webhook.last_received_at, given(_webhook.last_received_at, "now")),
        accepted_count=_webhook.accepted_count + bindparam("accepted", type_=BigInteger),
        refused_count=_webhook.refused_count + bindparam("refused", type_=BigInteger),
    ),
    "id",
    "now",
    "accepted",
    "refused",
)
