"""What the engine tells of trades is counted."""

from __future__ import annotations

import pytest

from nexgent.bootstrap.observers import EngineObserver
from nexgent.domain.ledger.models import TradeKind
from nexgent.domain.trading.events import TradeFinished
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId


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
