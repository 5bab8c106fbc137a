"""When a target may be told something. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nexgent.domain.notifications.models import EventKind, Level, Notification, QuietHours, Wishes
from nexgent.shared.backoff import backoff_seconds

FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 900.0
KEPT_TRYING = {
    Level.INFO: timedelta(hours=12),
    Level.WARNING: timedelta(days=1),
    Level.DANGER: timedelta(days=3),
}
"""After so long a delivery is given up: old news helps nobody. Quiet hours count as well."""
_DAY_MINUTES = 24 * 60


def wants(wishes: Wishes, notification: Notification) -> bool:
    """Tell whether a target wants to be told."""
    if notification.kind is EventKind.TEST:
        return False
    if wishes.events is not None and notification.kind not in wishes.events:
        return False
    if notification.level.rank < wishes.min_level.rank:
        return False
    return wishes.agents is None or notification.agent_id is None or notification.agent_id in wishes.agents


def quiet_until(quiet: QuietHours | None, now: datetime) -> datetime | None:
    """Return when the quiet hours that hold now are over; None when there are none now."""
    if quiet is None or quiet.start_minute == quiet.end_minute:
        return None
    zone = ZoneInfo(quiet.zone)
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    length = (quiet.end_minute - quiet.start_minute) % _DAY_MINUTES
    if (minute - quiet.start_minute) % _DAY_MINUTES >= length:
        return None
    # By the clock on the wall: what it says in the morning counts, also when it was put forward or back in between.
    day = local.date() + timedelta(days=1 if minute >= quiet.end_minute else 0)
    # When it shows an hour for the second time, what ends in that hour ends in this second one.
    end = datetime(
        day.year,
        day.month,
        day.day,
        quiet.end_minute // 60,
        quiet.end_minute % 60,
        tzinfo=zone,
        fold=local.fold,
    ).astimezone(now.tzinfo)
    return end if end > now else None


def due_at(wishes: Wishes, level: Level, now: datetime) -> datetime:
    """Return when something that happened now is to be sent: danger at once, the rest after a moment and not at night."""
    if level is Level.DANGER:
        return now
    due = now + timedelta(seconds=wishes.digest_seconds)
    return quiet_until(wishes.quiet, due) or due


def retry_at(failures: int, now: datetime, at_least_seconds: float = 0.0) -> datetime:
    """Return when a target is tried again after so many failures in a row."""
    pause = backoff_seconds(failures, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS)
    return now + timedelta(seconds=max(pause, min(at_least_seconds, LONGEST_RETRY_SECONDS)))


def too_old(notification: Notification, now: datetime) -> bool:
    """Tell whether a notification is not worth telling any more."""
    return now - notification.at > KEPT_TRYING[notification.level]
