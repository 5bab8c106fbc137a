"""How far the read tables are: waited for by readers, shown by metrics."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog
from arq.connections import ArqRedis

from nexgent.bootstrap.health import shortened
from nexgent.domain.ledger.ledger import Ledger
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.queue.names import QUEUE_NAME
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import WalletAddress

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 2.0
GAUGE_SECONDS = 5.0


class CaughtUp:
    """Readers see what this process has written: the tables are brought up to it, by the worker or right here."""

    def __init__(self, projector: Projector, ledger: Ledger) -> None:
        self._projector = projector
        self._ledger = ledger
        self._seen = 0

    async def caught_up(self) -> None:
        """Return when the tables contain what this process has written; give up quietly after a moment."""
        wanted = self._ledger.journal_position()
        if wanted <= self._seen:
            return
        try:
            if await self._projector.project_until(wanted, PATIENCE_SECONDS):
                self._seen = max(self._seen, wanted)
        except NexgentError as error:
            log.warning("projections.behind", code=error.code)


class JournalGauges:
    """Set the gauges about queue and projection every few seconds."""

    def __init__(self, projector: Projector, queue: ArqRedis, metrics: Metrics) -> None:
        self._projector = projector
        self._queue = queue
        self._metrics = metrics
        self._failed: tuple[WalletAddress, ...] = ()

    def problem(self) -> str | None:
        """Return what is wrong with the tables and what mends it, or None. Everybody may ask: no whole address is told."""
        if not self._failed:
            return None
        count, (first, *_) = len(self._failed), self._failed
        whose = "the wallet" if count == 1 else f"{count} wallets, one of them"
        return (
            f"the tables of {whose} {shortened(first)} lack an entry or cannot be read; what happens there is decided by "
            "the journal alone: `nexgent verify` tells what is wrong, `nexgent verify --repair` writes the tables anew"
        )

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                backlog = await self._projector.backlog()
                self._failed = backlog.failed
                self._metrics.projection_lag_entries.set(backlog.entries)
                age = (datetime.now(UTC) - backlog.oldest_at).total_seconds() if backlog.oldest_at else 0.0
                self._metrics.projection_lag_seconds.set(max(0.0, age))
                self._metrics.queue_depth.labels(QUEUE_NAME).set(await self._queue.zcard(QUEUE_NAME))
            except Exception as error:
                log.debug("gauges.unavailable", error=type(error).__name__)
            await asyncio.sleep(GAUGE_SECONDS)
