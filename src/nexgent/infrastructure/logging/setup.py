"""Configure structlog, and bring the lines of libraries into the same stream."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import deque
from collections.abc import MutableMapping
from typing import Any, BinaryIO

import orjson
import structlog

from nexgent.infrastructure.logging.levels import LogLevels
from nexgent.infrastructure.logging.recent import RecentWarnings
from nexgent.infrastructure.logging.redaction import redact
from nexgent.infrastructure.logging.sink import LineSink, NamedSink

_NUMBERS = {"debug": 20, "info": 30, "warning": 40, "warn": 40, "error": 50, "exception": 50, "critical": 60}

_CHATTER = re.compile(
    r"ASGI callable returned without completing handshake|^connection (open|closed|rejected)| - \"WebSocket "
)


def configure_logging(
    *, level: str, json_lines: bool, environment: str, stream: BinaryIO | None = None
) -> None:
    """Set logging up for this process. `level` is debug, info, warn or error; lines go to standard output.

    JSON lines have a numeric `level` (20 debug, 30 info, 40 warn, 50 error), `time` in milliseconds since 1970, `env` and `msg`.
    """
    levels = LogLevels(level)
    out = stream if stream is not None else sys.stdout.buffer
    first: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    last: list[Any]
    if json_lines:
        last = [structlog.processors.format_exc_info, redact, RecentWarnings(), _Line(environment)]
    else:
        last = [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            structlog.processors.format_exc_info,
            redact,
            RecentWarnings(),
            structlog.dev.ConsoleRenderer(colors=_is_terminal(out), pad_event_to=28),
            _encoded,
        ]
    sink = LineSink(out)
    structlog.configure(
        processors=first + last,
        wrapper_class=levels.bound,  # type: ignore[arg-type]  # It is only ever called.
        logger_factory=lambda *name: NamedSink(sink, *name),
        cache_logger_on_first_use=True,
    )
    _adopt_standard_logging()
    levels.change(None)
    _in_force.append(levels)


_in_force: deque[LogLevels] = deque(maxlen=1)


def log_levels() -> LogLevels:
    """Return how much of what this process logs, to look at and to change."""
    return _in_force[-1] if _in_force else LogLevels("info")


class _Line:
    """Render an event as one line of JSON."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._stamp = structlog.processors.TimeStamper(fmt=None)

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> bytes:
        stamped = self._stamp(logger, method, event)
        line = {
            "level": _NUMBERS.get(method, 30),
            "time": int(stamped.pop("timestamp") * 1000),
            "env": self._environment,
            "msg": stamped.pop("event", ""),
            **stamped,
        }
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            # Half a surrogate pair or a number beyond 64 bits: the plain encoder writes anything.
            return json.dumps(line, default=str).encode()


def _encoded(_logger: object, _method: str, line: str) -> bytes:
    return line.encode("utf-8", "replace")


def _is_terminal(stream: BinaryIO) -> bool:
    return hasattr(stream, "isatty") and stream.isatty()


class _Forward(logging.Handler):
    """Hand a line of the standard library's logging on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info is not None:
            fields["exc_info"] = record.exc_info
        log = structlog.get_logger()
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        if record.name == "uvicorn.error" and _CHATTER.search(text):
            # Each handshake by whoever likes, told in three lines, one of which calls an answered refusal an error.
            log.debug(text, **fields)
        elif record.levelno >= logging.ERROR:
            log.error(text, **fields)
        elif record.levelno >= logging.WARNING:
            log.warning(text, **fields)
        elif record.levelno >= logging.INFO:
            log.info(text, **fields)
        else:
            log.debug(text, **fields)


def _adopt_standard_logging() -> None:
    logging.getLogger().handlers[:] = [_Forward()]
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
