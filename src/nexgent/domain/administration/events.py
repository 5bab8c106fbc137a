"""What an administrator changed that all processes of an installation go by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogLevelChanged:
    """From which level on is logged: by everything, or by what is called as `part` says. None takes back what was set."""

    level: str | None
    part: str = ""
