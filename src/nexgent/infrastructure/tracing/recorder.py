"""Between the engine, which must not notice, and a collector, which may be away: two threads with bounded lines before each.

The engine only notes what it announced. Spans are made when a burst is over, a few at a time, so that the interpreter is given
back to the engine in between; they are sent by another thread, which may wait for a collector as long as it likes. Where there is
no room something is left out and counted.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

import structlog

from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.domain.trading.events import ExitAttemptFailed, ExitTriggered
from nexgent.infrastructure.tracing.assembler import Fact, TraceAssembler
from nexgent.infrastructure.tracing.spans import FinishedSpan
from nexgent.shared.clock import Clock

log = structlog.get_logger(__name__)

MOST_FACTS = 20_000
"""Entries, and other things announced, that spans are still to be made from."""
MOST_SPANS = 10_000
SPANS_AT_ONCE = 64
"""So many spans are a message: making one holds the interpreter for a few milliseconds."""
FACTS_AT_ONCE = 8
PAUSE_SECONDS = 0.001
QUIET_SECONDS = 0.25
"""A burst is over when nothing was announced for so long: until then its own work has the interpreter."""
LONGEST_QUIET_SECONDS = 2.0
SEND_AFTER_SECONDS = 0.5
STOP_SECONDS = 2.0
"""So long the end of the process waits for spans to be sent."""
REMIND_SECONDS = 300.0


class Fate(StrEnum):
    """What became of spans."""

    SENT = "sent"
    REFUSED = "refused"
    """The collector was away, too slow, or refused them."""
    DROPPED = "dropped"
    """There was no room for them, or for what they would have been made from."""


class SpanSender(Protocol):
    """Whoever sends spans to a collector. Called in a thread of its own."""

    def send(self, spans: Sequence[FinishedSpan]) -> bool:
        """Send, however long that takes; tell whether they were taken."""
        ...

    def stop(self) -> None:
        """Give up what is being tried again. Called in another thread."""
        ...


class TraceRecorder:
    """Notes what is announced, in the thread of the event loop; makes and sends spans in two others."""

    def __init__(
        self,
        *,
        assembler: TraceAssembler,
        sender: Callable[[], SpanSender],
        on_spans: Callable[[Fate, int], None],
        clock: Clock,
    ) -> None:
        self._assembler = assembler
        self._make_sender = sender
        self._sender: SpanSender | None = None
        self._on_spans = on_spans
        self._clock = clock
        self._facts: deque[tuple[int, int, Fact]] = deque()
        # Each is written by one thread only; their difference is what waits.
        self._noted = self._taken = 0
        self._arrived = threading.Event()
        self._spans: deque[FinishedSpan] = deque()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._assembled = threading.Event()
        self._threads = [
            threading.Thread(target=self._assemble, name="traces.assemble", daemon=True),
            threading.Thread(target=self._send, name="traces.send", daemon=True),
        ]

    def start(self) -> None:
        """Begin to make and send spans."""
        for thread in self._threads:
            thread.start()

    def on_signal_received(self, event: SignalReceived) -> None:
        """Note a signal, with the time it came in."""
        ago = self._clock.monotonic() - event.received_monotonic
        self._note(time.time_ns() - round(ago * 1e9), event, 1)

    def on_fact(self, event: SignalProcessed | ExitTriggered | ExitAttemptFailed) -> None:
        """Note what happened now."""
        self._note(
            time.time_ns(), event, 1 + (len(event.decisions) if isinstance(event, SignalProcessed) else 0)
        )

    def on_entries(self, event: EntriesRecorded) -> None:
        """Note what is durable now."""
        self._note(time.time_ns(), event, len(event.entries))

    def _note(self, at_ns: int, event: Fact, weight: int) -> None:
        if self._noted - self._taken + weight > MOST_FACTS:
            self._on_spans(Fate.DROPPED, weight)
            return
        self._noted += weight
        self._facts.append((at_ns, weight, event))
        if not self._arrived.is_set():
            self._arrived.set()

    async def close(self) -> None:
        """Send what there is, as far as that is possible within `STOP_SECONDS`."""
        self._stopping.set()
        self._arrived.set()
        self._ready.set()
        deadline = time.monotonic() + STOP_SECONDS
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        if self._sender is not None:
            self._sender.stop()
        if left := len(self._spans):
            self._on_spans(Fate.DROPPED, left)

    def _assemble(self) -> None:
        try:
            while not self._stopping.is_set() or self._facts:
                self._arrived.wait()
                self._wait_for_quiet()
                self._take_all()
        finally:
            self._assembled.set()
            self._ready.set()

    def _wait_for_quiet(self) -> None:
        latest = time.monotonic() + LONGEST_QUIET_SECONDS
        while self._arrived.is_set() and time.monotonic() < latest:
            self._arrived.clear()
            if self._stopping.wait(QUIET_SECONDS):
                break
        self._arrived.clear()
        if self._stopping.is_set():
            self._arrived.set()

    def _take_all(self) -> None:
        done = 0
        while self._facts:
            at_ns, weight, fact = self._facts.popleft()
            try:
                for span in self._assembler.take(at_ns, fact):
                    self._keep(span)
                    done += 1
                    if done % FACTS_AT_ONCE == 0 and not self._stopping.is_set():
                        time.sleep(PAUSE_SECONDS)
            except Exception:
                # A trace that cannot be made costs that trace, and nothing else.
                log.exception("tracing.not_made", fact=type(fact).__name__)
            finally:
                self._taken += weight

    def _keep(self, span: FinishedSpan) -> None:
        if len(self._spans) >= MOST_SPANS:
            self._on_spans(Fate.DROPPED, 1)
            return
        self._spans.append(span)
        if not self._ready.is_set():
            self._ready.set()

    def _send(self) -> None:
        standing = _Standing()
        try:
            self._sender = self._make_sender()
        except Exception as error:
            log.error(
                "tracing.no_sender",
                error=type(error).__name__,
                hint="no traces are sent until the next start",
            )
        while not (self._assembled.is_set() and not self._spans):
            self._ready.wait()
            if len(self._spans) < SPANS_AT_ONCE:
                self._stopping.wait(SEND_AFTER_SECONDS)
            if not self._assembled.is_set():
                self._ready.clear()
            while self._spans:
                batch = [self._spans.popleft() for _ in range(min(SPANS_AT_ONCE, len(self._spans)))]
                sent = self._sent(batch)
                self._on_spans(Fate.SENT if sent else Fate.REFUSED, len(batch))
                standing.note(sent)
            if self._spans:
                self._ready.set()

    def _sent(self, batch: Sequence[FinishedSpan]) -> bool:
        if self._sender is None:
            return False
        try:
            return self._sender.send(batch)
        except Exception as error:
            # Its text may hold the address, and that a key.
            log.debug("tracing.send_failed", error=type(error).__name__)
            return False


class _Standing:
    """Whether the collector takes spans: said when it changes, and now and then while it does not."""

    def __init__(self) -> None:
        self._well = True
        self._told = 0.0

    def note(self, sent: bool) -> None:
        now = time.monotonic()
        if sent and not self._well:
            log.info("tracing.collector_back")
        elif not sent and (self._well or now - self._told >= REMIND_SECONDS):
            self._told = now
            log.warning("tracing.collector_away", hint="traces are lost meanwhile; nothing else is")
        self._well = sent
