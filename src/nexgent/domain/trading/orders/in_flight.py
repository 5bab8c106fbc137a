"""Which intents somebody in this process is working on. Recovery leaves those alone, and their wallets are not taken away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nexgent.domain.ledger.lanes import WalletLanes
from nexgent.shared.types import IntentId, WalletAddress


class IntentsInFlight:
    """Intents being carried out right now, each in its wallet's lane."""

    def __init__(self, lanes: WalletLanes) -> None:
        self._lanes = lanes
        self._held: set[IntentId] = set()

    def __contains__(self, intent_id: IntentId) -> bool:
        return intent_id in self._held

    def __len__(self) -> int:
        return len(self._held)

    @contextmanager
    def hold(self, intents: Mapping[IntentId, WalletAddress]) -> Iterator[None]:
        """Mark intents as worked on for the length of the block."""
        held = intents.keys() - self._held
        self._held |= held
        try:
            with self._lanes.enter(intents.values()):
                yield
        finally:
            self._held -= held
