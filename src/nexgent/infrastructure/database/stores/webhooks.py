"""Signal webhooks in PostgreSQL. Secrets are encrypted with the installation's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import orjson

from nexgent.domain.signals.webhooks.errors import WebhookNotFoundError
from nexgent.domain.signals.webhooks.models import NewSecret, SignalWebhook
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.security.sealing import SealBrokenError, Sealer
from nexgent.shared.types import UserId

ALERTS_KEPT_FOR = timedelta(days=2)
"""Longer than the greatest age at which an alert is still taken."""

_COLUMNS = """
id, user_id, name, template, maps, max_age_seconds, enabled, created_at, updated_at, last_received_at, accepted_count,
refused_count
"""
_ADD = """
INSERT INTO signal_webhooks (id, user_id, name, secret, template, maps, max_age_seconds, enabled, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8, $9, $10)
"""
_OF_USER = f"SELECT {_COLUMNS} FROM signal_webhooks WHERE user_id = $1 ORDER BY created_at DESC, id"  # noqa: S608 -- fixed text  # nosec B608
_FIND = f"SELECT {_COLUMNS} FROM signal_webhooks WHERE id = $1"  # noqa: S608 -- fixed text  # nosec B608
_SECRET = "SELECT secret FROM signal_webhooks WHERE id = $1"  # noqa: S105 -- a statement
_SAVE = """
UPDATE signal_webhooks
SET name = $2, template = $3::jsonb, maps = $4::jsonb, max_age_seconds = $5, enabled = $6, updated_at = $7 WHERE id = $1
"""
_SET_SECRET = "UPDATE signal_webhooks SET secret = $2 WHERE id = $1"  # noqa: S105 -- a statement
_REMOVE = "DELETE FROM signal_webhooks WHERE id = $1 AND user_id = $2"
_REMEMBER = """
INSERT INTO signal_webhook_alerts (webhook_id, alert_id, received_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_FORGET = "DELETE FROM signal_webhook_alerts WHERE webhook_id = $1 AND alert_id = $2"
_FORGET_OLD = "DELETE FROM signal_webhook_alerts WHERE received_at < $1"
_COUNT = """
UPDATE signal_webhooks
SET last_received_at = greatest(last_received_at, $2), accepted_count = accepted_count + $3, refused_count = refused_count + $4
WHERE id = $1
"""


class PostgresWebhooks:
    """Implements `WebhookRepository`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], sealer: Sealer) -> None:
        self._pool = pool
        self._sealer = sealer

    async def add(self, new: NewSecret) -> None:
        """Store a webhook and its secret."""
        webhook = new.webhook
        with translated_errors("store a webhook"):
            await self._pool.execute(
                _ADD,
                webhook.id,
                webhook.user_id,
                webhook.name,
                self._sealed(new),
                _json(webhook.template),
                _json(webhook.maps),
                webhook.max_age_seconds,
                webhook.enabled,
                webhook.created_at,
                webhook.updated_at,
            )

    async def of_user(self, user_id: UserId) -> Sequence[SignalWebhook]:
        """Return a user's webhooks, newest first."""
        with translated_errors("read webhooks"):
            return [_webhook(row) for row in await self._pool.fetch(_OF_USER, user_id)]

    async def find(self, webhook_id: UUID) -> SignalWebhook | None:
        """Return a webhook."""
        with translated_errors("read a webhook"):
            row = await self._pool.fetchrow(_FIND, webhook_id)
        return _webhook(row) if row is not None else None

    async def secret_of(self, webhook_id: UUID) -> str | None:
        """Return a webhook's secret; None when it is gone, or the installation's secret was changed since."""
        with translated_errors("read a webhook"):
            sealed = await self._pool.fetchval(_SECRET, webhook_id)
        if sealed is None:
            return None
        try:
            return self._sealer.open(webhook_id.bytes, sealed).decode()
        except SealBrokenError:
            return None

    async def save(self, webhook: SignalWebhook) -> bool:
        """Store what its owner can change."""
        with translated_errors("store a webhook"):
            done = await self._pool.execute(
                _SAVE,
                webhook.id,
                webhook.name,
                _json(webhook.template),
                _json(webhook.maps),
                webhook.max_age_seconds,
                webhook.enabled,
                webhook.updated_at,
            )
        return bool(done == "UPDATE 1")

    async def set_secret(self, new: NewSecret) -> bool:
        """Replace the secret."""
        with translated_errors("store a webhook"):
            done = await self._pool.execute(_SET_SECRET, new.webhook.id, self._sealed(new))
        return bool(done == "UPDATE 1")

    async def remove(self, webhook_id: UUID, user_id: UserId) -> bool:
        """Delete a webhook of that user."""
        with translated_errors("delete a webhook"):
            return bool(await self._pool.execute(_REMOVE, webhook_id, user_id) == "DELETE 1")

    async def remember_alert(self, webhook_id: UUID, alert_id: str, now: datetime) -> bool:
        """Note an alert's id; tell whether it is new."""
        try:
            with translated_errors("note an alert"):
                done = await self._pool.execute(_REMEMBER, webhook_id, alert_id, now)
        except asyncpg.ForeignKeyViolationError:
            raise WebhookNotFoundError from None
        return bool(done == "INSERT 0 1")

    async def forget_alert(self, webhook_id: UUID, alert_id: str) -> None:
        """Take a note back."""
        with translated_errors("forget an alert"):
            await self._pool.execute(_FORGET, webhook_id, alert_id)

    async def count(self, webhook_id: UUID, now: datetime, *, accepted: bool) -> None:
        """Note that an alert came in."""
        with translated_errors("count an alert"):
            await self._pool.execute(_COUNT, webhook_id, now, int(accepted), int(not accepted))

    def _sealed(self, new: NewSecret) -> bytes:
        return self._sealer.seal(new.webhook.id.bytes, new.secret.encode())


async def forget_old_alerts(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Delete ids of alerts that are too old to come again; return how many. Raises `UnavailableError`."""
    with translated_errors("forget old alerts"):
        done = await pool.execute(_FORGET_OLD, now - ALERTS_KEPT_FOR)
    return int(done.rpartition(" ")[2])


def _json(document: object) -> str:
    return msgspec.json.encode(document).decode()


def _webhook(row: asyncpg.Record) -> SignalWebhook:
    values = dict(row)
    values["template"], values["maps"] = orjson.loads(row["template"]), orjson.loads(row["maps"])
    return SignalWebhook(**values)
