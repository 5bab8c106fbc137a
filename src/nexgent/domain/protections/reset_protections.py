"""Let an agent buy again after its protections have stopped it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.protections.events import ProtectionsReset
from nexgent.domain.protections.ports import ProtectionStore
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, UserId

log = structlog.get_logger(__name__)


class ResetProtections:
    """Losses, streaks, cooldowns and counts up to now no longer matter. Exposure and kill switches are not touched."""

    def __init__(
        self,
        *,
        store: ProtectionStore,
        directory: AgentDirectory,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._publish = publish

    async def execute(self, agent_id: AgentId, user_id: UserId) -> datetime:
        """Return from when on the record counts. Raises `AgentNotFoundError`, `UnavailableError`."""
        self._directory.owned(agent_id, user_id)
        now = self._clock.now()
        await self._store.reset(agent_id, now, user_id)
        self._publish(ProtectionsReset(agent_id, now))
        log.info("protections.reset", agent_id=str(agent_id))
        return now
