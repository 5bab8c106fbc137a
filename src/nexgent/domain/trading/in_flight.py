"""Which intents somebody in this process is working on. Recovery leaves those alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from nexgent.shared.types import IntentId


class IntentsInFlight:
    """Intents being carried out right now."""

    def __init__(self) -> None:
        self._held: set[IntentId] = set()

    def __contains__(self, intent_id: IntentId) -> bool:
        return intent_id in self._held

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def hold(self, intents: Iterable[IntentId]) -> Iterator[None]:
        """Mark intents as worked on for the length of the block."""
        held = set(intents) - self._held
        self._held |= held
        try:
            yield
        finally:
            self._held -= held
