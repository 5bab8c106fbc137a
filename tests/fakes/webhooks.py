"""Signal webhooks in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from nexgent.domain.signals.webhooks.errors import WebhookNotFoundError
from nexgent.domain.signals.webhooks.models import NewSecret, SignalWebhook
from nexgent.shared.types import UserId


class FakeWebhooks:
    """Rows in dicts."""

    def __init__(self) -> None:
        self.rows: dict[UUID, SignalWebhook] = {}
        self.secrets: dict[UUID, str] = {}
        self.alerts: set[tuple[UUID, str]] = set()

    async def add(self, new: NewSecret) -> None:
        self.rows[new.webhook.id] = new.webhook
        self.secrets[new.webhook.id] = new.secret

    async def of_user(self, user_id: UserId) -> Sequence[SignalWebhook]:
        own = [webhook for webhook in self.rows.values() if webhook.user_id == user_id]
        return sorted(own, key=lambda webhook: webhook.created_at, reverse=True)

    async def find(self, webhook_id: UUID) -> SignalWebhook | None:
        return self.rows.get(webhook_id)

    async def secret_of(self, webhook_id: UUID) -> str | None:
        return self.secrets.get(webhook_id)

    async def save(self, webhook: SignalWebhook) -> bool:
        row = self.rows.get(webhook.id)
        if row is None:
            return False
        # What is counted is not its owner's to change.
        self.rows[webhook.id] = replace(
            webhook,
            last_received_at=row.last_received_at,
            accepted_count=row.accepted_count,
            refused_count=row.refused_count,
        )
        return True

    async def set_secret(self, new: NewSecret) -> bool:
        if new.webhook.id not in self.rows:
            return False
        self.secrets[new.webhook.id] = new.secret
        return True

    async def remove(self, webhook_id: UUID, user_id: UserId) -> bool:
        webhook = self.rows.get(webhook_id)
        if webhook is None or webhook.user_id != user_id:
            return False
        del self.rows[webhook_id], self.secrets[webhook_id]
        return True

    async def remember_alert(self, webhook_id: UUID, alert_id: str, now: datetime) -> bool:
        if webhook_id not in self.rows:
            raise WebhookNotFoundError
        if (webhook_id, alert_id) in self.alerts:
            return False
        self.alerts.add((webhook_id, alert_id))
        return True

    async def forget_alert(self, webhook_id: UUID, alert_id: str) -> None:
        self.alerts.discard((webhook_id, alert_id))

    async def count(self, webhook_id: UUID, now: datetime, *, accepted: bool) -> None:
        row = self.rows.get(webhook_id)
        if row is None:
            return
        self.rows[webhook_id] = replace(
            row,
            last_received_at=max(row.last_received_at or now, now),
            accepted_count=row.accepted_count + accepted,
            refused_count=row.refused_count + (not accepted),
        )
