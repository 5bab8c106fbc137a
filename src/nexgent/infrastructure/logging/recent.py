"""The last warnings and errors of this process, in memory, for the administrator."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog

from nexgent.domain.administration.insight import RecentWarning

MOST_KINDS = 100
MOST_FIELDS = 12
MOST_CHARACTERS = 300
_LEVELS = {
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "exception": "error",
    "critical": "error",
}
# What is said elsewhere, or is of use in the log only.
_LEFT_OUT = frozenset({"event", "level", "timestamp", "logger", "exception", "exc_info", "stack_info"})


class RecentWarnings:
    """A processor of structlog that remembers what it sees. It stands behind the one that hides secrets.

    Lines with the same event are one entry with a count: whatever fails every second does not push the others out. Beyond
    `MOST_KINDS` those whose last line is oldest are forgotten.
    """

    def __init__(self) -> None:
        self._kinds: OrderedDict[tuple[str, str], RecentWarning] = OrderedDict()
        # Threads log as well.
        self._lock = threading.Lock()

    def __call__(
        self, _logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Remember a warning or an error; hand everything on as it is."""
        level = _LEVELS.get(method)
        if level is not None:
            self._note(level, event)
        return event

    def newest_first(self) -> Sequence[RecentWarning]:
        """Return what is remembered, the kind whose last line is newest first."""
        with self._lock:
            return list(reversed(self._kinds.values()))

    def _note(self, level: str, event: MutableMapping[str, Any]) -> None:
        name, now = _short(event.get("event", "")), datetime.now(UTC)
        shown = [(_short(key), _short(value)) for key, value in event.items() if key not in _LEFT_OUT]
        if isinstance(trace := event.get("exception"), str):
            # The last line of a traceback says what it was.
            shown.append(("error", _short(trace.rstrip().rpartition("\n")[2])))
        fields = dict(shown[:MOST_FIELDS])
        with self._lock:
            known = self._kinds.pop((name, level), None)
            self._kinds[name, level] = (
                RecentWarning(event=name, level=level, count=1, first_at=now, last_at=now, fields=fields)
                if known is None
                else replace(known, count=known.count + 1, last_at=now, fields=fields)
            )
            if len(self._kinds) > MOST_KINDS:
                self._kinds.popitem(last=False)


def recent_warnings() -> Sequence[RecentWarning]:
    """Return the last warnings of this process, newest first; none where logging was not set up to remember them."""
    for processor in structlog.get_config()["processors"]:
        if isinstance(processor, RecentWarnings):
            return processor.newest_first()
    return ()


def _short(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
