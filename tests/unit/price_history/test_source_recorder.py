"""What the worker keeps of what it hears of sources, and what becomes of it while the store is away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from nexgent.domain.price_history import source_recorder
from nexgent.domain.price_history.models import SourcesRecorded
from nexgent.domain.price_history.source_recorder import SourceRecorder
from nexgent.domain.prices.events import SourcesHeard
from nexgent.domain.prices.models import PriceSource, Refusal, RefusalReason, SourceWord
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import TokenAddress

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
START = int(NOON.timestamp())
A, DEX = TokenAddress("A"), PriceSource("dexscreener")


class Store:
    def __init__(self) -> None:
        self.written: list[SourcesRecorded] = []
        self.away = False

    async def add_sources(self, recorded: SourcesRecorded) -> None:
        if self.away:
            raise UnavailableError("away")
        self.written.append(recorded)


def heard(second: int, price: str, until: int | None = None) -> SourcesHeard:
    at = NOON + timedelta(seconds=second)
    refusals = []
    if until is not None:
        reason = RefusalReason.CONTRADICTED
        refusals = [Refusal(A, DEX, reason, NOON, NOON + timedelta(seconds=until))]
    return SourcesHeard([SourceWord(A, DEX, Decimal(price), at)], refusals, at)


async def test_the_last_word_of_a_minute_and_the_newest_end_are_written() -> None:
    store = Store()
    recorder = SourceRecorder(store=store)
    assert await recorder.flush() == 0
    for event in (heard(1, "1", 1), heard(59, "2", 59), heard(61, "3.00000000000000001")):
        recorder.on_sources(event)

    assert await recorder.flush() == 3
    assert await recorder.flush() == 0
    assert store.written == [
        SourcesRecorded(
            {(A, DEX, START): Decimal(2), (A, DEX, START + 60): Decimal(3)},
            {(A, DEX, NOON): (RefusalReason.CONTRADICTED, NOON + timedelta(seconds=59), False)},
        )
    ]


async def test_what_could_not_be_written_waits_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_recorder, "MOST_WAITING", 2)
    store = Store()
    recorder = SourceRecorder(store=store)
    store.away = True
    recorder.on_sources(heard(1, "1"))
    assert await recorder.flush() == 0
    for minute in (1, 2):
        recorder.on_sources(heard(60 * minute, "2"))
    assert recorder.waiting == 2
    store.away = False

    await recorder.flush()
    [written] = store.written
    assert [minute for _, _, minute in written.words] == [START + 60, START + 120]
