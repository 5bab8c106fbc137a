"""What nobody needs any more is deleted once an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import structlog
from arq import Retry, cron
from arq.cron import CronJob
from arq.typing import WorkerCoroutine

from nexgent.infrastructure.database.pool import RETENTION, close_pool, create_pool
from nexgent.infrastructure.database.stores.audit import forget_old_entries
from nexgent.infrastructure.database.stores.idempotency import forget_old_answers
from nexgent.infrastructure.database.stores.login_attempts import forget_old_attempts
from nexgent.infrastructure.database.stores.notification_outbox import forget_old_notifications
from nexgent.infrastructure.database.stores.price_history import forget_old_prices
from nexgent.infrastructure.database.stores.sessions import forget_old_sessions
from nexgent.infrastructure.database.stores.trails import forget_stray_trails
from nexgent.infrastructure.database.stores.webhooks import forget_old_alerts
from nexgent.infrastructure.queue.jobs import Context
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

RETENTION_JOB = "delete_old_rows"
RETRY_SECONDS = 60
TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class PriceHistoryKept:
    """How long recorded prices stay."""

    seconds: timedelta = timedelta(days=1)
    minutes: timedelta = timedelta(days=30)
    hours: timedelta = timedelta(days=365)


def retention_cron(
    database_url: str,
    *,
    audit_days: int,
    notification_days: int = 30,
    prices: PriceHistoryKept | None = None,
) -> CronJob:
    """Return the cron job for `worker_settings(cron_jobs=...)`: half past every hour. Any number of workers may have it."""
    clock = SystemClock()
    kept = prices if prices is not None else PriceHistoryKept()

    async def retain(_: Context) -> int:
        pool = await create_pool(database_url, RETENTION)
        try:
            keys = await forget_old_answers(pool, clock.now())
            attempts = await forget_old_attempts(pool, clock.now())
            sessions = await forget_old_sessions(pool, clock.now())
            alerts = await forget_old_alerts(pool, clock.now())
            entries = await forget_old_entries(pool, clock.now(), audit_days)
            told = await forget_old_notifications(pool, clock.now(), notification_days)
            trails = await forget_stray_trails(pool)
            old_prices = await forget_old_prices(
                pool, clock.now(), seconds=kept.seconds, minutes=kept.minutes, hours=kept.hours
            )
        except UnavailableError as error:
            raise Retry(RETRY_SECONDS) from error
        finally:
            await close_pool(pool)
        deleted = keys + alerts + attempts + sessions + entries + told + trails + old_prices
        if deleted:
            log.info(
                "retention.deleted",
                idempotency_keys=keys,
                alert_ids=alerts,
                login_attempts=attempts,
                audit_entries=entries,
                notifications=told,
                sessions=sessions,
                trails=trails,
                prices=old_prices,
            )
        return deleted

    return cron(
        cast("WorkerCoroutine", retain),
        name=RETENTION_JOB,
        minute=30,
        second=0,
        unique=True,
        timeout=timedelta(seconds=TIMEOUT_SECONDS),
        keep_result=0,
    )
