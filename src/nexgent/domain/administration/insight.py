"""What the administrator sees of a running process: how much it may still ask of others, and what it warned of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamBudget:
    """How many requests to a service outside are left. Times in seconds; a limit of 0 and `left` None are unlimited."""

    name: str
    limit: int
    window_seconds: float
    left: int | None
    paused_seconds: float
    """So long nothing is sent because the service has asked for it."""
    waiting: int
    """Requests that wait for their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentWarning:
    """Lines of the log of one kind, without secrets: how many, when the last one came and what it said."""

    event: str
    level: str
    """`warning` or `error`."""
    count: int
    first_at: datetime
    last_at: datetime
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LogStanding:
    """From which level on a process logs: as it was configured, at present, and parts that have a level of their own."""

    configured: str
    level: str
    loggers: Mapping[str, str]
    """Levels by the name of a module or a package, which stands for all that is in it."""


@dataclass(frozen=True, slots=True)
class LogLevelChange(LogStanding):
    """What is in force after a change, in the process that was asked."""

    processes: int | None
    """How many processes of the installation listened when they were told, this one among them; None when Redis does not say."""


class LogLevelSwitch(Protocol):
    """How much the processes of an installation log."""

    def standing(self) -> LogStanding:
        """Return what is in force in this one."""

    async def change(self, level: str | None, part: str = "") -> LogLevelChange:
        """Log from a level (`debug`, `info`, `warn`, `error`) on, everything or a part.

        None takes that back; of everything, the levels of parts as well.
        """
