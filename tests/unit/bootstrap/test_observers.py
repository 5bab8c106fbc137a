"""What the engine tells of trades is counted."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from nexgent.bootstrap import observers
from nexgent.bootstrap.observers import POSITIONS_A_LINE, EngineObserver
from nexgent.domain.ledger.models import TradeKind
from nexgent.domain.positions.events import PositionOpened
from nexgent.domain.trading.events import TradeFinished
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.shared.money import plain
from nexgent.shared.types import TokenAddress
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
        observer.on_trade_finished(TradeFinished(kind, succeeded, None, 0.25, 0.002))

    lines = set(metrics.exposition().decode().splitlines())
    names = ("take_profit_trigger_total", "dca_trigger_total", "dca_execution_latency_seconds_count")
    assert {line for line in lines if line.startswith(names) and not line.endswith(" 0.0")} == counted


def opened(token: str = "A") -> PositionOpened:
    position = a_position(token_address=TokenAddress(token * 44))
    return PositionOpened(position, position.base_trail)


async def logged(
    observer: EngineObserver, events: Sequence[PositionOpened]
) -> list[MutableMapping[str, Any]]:
    with capture_logs() as lines:
        for event in events:
            observer.on_position_opened(event)
        await asyncio.sleep(0)
        assert lines == []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while sum(line.get("count", 1) for line in lines) < len(events):
                await asyncio.sleep(0.005)
    return list(lines)


async def test_positions_of_a_burst_share_lines_when_the_burst_is_over() -> None:
    events = [opened() for _ in range(2 * POSITIONS_A_LINE + 1)]

    lines = await logged(EngineObserver(Metrics()), events)

    first, _, last = lines
    positions = [event.position for event in events]
    assert first == {
        "event": "positions.opened",
        "log_level": "info",
        "count": POSITIONS_A_LINE,
        "token_address": "A" * 44,
        "invested_sol": plain(POSITIONS_A_LINE * positions[0].invested_sol),
        "position_ids": [str(position.id) for position in positions[:POSITIONS_A_LINE]],
        "agent_ids": [str(position.agent_id) for position in positions[:POSITIONS_A_LINE]],
    }
    assert last == {
        "event": "position.opened",
        "log_level": "info",
        "position_id": str(positions[-1].id),
        "agent_id": str(positions[-1].agent_id),
        "token_address": "A" * 44,
        "invested_sol": plain(positions[-1].invested_sol),
    }
    named = [one for line in lines for one in line.get("position_ids", [line.get("position_id")])]
    assert named == [str(position.id) for position in positions]


async def test_positions_in_different_tokens_have_different_lines() -> None:
    lines = await logged(EngineObserver(Metrics()), [opened(token) for token in "AABA"])

    assert [(line["token_address"][0], line.get("count", 1)) for line in lines] == [
        ("A", 2),
        ("B", 1),
        ("A", 1),
    ]


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
        observer.on_trade_finished(TradeFinished(kind, succeeded, None, 0.25, 0.002))

    lines = set(metrics.exposition().decode().splitlines())
    assert 'trade_execution_total{status="success",type="sale"} 2.0' in lines
    assert 'trade_execution_total{status="failed",type="sale"} 1.0' in lines
    assert 'trade_own_time_seconds_count{type="sale"} 3.0' in lines


@pytest.mark.parametrize("seconds", [0.0, 0.25, 0.5, 100.0])
@pytest.mark.parametrize("succeeded", [True, False])
@pytest.mark.parametrize("kind", list(TradeKind))
def test_trades_of_a_burst_count_as_much_together_as_one_by_one(
    kind: TradeKind, succeeded: bool, seconds: float
) -> None:
    together, one_by_one = Metrics(), Metrics()

    EngineObserver(together).on_trade_finished(
        TradeFinished(kind, succeeded, "CODE", seconds, seconds / 2, 3)
    )
    for _ in range(3):
        EngineObserver(one_by_one).on_trade_finished(
            TradeFinished(kind, succeeded, "CODE", seconds, seconds / 2)
        )

    assert figures(together) == figures(one_by_one)


def figures(metrics: Metrics) -> list[str]:
    lines = metrics.exposition().decode().splitlines()
    return [line for line in lines if not line.startswith(("#", "process_")) and "_created" not in line]
