"""What an answer says about the rate limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_MAX_WAIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """`x-ratelimit-*`: calls left and used in the window, and in how many seconds one slot frees."""

    remaining: int | None
    current: int | None
    reset_in_seconds: float | None


def rate_headers(headers: Mapping[str, str], epoch_seconds: float) -> RateHeaders | None:
    """Read Jupiter's headers; `x-ratelimit-reset` is in Unix seconds. None when there are none."""
    raw = headers.get("x-ratelimit-remaining")
    if raw is None:
        return None
    reset = _number(headers.get("x-ratelimit-reset"))
    current = _number(headers.get("x-ratelimit-current"))
    remaining = _number(raw)
    return RateHeaders(
        remaining=int(remaining) if remaining is not None else None,
        current=int(current) if current is not None else None,
        reset_in_seconds=min(max(0.0, reset - epoch_seconds), _MAX_WAIT_SECONDS)
        if reset is not None
        else None,
    )


def retry_after_seconds(headers: Mapping[str, str], epoch_seconds: float) -> float | None:
    """Return how long to wait: `Retry-After` as seconds or as a date, else the reset of the rate limit."""
    raw = headers.get("retry-after")
    if raw is not None:
        seconds = _number(raw)
        if seconds is None:
            try:
                seconds = parsedate_to_datetime(raw).timestamp() - epoch_seconds
            except (ValueError, OverflowError):
                seconds = None
        if seconds is not None:
            return min(max(0.0, seconds), _MAX_WAIT_SECONDS)
    known = rate_headers(headers, epoch_seconds)
    return known.reset_in_seconds if known is not None else None


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
