"""PostgreSQL and Redis: the given ones, or embedded ones that live and die with this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from nexgent.config.sections import StorageSettings
from nexgent.infrastructure.embedded import EmbeddedServers, running_servers

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the stores are. The addresses may contain passwords."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def open_storage(settings: StorageSettings, *, join_running: bool = False) -> AsyncIterator[Storage]:
    """Yield the stores; start embedded servers for those that are not given, and stop them afterwards.

    `join_running` is for commands beside a running service: they use its servers instead of starting their own.
    """
    database = settings.database_url.get_secret_value() if settings.database_url is not None else None
    address = settings.redis_address
    redis = address.get_secret_value() if address is not None else None
    async with AsyncExitStack() as stack:
        running = (
            running_servers(settings.data_dir)
            if join_running and (database is None or redis is None)
            else None
        )
        if running is not None:
            database = database or running.database_url
            redis = redis or running.redis_url
        if database is None or redis is None:
            servers = EmbeddedServers(
                settings.data_dir, postgres=database is None, redis=redis is None, log=log
            )
            await stack.enter_async_context(servers)
            database = database or servers.database_url
            redis = redis or servers.redis_url
        yield Storage(database, redis)
