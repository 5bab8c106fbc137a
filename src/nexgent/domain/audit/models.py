"""Entries of the audit log. They hold names, ids and addresses, and never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from nexgent.shared.types import UserId

MAX_TEXT_LENGTH = 255
SYSTEM = "system"
COMMAND_LINE = "command line"


class Outcome(StrEnum):
    """How it went."""

    OK = "ok"
    FAILED = "failed"
    LOCKED = "locked"
    """Refused because the account or wallet was locked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that was done or tried. Texts that somebody chose are cut and cleaned, so that they can be stored and read."""

    at: datetime
    action: str
    outcome: Outcome
    actor: str
    """An e-mail address, `key:` and the id of an API key, `system`, or `command line`."""
    user_id: UserId | None = None
    target: str = ""
    address: str = ""
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep what a client chooses within bounds."""
        for name in ("action", "actor", "target", "address"):
            object.__setattr__(self, name, _clean(getattr(self, name)))
        cleaned = {_clean(name): _clean(value) for name, value in self.details.items()}
        object.__setattr__(self, "details", cleaned)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """An entry as it is stored."""

    id: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted; None is all. `own_email` adds what was tried with that address without getting in."""

    user_id: UserId | None = None
    own_email: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    target: str | None = None
    address: str | None = None
    start: datetime | None = None
    end: datetime | None = None


def _clean(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:MAX_TEXT_LENGTH]
