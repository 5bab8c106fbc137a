"""Create, look at, change and delete signal webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from nexgent.domain.signals.webhooks.errors import TooManyWebhooksError, WebhookNotFoundError
from nexgent.domain.signals.webhooks.models import (
    DEFAULT_MAX_AGE_SECONDS,
    MAX_WEBHOOKS,
    SECRET_PREFIX,
    NewSecret,
    SignalWebhook,
)
from nexgent.domain.signals.webhooks.ports import WebhookRepository
from nexgent.domain.signals.webhooks.template import check_mints, parse_template
from nexgent.shared.clock import Clock
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.ids import new_id
from nexgent.shared.names import checked_name
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

MAX_AGE_SECONDS = 86_400
_SECRET_BYTES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChange:
    """What is given of a webhook; None leaves it as it is, or takes the default."""

    name: str | None = None
    template: Mapping[str, object] | None = None
    maps: Mapping[str, object] | None = None
    max_age_seconds: int | None = None
    enabled: bool | None = None


class SignalWebhooks:
    """A user's webhooks. Others do not exist for them."""

    def __init__(self, *, webhooks: WebhookRepository, clock: Clock) -> None:
        self._webhooks = webhooks
        self._clock = clock

    async def create(self, user_id: UserId, change: WebhookChange) -> NewSecret:
        """Return the webhook with its secret.

        Raises `InvalidInputError` (also `InvalidTemplateError`), `TooManyWebhooksError`, `UnavailableError`.
        """
        if change.name is None:
            raise InvalidInputError("name is required")
        now = self._clock.now()
        webhook = _changed(
            SignalWebhook(
                id=new_id(),
                user_id=user_id,
                name="",
                template={},
                maps={},
                max_age_seconds=DEFAULT_MAX_AGE_SECONDS,
                enabled=True,
                created_at=now,
                updated_at=now,
            ),
            change,
        )
        if len(await self._webhooks.of_user(user_id)) >= MAX_WEBHOOKS:
            raise TooManyWebhooksError(f"At most {MAX_WEBHOOKS} webhooks are allowed; delete one first")
        new = NewSecret(webhook, _new_secret())
        await self._webhooks.add(new)
        log.info("signal_webhook.created", webhook_id=str(webhook.id), user_id=str(user_id))
        return new

    async def all(self, user_id: UserId) -> Sequence[SignalWebhook]:
        """Return the webhooks, newest first. Raises `UnavailableError`."""
        return await self._webhooks.of_user(user_id)

    async def one(self, webhook_id: UUID, user_id: UserId) -> SignalWebhook:
        """Return a webhook. Raises `WebhookNotFoundError`, `UnavailableError`."""
        webhook = await self._webhooks.find(webhook_id)
        if webhook is None or webhook.user_id != user_id:
            raise WebhookNotFoundError
        return webhook

    async def change(self, webhook_id: UUID, user_id: UserId, change: WebhookChange) -> SignalWebhook:
        """Return the changed webhook. Raises `WebhookNotFoundError`, `InvalidInputError`, `UnavailableError`."""
        webhook = _changed(await self.one(webhook_id, user_id), change)
        webhook = replace(webhook, updated_at=self._clock.now())
        if not await self._webhooks.save(webhook):
            raise WebhookNotFoundError
        return webhook

    async def rotate(self, webhook_id: UUID, user_id: UserId) -> NewSecret:
        """Return the webhook with a new secret; the old one is void. Raises `WebhookNotFoundError`, `UnavailableError`."""
        new = NewSecret(await self.one(webhook_id, user_id), _new_secret())
        if not await self._webhooks.set_secret(new):
            raise WebhookNotFoundError
        log.info("signal_webhook.secret_rotated", webhook_id=str(webhook_id), user_id=str(user_id))
        return new

    async def delete(self, webhook_id: UUID, user_id: UserId) -> None:
        """Delete. Raises `WebhookNotFoundError`, `UnavailableError`."""
        if not await self._webhooks.remove(webhook_id, user_id):
            raise WebhookNotFoundError
        log.info("signal_webhook.deleted", webhook_id=str(webhook_id), user_id=str(user_id))


def _changed(webhook: SignalWebhook, change: WebhookChange) -> SignalWebhook:
    name = webhook.name if change.name is None else checked_name(change.name)
    age = webhook.max_age_seconds if change.max_age_seconds is None else change.max_age_seconds
    if not 1 <= age <= MAX_AGE_SECONDS:
        raise InvalidInputError(
            f"Invalid maxAgeSeconds: a whole number from 1 to {MAX_AGE_SECONDS} is required"
        )
    template = webhook.template if change.template is None else change.template
    maps = webhook.maps if change.maps is None else change.maps
    parsed = parse_template(template, maps)
    if change.template is not None or change.maps is not None:
        check_mints(parsed)
    enabled = webhook.enabled if change.enabled is None else change.enabled
    return replace(webhook, name=name, template=template, maps=maps, max_age_seconds=age, enabled=enabled)


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
