"""What happens to traces when nobody takes them: bounded, counted, and no end of the process waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pytest

from nexgent.config.tracing import Sampling
from nexgent.domain.ledger.models import FIRST_VENUE
from nexgent.domain.signals.events import SignalProcessed, SignalReceived
from nexgent.infrastructure.tracing import recorder as recorders
from nexgent.infrastructure.tracing.assembler import TraceAssembler
from nexgent.infrastructure.tracing.recorder import Fate, TraceRecorder
from nexgent.infrastructure.tracing.spans import FinishedSpan
from nexgent.shared.clock import SystemClock
from tests.builders import a_signal
from tests.patience import PATIENCE_SECONDS, until


class Sender:
    """Keeps each message until it is let go, as a collector that hangs does."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked = threading.Event()
        self.spans: list[FinishedSpan] = []
        self.refuses = False
        self.stopped = False

    def send(self, spans: Sequence[FinishedSpan]) -> bool:
        self.asked.set()
        self.let_go.wait()
        if self.refuses:
            raise OSError("http://user:password@collector refused")
        self.spans += spans
        return True

    def stop(self) -> None:
        self.stopped = True


class World:
    def __init__(self) -> None:
        self.sender = Sender()
        self.fates: Counter[Fate] = Counter()
        self.recorder = TraceRecorder(
            assembler=TraceAssembler(
                sampling=Sampling(), mode_of=lambda _: None, venue_of=lambda _: FIRST_VENUE
            ),
            sender=lambda: self.sender,
            on_spans=self._count,
            clock=SystemClock(),
        )

    def _count(self, fate: Fate, spans: int) -> None:
        self.fates[fate] += spans

    def signal(self) -> None:
        signal = a_signal()
        self.recorder.on_signal_received(SignalReceived(signal, SystemClock().monotonic()))
        self.recorder.on_fact(SignalProcessed(signal, "skipped", 0.001, 0, 0))


@pytest.fixture
def world() -> World:
    return World()


async def closed(world: World) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await world.recorder.close()


async def test_the_end_does_not_wait_for_a_collector_that_hangs(world: World) -> None:
    world.recorder.start()
    world.signal()
    await until(world.sender.asked.is_set)
    world.signal()

    await closed(world)

    assert world.sender.stopped
    assert not world.sender.spans
    assert world.fates == {Fate.DROPPED: 1}
    world.sender.let_go.set()


async def test_what_there_is_at_the_end_is_sent(world: World) -> None:
    world.sender.let_go.set()
    world.recorder.start()
    for _ in range(200):
        world.signal()

    await closed(world)

    assert len(world.sender.spans) == 200
    assert world.fates == {Fate.SENT: 200}


async def test_a_line_that_is_full_leaves_out_and_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "MOST_SPANS", 10)
    world.recorder.start()
    world.signal()
    await until(world.sender.asked.is_set)
    for _ in range(15):
        world.signal()
    await until(lambda: world.fates[Fate.DROPPED] == 5)

    world.sender.let_go.set()
    await closed(world)

    assert world.fates == {Fate.DROPPED: 5, Fate.SENT: 11}


async def test_what_is_announced_faster_than_spans_are_made_is_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "MOST_FACTS", 10)
    # Nobody takes anything yet.
    for _ in range(15):
        world.signal()
    assert world.fates == {Fate.DROPPED: 20}

    world.sender.let_go.set()
    world.recorder.start()
    await until(lambda: world.fates[Fate.SENT] == 5)
    world.signal()
    await closed(world)

    assert world.fates == {Fate.DROPPED: 20, Fate.SENT: 6}


async def test_refusals_are_counted_and_said_once_without_the_address(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.sender.refuses = True
    world.sender.let_go.set()
    world.recorder.start()
    for number in (1, 2, 3):
        world.signal()
        await until(partial(_has_refused, world, number))
    world.sender.refuses = False
    world.signal()
    await until(lambda: world.fates[Fate.SENT] == 1)

    await closed(world)

    said = capsys.readouterr().out
    assert said.count("tracing.collector_away") == 1
    assert said.count("tracing.collector_back") == 1
    assert "password" not in said


def _has_refused(world: World, number: int) -> bool:
    return world.fates[Fate.REFUSED] == number


async def test_what_cannot_be_made_costs_only_itself(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.sender.let_go.set()
    world.recorder.start()
    world.recorder.on_fact(SignalProcessed(None, "skipped", 0.001, 0, 0))  # type: ignore[arg-type]
    world.signal()

    await until(lambda: world.fates[Fate.SENT] == 1)
    await closed(world)
    assert "tracing.not_made" in capsys.readouterr().out


async def test_without_a_sender_spans_are_lost_and_counted(world: World) -> None:
    def fails() -> Sender:
        raise ImportError

    world.recorder._make_sender = fails
    world.recorder.start()
    world.signal()

    await until(lambda: world.fates[Fate.REFUSED] == 1)
    await closed(world)
