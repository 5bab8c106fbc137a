"""Store a signal and let it be traded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nexgent.domain.signals.errors import DuplicateSignalError
from nexgent.domain.signals.events import SignalArrived, SignalReceived
from nexgent.domain.signals.models import Signal, SignalDraft
from nexgent.domain.signals.ports import SignalStore
from nexgent.shared.clock import Clock
from nexgent.shared.trace_context import TraceContext, current_trace

DUPLICATE_WINDOW_SECONDS = 60
TURNS_OF_TRADES = 5
"""So many turns of the event loop it takes until intents and a question for a quote are on their way."""


class CreateSignal:
    """The signal is durable before anybody acts on it or the sender hears 201."""

    def __init__(
        self,
        *,
        store: SignalStore,
        clock: Clock,
        publish: Callable[[object], None],
        trace: Callable[[], TraceContext | None] = current_trace,
    ) -> None:
        self._store = store
        self._clock = clock
        self._publish = publish
        self._trace = trace

    async def execute(self, draft: SignalDraft) -> Signal:
        """Return the stored signal. Raises `DuplicateSignalError`, or `UnavailableError` when it cannot be stored."""
        received = self._clock.monotonic()
        self._publish(SignalArrived(draft))
        signal = await self._store.add(draft, duplicate_window_seconds=DUPLICATE_WINDOW_SECONDS)
        if signal is None:
            raise DuplicateSignalError(DUPLICATE_WINDOW_SECONDS)
        self._publish(SignalReceived(signal, received, self._trace()))
        # The answer is written while others work: what they have to do is sent first.
        for _ in range(TURNS_OF_TRADES):
            await asyncio.sleep(0)
        return signal
