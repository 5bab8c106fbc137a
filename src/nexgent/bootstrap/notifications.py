"""Notifications, put together: senders, the worker's rounds, and what the engine notices."""

from __future__ import annotations

import structlog
from pydantic import SecretStr

from nexgent.bootstrap.storage import Storage
from nexgent.config.notifications import NotificationSettings
from nexgent.config.settings import Settings
from nexgent.domain.notifications.deliver import CollectNotifications, DeliverNotifications
from nexgent.domain.notifications.models import Channel
from nexgent.domain.notifications.ports import Senders
from nexgent.infrastructure.database.pool import NOTIFICATIONS, opened_pool
from nexgent.infrastructure.database.stores.notification_outbox import PostgresOutbox
from nexgent.infrastructure.database.stores.notification_sources import PostgresSources
from nexgent.infrastructure.database.stores.notification_targets import PostgresTargets
from nexgent.infrastructure.notifications.apprise import AppriseSender
from nexgent.infrastructure.notifications.webhook import WebhookSender
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.clock import Clock, SystemClock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.loops import run_every

log = structlog.get_logger(__name__)

ROUND_SECONDS = 1.0
SEALED_FOR = "notification-target"
_LOG_EVERY = 60


def build_senders(settings: NotificationSettings, clock: Clock) -> Senders:
    """Return who sends, by channel. Nothing is loaded or connected yet."""
    private = settings.private_addresses
    return {
        Channel.APPRISE: AppriseSender(private=private),
        Channel.WEBHOOK: WebhookSender(clock=clock, private=private),
    }


async def run_notifications(settings: Settings, storage: Storage) -> None:
    """The worker's part: note what happened and send what is due, until cancelled.

    It reads the journal as the projector does, so no trade does anything for it, and what happened while no worker ran is told
    when one runs again.
    """
    secret = settings.notifications.secret
    if secret is None:
        log.error("notifications.no_secret", hint="set NOTIFY_SECRET or JWT_SECRET for the worker as well")
    await deliver_for_ever(storage.database_url, settings.notifications, secret)


async def deliver_for_ever(
    database_url: str, settings: NotificationSettings, secret: SecretStr | None
) -> None:
    """Do round after round. Without a secret no address can be read, which every target then says."""
    clock = SystemClock()
    async with opened_pool(database_url, NOTIFICATIONS) as pool:
        outbox = PostgresOutbox(pool)
        collect = CollectNotifications(sources=PostgresSources(pool), outbox=outbox, clock=clock)
        deliver = DeliverNotifications(
            outbox=outbox,
            targets=PostgresTargets(pool, Sealer(secret, SEALED_FOR) if secret is not None else None),
            senders=build_senders(settings, clock),
            clock=clock,
        )
        away = 0

        async def work() -> None:
            nonlocal away
            try:
                await collect.execute()
                await deliver.execute()
            except UnavailableError as error:
                if away % _LOG_EVERY == 0:
                    log.warning("notifications.postponed", code=error.code)
                away += 1
            else:
                away = 0

        try:
            await run_every(ROUND_SECONDS, work, name="notifications", clock=clock)
        finally:
            await deliver.stop()
