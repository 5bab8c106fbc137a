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
from nexgent.infrastructure.database.stores.sql import webhooks as sql
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.types import UserId

ALERTS_KEPT_FOR = timedelta(days=2)
"""Longer than the greatest age at which an alert is still taken."""


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
                sql.ADD,
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
            return [_webhook(row) for row in await self._pool.fetch(sql.OF_USER, user_id)]

    async def find(self, webhook_id: UUID) -> SignalWebhook | None:
        """Return a webhook."""
        with translated_errors("read a webhook"):
            row = await self._pool.fetchrow(sql.FIND, webhook_id)
        return _webhook(row) if row is not None else None

    async def secret_of(self, webhook_id: UUID) -> str | None:
        """Return a webhook's secret; None when it is gone, or the installation's secret was changed since."""
        with translated_errors("read a webhook"):
            sealed = await self._pool.fetchval(sql.SEALED, webhook_id)
        opened = self._sealer.open(webhook_id.bytes, sealed) if sealed is not None else None
        return opened.decode() if opened is not None else None

    async def save(self, webhook: SignalWebhook) -> bool:
        """Store what its owner can change."""
        with translated_errors("store a webhook"):
            done = await self._pool.execute(
                sql.SAVE,
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
            done = await self._pool.execute(sql.SEAL, new.webhook.id, self._sealed(new))
        return bool(done == "UPDATE 1")

    async def remove(self, webhook_id: UUID, user_id: UserId) -> bool:
        """Delete a webhook of that user."""
        with translated_errors("delete a webhook"):
            return bool(await self._pool.execute(sql.REMOVE, webhook_id, user_id) == "DELETE 1")

    async def remember_alert(self, webhook_id: UUID, alert_id: str, now: datetime) -> bool:
        """Note an alert's id; tell whether it is new."""
        try:
            with translated_errors("note an alert"):
                done = await self._pool.execute(sql.REMEMBER, webhook_id, alert_id, now)
        except asyncpg.ForeignKeyViolationError:
            raise WebhookNotFoundError from None
        return bool(done == "INSERT 0 1")

    async def forget_alert(self, webhook_id: UUID, alert_id: str) -> None:
        """Take a note back."""
        with translated_errors("forget an alert"):
            await self._pool.execute(sql.FORGET, webhook_id, alert_id)

    async def count(self, webhook_id: UUID, now: datetime, *, accepted: bool) -> None:
        """Note that an alert came in."""
        with translated_errors("count an alert"):
            await self._pool.execute(sql.COUNT, webhook_id, now, int(accepted), int(not accepted))

    def _sealed(self, new: NewSecret) -> bytes:
        return self._sealer.seal(new.webhook.id.bytes, new.secret.encode())


async def forget_old_alerts(pool: asyncpg.Pool[asyncpg.Record], now: datetime) -> int:
    """Delete ids of alerts that are too old to come again; return how many. Raises `UnavailableError`."""
    with translated_errors("forget old alerts"):
        done = await pool.execute(sql.FORGET_OLD, now - ALERTS_KEPT_FOR)
    return int(done.rpartition(" ")[2])


def _json(document: object) -> str:
    return msgspec.json.encode(document).decode()


def _webhook(row: asyncpg.Record) -> SignalWebhook:
    values = dict(row)
    values["template"], values["maps"] = orjson.loads(row["template"]), orjson.loads(row["maps"])
    return SignalWebhook(**values)
