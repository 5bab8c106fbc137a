"""Spans to something that answers over HTTP, by OpenTelemetry's own exporter."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from nexgent.config.tracing import TracingSettings, plan_tracing
from nexgent.infrastructure.tracing.otlp import OtlpSender
from nexgent.infrastructure.tracing.spans import FinishedSpan, SpanRef

SPAN = FinishedSpan(
    name="trade", ref=SpanRef(1, 1, sampled=True), parent=None, started_ns=1, ended_ns=2, attributes={}
)


@pytest.mark.parametrize(
    ("status", "taken"), [(200, True), (202, True), (301, False), (307, False), (308, False), (400, False)]
)
async def test_only_what_a_collector_has_taken_counts_as_sent(status: int, taken: bool) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"} if 300 <= status < 400 else {})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        settings = TracingSettings.read({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host}:{port}"})
        plan, _ = plan_tracing(settings)
        assert plan is not None
        sender = await asyncio.to_thread(OtlpSender, plan)
        try:
            assert await asyncio.to_thread(sender.send, [SPAN]) is taken
        finally:
            sender.stop()
        # Where it is sent on to is not asked: headers with a key are meant for the collector alone.
        assert asked == ["/v1/traces"]
    finally:
        await runner.cleanup()
