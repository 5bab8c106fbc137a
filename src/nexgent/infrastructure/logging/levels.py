"""How much is logged, of everything and of parts, changeable while the process runs.

A logger below its level costs what it did before there was a choice: its method is the one that returns at once. What changes is
the class of the loggers there are, a hundred of them, in the moment somebody asks for it.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterable
from typing import Any, Final

import structlog
from structlog.typing import FilteringBoundLogger

from nexgent.domain.administration.insight import LogStanding

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_QUIET = (
    "httpx",
    "httpx2",
    "httpcore",
    "aiohttp.access",
    "uvicorn.access",
    "arq",
    "websockets",
    "asyncio",
    "urllib3",
)
"""Libraries that tell of every request, with what is in it: they never say less than a warning, whatever the level."""


class LogLevels:
    """The levels of this process's loggers. `changed` and `reset` may be called in any thread."""

    def __init__(self, configured: str) -> None:
        self._configured = self._level = configured
        self._parts: dict[str, str] = {}
        # The first logger of each module, from which all others of it are made, and what the module is called.
        self._loggers: list[tuple[str, weakref.ref[Any]]] = []
        self._lock = threading.Lock()

    def standing(self) -> LogStanding:
        """Return what is in force."""
        with self._lock:
            return LogStanding(self._configured, self._level, dict(self._parts))

    def change(self, level: str | None, part: str = "") -> LogStanding:
        """Log from a level on: everything, or only what is called as `part` says or lies below it.

        None takes it back; of everything, what was set for parts as well.
        """
        with self._lock:
            if not part:
                self._level = level or self._configured
                if level is None:
                    self._parts.clear()
            elif level is None:
                self._parts.pop(part, None)
            else:
                self._parts[part] = level
            self._apply()
        return self.standing()

    def bound(self, logger: Any, *, processors: Iterable[Any], context: Any) -> FilteringBoundLogger:
        """Make a logger; structlog takes this for the class of loggers."""
        name: str = getattr(logger, "name", "")
        with self._lock:
            made = self._class_of(name)(logger, processors=processors, context=context)  # type: ignore[call-arg]
            if name:
                self._loggers = [one for one in self._loggers if one[1]() is not None]
                self._loggers.append((name, weakref.ref(made)))
        return made

    def _apply(self) -> None:
        for name, reference in self._loggers:
            logger = reference()
            if logger is not None:
                logger.__class__ = self._class_of(name)
        adopt_standard_logging(_LEVELS[self._level])

    def _class_of(self, name: str) -> type[FilteringBoundLogger]:
        parts = [part for part in self._parts if name == part or name.startswith(part + ".")]
        level = self._parts[max(parts, key=len)] if parts else self._level
        return structlog.make_filtering_bound_logger(_LEVELS[level])


def adopt_standard_logging(minimum: int) -> None:
    """Let libraries speak from a level on."""
    logging.getLogger().setLevel(minimum)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(minimum, logging.WARNING))
