"""How much is logged, by all processes of an installation: what one of them is told, the others hear over Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from nexgent.bootstrap.storage import Storage
from nexgent.config.settings import Settings
from nexgent.domain.administration.events import LogLevelChanged
from nexgent.domain.administration.insight import LogLevelChange, LogStanding
from nexgent.infrastructure.cache.bridge import CHANNELS, EventBridge
from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.logging.levels import LogLevels
from nexgent.infrastructure.logging.setup import log_levels
from nexgent.shared.clock import SystemClock
from nexgent.shared.loops import keep_running

CLOSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


def apply_log_level(event: LogLevelChanged) -> None:
    """Go by a level in this process, and leave a line about it while it is sure to be written."""
    log.info("log.level_changed", level=event.level or "as configured", part=event.part or "everything")
    log_levels().change(event.level, event.part)


class SharedLogLevels:
    """The levels of this process; what is changed is told to all others that listen, `listeners` of them with this one."""

    def __init__(
        self,
        levels: LogLevels,
        *,
        publish: Callable[[object], None],
        listeners: Callable[[], Awaitable[int | None]],
    ) -> None:
        self._levels = levels
        self._publish = publish
        self._listeners = listeners

    def standing(self) -> LogStanding:
        """Return what is in force in this process."""
        return self._levels.standing()

    async def change(self, level: str | None, part: str = "") -> LogLevelChange:
        """Log from a level on in all processes; return what is in force here now, and how many have been told."""
        self._publish(LogLevelChanged(level, part))
        standing = self._levels.standing()
        return LogLevelChange(standing.configured, standing.level, standing.loggers, await self._listeners())


async def follow_log_levels(settings: Settings, storage: Storage) -> None:
    """Go by what other processes are told, until cancelled: the worker's part."""

    def hear(event: object) -> None:
        if isinstance(event, LogLevelChanged):
            apply_log_level(event)

    redis = connect_redis(storage.redis_url, max_connections=2)
    try:
        bridge = EventBridge(
            redis=redis,
            keys=CacheKeys(settings.storage.redis_key_prefix),
            publish=hear,
            clock=SystemClock(),
            channels=frozenset({CHANNELS[LogLevelChanged]}),
        )
        await keep_running(bridge.receive_forever, name="log-levels")
    finally:
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_SECONDS):
                await redis.aclose()
