"""Traces of the running product, at a collector that speaks OTLP over HTTP; and trading while it is away, refuses or hangs."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.collector import Collector
from tests.e2e.product import Product, free_port, until
from tests.e2e.test_trade import bought, sold

CALLER = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
HEADER = "a-key-of-the-collector"


async def send(product: Product, mint: str, traceparent: str) -> int:
    answer = await product.http.post(
        f"{product.url}/api/v1/trading-signals",
        json={"tokenAddress": mint, "symbol": "EXM", "signalType": "TEST", "signalStrength": 3},
        headers={"Authorization": f"Bearer {product.token()}", "traceparent": traceparent},
    )
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def settings(collector: Collector) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={HEADER}",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=tests",
        "LOG_FORMAT": "json",
    }


def only(spans: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(spans) == 1, spans
    return spans[0]


def check_stages(collector: Collector, above: dict[str, Any]) -> None:
    """Intend, swap and settle are parts of what is above, one after the other and within it."""
    parts = [span for span in collector.spans if span["parent"] == above["id"]]
    assert [span["name"] for span in sorted(parts, key=lambda span: span["from"])] == [
        "intend",
        "swap",
        "settle",
    ]
    intend, swap, settle = sorted(parts, key=lambda span: span["from"])
    assert {span["trace"] for span in parts} == {above["trace"]}
    assert above["from"] <= intend["from"] <= intend["to"] == swap["from"]
    assert swap["from"] < swap["to"] == settle["from"] < settle["to"] <= above["to"]
    assert swap["nexgent.mode"] == "simulation"
    assert swap["nexgent.venue"] == "jupiter"
    assert swap["nexgent.outcome"] == "settled"


async def test_a_trade_is_a_trace_from_its_sender_to_the_sale(tmp_path: Path) -> None:
    began = time.time_ns()
    async with (
        Collector(free_port()).listening() as collector,
        Product(tmp_path, settings(collector)).running() as product,
    ):
        agent, idle = await product.agent(), await product.agent("Without money", "0.001")
        token = (await product.tokens())[0]
        mint, price = token["mint"], Decimal(str(token["priceSol"]))
        signal_id = await send(product, mint, f"00-{CALLER[0]}-{CALLER[1]}-01")

        async def signalled() -> bool:
            return bool(collector.named("signal")) and bool(collector.named("settle"))

        await until(signalled, "the signal's spans are there")
        root = only(collector.named("signal"))
        assert (root["trace"], root["parent"]) == CALLER
        assert root["nexgent.signal.id"] == signal_id
        assert root["nexgent.token.mint"] == mint
        assert began < root["from"] < root["to"] < time.time_ns()
        decisions = {span["nexgent.agent.id"]: span for span in collector.named("decision")}
        assert {span["parent"] for span in decisions.values()} == {root["id"]}
        refused, decision = decisions[idle["id"]], decisions[agent["id"]]
        assert refused["failed"]
        assert refused["nexgent.code"] == "BELOW_MINIMUM_THRESHOLD"
        assert decision["nexgent.outcome"] == "EXECUTED"
        assert not decision["failed"]
        assert root["from"] == decision["from"] < decision["to"] <= root["to"]
        position = only(await product.positions(agent["id"]))
        assert decision["nexgent.position.id"] == position["id"]
        stages = decision["events"]
        assert (
            decision["from"] < stages["intended"] <= stages["quoted"] <= stages["recorded"] <= decision["to"]
        )
        check_stages(collector, decision)

        trade = await sold(product, agent, mint, price)
        await until(lambda: _there(collector.named("exit")), "the exit's spans are there")
        left = only(collector.named("exit"))
        assert left["trace"] != root["trace"]
        assert left["parent"] == ""
        assert left["links"] == [(decision["trace"], decision["id"])]
        assert left["nexgent.reason"] == "stop_loss"
        assert left["nexgent.position.id"] == position["id"]
        assert left["nexgent.transaction.id"] == trade["saleTransactionId"]
        assert left["nexgent.attempts"] == 1
        assert Decimal(left["nexgent.price_sol"]) == price / 2
        check_stages(collector, left)

        # What is said in the log is found by the trace, and by the trace in the log.
        lines = [json.loads(line) for line in product.log("service").splitlines() if line.startswith("{")]
        said = {line["msg"] for line in lines if line.get("trace_id") == CALLER[0]}
        assert {"request.completed", "signal.processed"} <= said
        assert only(collector_resources(collector))["service.name"] == "nexgent"
        assert only(collector_resources(collector))["deployment.environment"] == "tests"
        assert {headers["x-key"] for headers in collector.headers} == {HEADER}
        assert HEADER not in product.log("service")

        # Whoever began a trace and does not keep it, is not sent it; one of his own begins anew.
        kept = len(collector.spans)
        await send(product, (await product.tokens())[1]["mint"], f"00-{'a' * 32}-{'b' * 16}-00")
        await send(product, (await product.tokens())[2]["mint"], "00-nonsense")
        await until(lambda: _there(collector.named("signal")[1:]), "the third signal's span is there")
        assert "a" * 32 not in {span["trace"] for span in collector.spans[kept:]}
        assert collector.named("signal")[1]["parent"] == ""
        metrics = await exposition(product)
        assert 'trace_spans_total{fate="sent"}' in metrics
        assert 'fate="dropped"' not in metrics


async def test_a_collector_that_is_away_refuses_or_hangs_changes_nothing(tmp_path: Path) -> None:
    collector = Collector(free_port())
    async with Product(tmp_path, settings(collector)).running() as product:
        agent = await product.agent()
        first, second, third, fourth = (token["mint"] for token in (await product.tokens())[:4])
        await bought(product, agent, first)

        async def lost() -> bool:
            return 'trace_spans_total{fate="refused"}' in await exposition(product)

        await until(lost, "spans are lost, and counted")
        assert "tracing.collector_away" in product.log("service")
        async with collector.listening():
            collector.status = 403
            await bought(product, agent, second)
            await until(lambda: _there(collector.asked), "the collector is asked")
            collector.status = 200
            await until(lambda: _again(product, agent, third, collector), "spans are sent again")
            collector.hangs = True
            asked = collector.asked
            await bought(product, agent, fourth)
            await until(lambda: _there(collector.asked > asked), "the collector keeps a message")

            # It holds one up that is never answered: the end does not wait for that.
            family = product.family()
            product.service.send_signal(signal.SIGTERM)
            await asyncio.to_thread(product.wait_for_end, family)
            log = product.log("service")
            assert log.rstrip().splitlines()[-1].count("service.stopped") == 1
        assert HEADER not in log


async def test_an_address_that_cannot_be_used_is_said_and_trading_goes_on(tmp_path: Path) -> None:
    async with Product(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}).running() as product:
        agent = await product.agent()
        assert "OTEL_EXPORTER_OTLP_ENDPOINT: no traces are made" in product.log("service")
        await bought(product, agent, (await product.tokens())[0]["mint"])


def collector_resources(collector: Collector) -> list[dict[str, Any]]:
    return [dict(pairs) for pairs in {tuple(sorted(one.items())) for one in collector.resources}]


async def exposition(product: Product) -> str:
    answer = await product.http.get(
        f"{product.url}/api/v1/metrics", headers={"Authorization": f"Bearer {await product.login()}"}
    )
    return answer.text


async def _again(product: Product, agent: dict[str, Any], mint: str, collector: Collector) -> bool:
    if not any(position["tokenAddress"] == mint for position in await product.positions(agent["id"])):
        await bought(product, agent, mint)
    return bool(collector.named("signal"))


async def _there(found: Any) -> Any:
    return found
