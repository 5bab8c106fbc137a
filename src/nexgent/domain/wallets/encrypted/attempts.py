"""How wrong passphrases add up. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from nexgent.shared.backoff import backoff_seconds

LIMIT = 5
WINDOW = timedelta(minutes=15)
LOCKOUT = timedelta(minutes=15)
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 8.0


def recent(failed_at: Sequence[datetime], now: datetime) -> list[datetime]:
    """Return the failures that still count, oldest first. Those of a far future come from a clock that was set back."""
    return sorted(at for at in failed_at if now - WINDOW < at < now + WINDOW)


def locked_until(failed_at: Sequence[datetime], now: datetime) -> datetime | None:
    """Return until when no passphrase is looked at, None when the next one may be tried."""
    counted = recent(failed_at, now)
    if len(counted) < LIMIT:
        return None
    return counted[-1] + LOCKOUT


def delay_seconds(failures: int) -> float:
    """Return how long the answer to the n-th wrong passphrase takes: half a second, doubled each time, at most 8."""
    return backoff_seconds(failures, _FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS)
