"""Write the Grafana dashboard `deploy/grafana/nexgent.json`; with `--check` only compare.

A panel is a line here: what it shows, in which unit, and its queries. Names of metrics and recorded figures are held against the
product by `tests/unit/deploy`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.generated import out_of_date

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "deploy" / "grafana" / "nexgent.json"
COMMAND = "make grafana"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH = 24
"""Columns of Grafana's grid."""
GRAPH_WIDTH, GRAPH_HEIGHT = 8, 7
FIGURE_WIDTH, FIGURE_HEIGHT = 4, 4
MINE = 'job=~"$job"'


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries` are PromQL with the text of their legend; `unit` is Grafana's name of it.

    A `figure` shows the last value alone: green up to `bad`, red from there on; with `good_above` it is the other way round.
    """

    title: str
    unit: str
    queries: Sequence[tuple[str, str]]
    about: str = ""
    figure: bool = False
    bad: float | None = None
    good_above: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below one heading."""

    title: str
    panels: Sequence[Panel]


def quantiles(metric: str, by: str = "") -> list[tuple[str, str]]:
    """Return the queries of the median and of the 99th percentile of a histogram, for each value of the label `by`."""
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return [
        (
            f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket{{{MINE}}}[$__rate_interval])))",
            f"p{round(quantile * 100)}{legend}",
        )
        for quantile in (0.5, 0.99)
    ]


def rate(metric: str, by: str) -> tuple[str, str]:
    """Return the query of how often something happens in a second, for each value of some labels."""
    names = [name.strip() for name in by.split(",")]
    legend = " ".join(f"{{{{{name}}}}}" for name in names)
    return f"sum by ({by}) (rate({metric}{{{MINE}}}[$__rate_interval]))", legend


ROWS = (
    Row(
        "Is everything all right?",
        (
            Panel(
                "Engines", "none", [(f"sum(engine_lease_held{{{MINE}}})", "")], "One, always.", True, 1, True
            ),
            Panel("Open positions", "none", [(f"max(positions_open{{{MINE}}})", "")], figure=True),
            Panel(
                "Exits pending",
                "none",
                [(f"max(exits_pending{{{MINE}}})", "")],
                "Positions that should be sold and are not yet.",
                True,
                1,
            ),
            Panel(
                "Age of prices",
                "s",
                [(f"min(price_poll_age_seconds{{{MINE}}})", "")],
                "Since a price was last accepted, on the engine.",
                True,
                10,
            ),
            Panel(
                "Differences to the chain",
                "none",
                [(f"max(reconciliation_differences{{{MINE}}})", "")],
                "Of live wallets, not booked.",
                True,
                1,
            ),
            Panel(
                "Positions behind a locked wallet",
                "none",
                [(f"max(positions_stranded{{{MINE}}})", "")],
                "They cannot be sold until it is unlocked.",
                True,
                1,
            ),
        ),
    ),
    Row(
        "Trading",
        (
            Panel("Trades", "ops", [rate("trade_execution_total", "type, status")]),
            Panel(
                "From the decision to the booked trade",
                "s",
                quantiles("trade_execution_latency_seconds", "type"),
                "With the market's answers and, live, the chain.",
            ),
            Panel(
                "Own time of a trade",
                "s",
                quantiles("trade_own_time_seconds", "type"),
                "Without waiting for the market: what this installation adds.",
            ),
            Panel("From a signal to its last decision", "s", quantiles("signal_processing_latency_seconds")),
            Panel(
                "Rules that fired",
                "ops",
                [
                    (f"sum(rate(stop_loss_trigger_total{{{MINE}}}[$__rate_interval]))", "stop loss"),
                    (f"sum(rate(take_profit_trigger_total{{{MINE}}}[$__rate_interval]))", "take profit"),
                    (f"sum(rate(dca_trigger_total{{{MINE}}}[$__rate_interval]))", "average down"),
                    (f"sum(rate(stale_trade_trigger_total{{{MINE}}}[$__rate_interval]))", "stale"),
                ],
            ),
            Panel(
                "Failures",
                "ops",
                [
                    rate("errors_total", "type, code"),
                    (f"sum(rate(exit_overdue_total{{{MINE}}}[$__rate_interval]))", "exit overdue"),
                    (
                        f"sum by (code) (rate(swap_not_signed_total{{{MINE}}}[$__rate_interval]))",
                        "not signed {{code}}",
                    ),
                ],
            ),
        ),
    ),
    Row(
        "Market and chain",
        (
            Panel(
                "Calls to upstream services", "s", quantiles("upstream_request_latency_seconds", "service")
            ),
            Panel(
                "Calls that fail",
                "percentunit",
                [(f"nexgent:upstream_failures:ratio5m{{{MINE}}}", "{{service}}")],
            ),
            Panel("What was made of prices", "ops", [rate("price_verdict_total", "verdict")]),
            Panel(
                "From one look at prices to the next",
                "s",
                quantiles("price_tick_gap_seconds"),
                "A second is meant.",
            ),
            Panel("Age of the SOL price", "s", [(f"min(sol_price_age_seconds{{{MINE}}})", "age")]),
            Panel(
                "Looks at live wallets",
                "ops",
                [
                    rate("reconciliation_total", "outcome"),
                    (f"max(reconciliation_age_seconds{{{MINE}}})", "seconds since the oldest"),
                ],
            ),
        ),
    ),
    Row(
        "Recording",
        (
            Panel(
                "Entries made durable",
                "ops",
                [(f"sum(rate(journal_entries_total{{{MINE}}}[$__rate_interval]))", "entries")],
            ),
            Panel("Time to make a group durable", "s", quantiles("journal_append_latency_seconds")),
            Panel("Tables behind the trades", "s", [(f"max(projection_lag_seconds{{{MINE}}})", "behind")]),
            Panel("Trades without a known end", "none", [(f"max(trades_unresolved{{{MINE}}})", "trades")]),
            Panel(
                "Jobs that wait", "none", [(f"max by (queue_name) (queue_depth{{{MINE}}})", "{{queue_name}}")]
            ),
            Panel("Redis", "s", quantiles("redis_operation_latency_seconds", "operation")),
        ),
    ),
    Row(
        "Service",
        (
            Panel("Requests", "reqps", [rate("api_requests_total", "status")]),
            Panel("Time of a request", "s", quantiles("api_request_latency_seconds")),
            Panel(
                "Event loop held up", "s", [(f"nexgent:event_loop_lag:p99_5m{{{MINE}}}", "p99 {{instance}}")]
            ),
            Panel(
                "Connections",
                "none",
                [
                    (f"sum(connections_open{{{MINE}}})", "open"),
                    (f"sum(websocket_clients{{{MINE}}})", "WebSocket clients"),
                ],
            ),
            Panel("Refused", "ops", [rate("connections_refused_total", "reason")]),
            Panel("Loops that fail", "ops", [rate("loop_failures_total", "loop")]),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """Return the dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in ROWS:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": top},
            }
        )
        top += 1
        left = 0
        for panel in row.panels:
            width, height = (FIGURE_WIDTH, FIGURE_HEIGHT) if panel.figure else (GRAPH_WIDTH, GRAPH_HEIGHT)
            if left + width > WIDTH:
                left, top = 0, top + height
            panels.append(_panel(panel, len(panels) + 1, {"h": height, "w": width, "x": left, "y": top}))
            left += width
        top += height
    return {
        "title": "nexgent",
        "uid": "nexgent",
        "tags": ["nexgent"],
        "schemaVersion": 41,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
                {
                    "name": "job",
                    "type": "query",
                    "datasource": SOURCE,
                    "query": {"query": "label_values(engine_lease_held, job)", "refId": "jobs"},
                    "label": "Installation",
                    "includeAll": True,
                    "current": {"text": "All", "value": "$__all"},
                    "refresh": 2,
                },
            ]
        },
        "panels": panels,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.bad is not None:
        first, then = ("red", "green") if panel.good_above else ("green", "red")
        defaults["thresholds"] = {
            "mode": "absolute",
            "steps": [{"color": first, "value": None}, {"color": then, "value": panel.bad}],
        }
    return {
        "id": number,
        "type": "stat" if panel.figure else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }


def main(arguments: Sequence[str]) -> int:
    """Write the file, or compare it."""
    text = json.dumps(dashboard(), indent=1) + "\n"
    if "--check" in arguments:
        if out_of_date({FILE: text}):
            print(f"{FILE.relative_to(ROOT)} is not what the script makes; run `{COMMAND}`", file=sys.stderr)
            return 1
        return 0
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
