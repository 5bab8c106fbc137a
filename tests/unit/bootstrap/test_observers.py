"""What the engine tells of trades is counted."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from nexgent.bootstrap import observers
from nexgent.bootstrap.observers import LINES_AT_ONCE, EngineObserver
from nexgent.domain.ledger.models import TradeKind
from nexgent.domain.positions.events import PositionOpened
from nexgent.domain.trading.events import TradeFinished
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId
from tests.builders import a_position
from tests.patience import PATIENCE_SECONDS


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        (TradeKind.TAKE_PROFIT, {"take_profit_trigger_total 1.0"}),
        (TradeKind.DCA_BUY, {"dca_trigger_total 1.0", "dca_execution_latency_seconds_count 1.0"}),
        (TradeKind.SALE, set()),
    ],
)
def test_sales_in_part_and_dca_buys_are_counted_as_such(kind: TradeKind, counted: set[str]) -> None:
    metrics = Metrics()
    observer = EngineObserver(metrics)

    for succeeded in (True, False):
        observer.on_trade_finished(TradeFinished(kind, succeeded, None, 0.25, 0.002, AgentId(new_id())))

    lines = set(metrics.exposition().decode().splitlines())
    names = ("take_profit_trigger_total", "dca_trigger_total", "dca_execution_latency_seconds_count")
    assert {line for line in lines if line.startswith(names) and not line.endswith(" 0.0")} == counted


def opened() -> PositionOpened:
    position = a_position()
    return PositionOpened(position, position.base_trail)


async def test_every_position_of_a_burst_gets_its_line_when_the_burst_is_over() -> None:
    observer, events = EngineObserver(Metrics()), [opened() for _ in range(2 * LINES_AT_ONCE + 1)]

    with capture_logs() as lines:
        for event in events:
            observer.on_position_opened(event)
        await asyncio.sleep(0)
        assert lines == []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(lines) < len(events):
                await asyncio.sleep(0.005)

    assert [line["position_id"] for line in lines] == [str(event.position.id) for event in events]


async def test_a_burst_without_an_end_gets_its_lines_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "LONGEST_DELAY_SECONDS", 0.2)
    observer = EngineObserver(Metrics())

    with capture_logs() as lines:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not lines:
                observer.on_position_opened(opened())
                await asyncio.sleep(0.005)


async def test_trades_are_counted_by_what_they_were_and_how_they_ended() -> None:
    metrics = Metrics()
    observer = EngineObserver(metrics)

    for kind, succeeded in ((TradeKind.SALE, True), (TradeKind.SALE, True), (TradeKind.SALE, False)):
        observer.on_trade_finished(TradeFinished(kind, succeeded, None, 0.25, 0.002, AgentId(new_id())))

    lines = set(metrics.exposition().decode().splitlines())
    assert 'trade_execution_total{status="success",type="sale"} 2.0' in lines
    assert 'trade_execution_total{status="failed",type="sale"} 1.0' in lines
    assert 'trade_own_time_seconds_count{type="sale"} 3.0' in lines
