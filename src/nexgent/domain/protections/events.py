"""What happened to protections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nexgent.domain.protections.models import KillSwitch
from nexgent.shared.types import AgentId


@dataclass(frozen=True, slots=True)
class KillSwitchChanged:
    """Somebody stopped all entries, or allowed them again."""

    switch: KillSwitch


@dataclass(frozen=True, slots=True)
class ProtectionsReset:
    """What an agent has done until `at` no longer counts against it."""

    agent_id: AgentId
    at: datetime
