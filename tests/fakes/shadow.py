"""Shadow fills in a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nexgent.domain.shadow.models import ShadowFill
from nexgent.shared.types import AgentId


class FakeShadowFills:
    """Fills that a test puts in."""

    def __init__(self) -> None:
        self.fills: list[ShadowFill] = []

    async def newest(self, agent_id: AgentId, since: datetime, limit: int) -> Sequence[ShadowFill]:
        found = [fill for fill in self.fills if fill.agent_id == agent_id and fill.landed_at >= since]
        return sorted(found, key=lambda fill: fill.landed_at, reverse=True)[:limit]
