"""What shadows need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from nexgent.domain.shadow.models import ShadowFill
from nexgent.shared.types import AgentId


class ShadowFills(Protocol):
    """Recorded shadow fills."""

    async def newest(self, agent_id: AgentId, since: datetime, limit: int) -> Sequence[ShadowFill]:
        """Return the newest fills that landed since then, newest first. Raises `UnavailableError`."""
        ...
