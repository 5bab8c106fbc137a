"""What a check of something found, and what to do about it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Verdict(StrEnum):
    """How a check went; only `FAIL` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


async def looked_at(name: str, check: Awaitable[T]) -> T | Finding:
    """Return what a check found. An error that nobody expected is a finding as well: the others are shown all the same."""
    try:
        return await check
    except Exception as error:
        log.debug("check.failed", check=name, exc_info=True)
        found = f"could not be looked at: {type(error).__name__}"
        return Finding(
            name, Verdict.FAIL, found, "The same command with LOG_LEVEL=debug shows where it ended"
        )
