"""Correct and delete stored signals. Signals are rows of their own: what was traded on one stays booked."""

from __future__ import annotations

import structlog

from nexgent.domain.signals.errors import SignalNotFoundError
from nexgent.domain.signals.models import Signal, SignalChanges
from nexgent.domain.signals.ports import SignalEdits
from nexgent.shared.types import SignalId, UserId

log = structlog.get_logger(__name__)


class EditSignals:
    """Own signals only."""

    def __init__(self, *, store: SignalEdits) -> None:
        self._store = store

    async def update(self, signal_id: SignalId, user_id: UserId, changes: SignalChanges) -> Signal:
        """Return the signal as it is now; it is not traded again. Raises `SignalNotFoundError`, `UnavailableError`."""
        signal = await self._store.update(signal_id, user_id, changes)
        if signal is None:
            raise SignalNotFoundError
        log.info("signal.updated", signal_id=signal_id, fields=sorted(changes))
        return signal

    async def delete(self, signal_id: SignalId, user_id: UserId) -> None:
        """Delete a signal. Raises `SignalNotFoundError`, `UnavailableError`."""
        if not await self._store.delete(signal_id, user_id):
            raise SignalNotFoundError
        log.info("signal.deleted", signal_id=signal_id)

    async def delete_all(self, user_id: UserId) -> int:
        """Delete all signals of a user; return how many. Raises `UnavailableError`."""
        count = await self._store.delete_all(user_id)
        log.info("signals.deleted", count=count)
        return count
