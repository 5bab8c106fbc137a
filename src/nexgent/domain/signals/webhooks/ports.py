"""Where webhooks are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from nexgent.domain.signals.webhooks.models import NewSecret, SignalWebhook
from nexgent.shared.types import UserId


class WebhookRepository(Protocol):
    """The durable record. All methods raise `UnavailableError` when it cannot be reached."""

    async def add(self, new: NewSecret) -> None:
        """Store a webhook and its secret."""

    async def of_user(self, user_id: UserId) -> Sequence[SignalWebhook]:
        """Return a user's webhooks, newest first."""

    async def find(self, webhook_id: UUID) -> SignalWebhook | None:
        """Return a webhook, whoever owns it."""

    async def secret_of(self, webhook_id: UUID) -> str | None:
        """Return a webhook's secret; None when it cannot be read any more."""

    async def save(self, webhook: SignalWebhook) -> bool:
        """Store name, template, age and switch; tell whether the webhook is still there."""

    async def set_secret(self, new: NewSecret) -> bool:
        """Replace the secret; tell whether the webhook is still there."""

    async def remove(self, webhook_id: UUID, user_id: UserId) -> bool:
        """Delete a webhook of that user; tell whether it was there."""

    async def remember_alert(self, webhook_id: UUID, alert_id: str, now: datetime) -> bool:
        """Note an alert's id; tell whether it is new."""

    async def forget_alert(self, webhook_id: UUID, alert_id: str) -> None:
        """Take a note back: nothing came of the alert."""

    async def count(self, webhook_id: UUID, now: datetime, *, accepted: bool) -> None:
        """Note that an alert came in."""
