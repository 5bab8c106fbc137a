"""An in-process bus for facts. Listeners are quick and synchronous: they decide or enqueue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

E = TypeVar("E")
log = structlog.get_logger(__name__)


class EventBus:
    """Hand each event to the listeners of its exact type, in the order they were added."""

    def __init__(self, on_failure: Callable[[str], None] | None = None) -> None:
        self._listeners: dict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)
        self._on_failure = on_failure

    def on(self, event_type: type[E], *listeners: Callable[[E], None]) -> None:
        """Add listeners; one that raises is logged and counted and does not stop the others."""
        self._listeners[event_type].extend(listeners)

    def publish(self, event: object) -> None:
        """Tell every listener of the event's type."""
        for listener in self._listeners.get(type(event), ()):
            try:
                listener(event)
            except Exception:
                name = getattr(listener, "__qualname__", repr(listener))
                log.exception("event.listener_failed", event_type=type(event).__name__, listener=name)
                if self._on_failure is not None:
                    self._on_failure(name)
