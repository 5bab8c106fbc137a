"""SOL/USD from the sandbox's Pyth: stream, poll, fallback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.price import JupiterPriceFeed
from nexgent.infrastructure.external.pyth.hermes import HermesUpdates
from nexgent.infrastructure.external.pyth.sol_price import PythSolPriceFeed, PythTiming
from nexgent.infrastructure.external.pyth.updates import SOL_USD_FEED_ID
from nexgent.infrastructure.external.solana.decimals import SolanaTokenDecimals
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.sandbox.control import SandboxControl
from nexgent.shared.clock import SystemClock
from tests.integration.external.servers import serve
from tests.patience import PATIENCE_SECONDS

QUICK = PythTiming(poll_seconds=0.05, first_backoff_seconds=0.05, silence_seconds=0.3, fallback_seconds=0.05)


@asynccontextmanager
async def _running(
    http: HttpClient,
    base_url: str,
    timing: PythTiming | None = None,
    api_key: str | None = None,
    **options: Any,
) -> AsyncIterator[PythSolPriceFeed]:
    clock = SystemClock()
    hermes = HermesUpdates(http=http, clock=clock, base_url=base_url, api_key=api_key)
    feed = PythSolPriceFeed(hermes=hermes, clock=clock, timing=timing or QUICK, **options)
    task = asyncio.ensure_future(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


def _usd(feed: PythSolPriceFeed) -> Decimal | None:
    price = feed.current(datetime.now(UTC))
    return price.price_usd if price is not None else None


async def test_the_stream_carries_changes(http: HttpClient, base_url: str, control: SandboxControl) -> None:
    async with _running(http, base_url) as feed:
        await _until(lambda: feed.streaming and _usd(feed) == 150)

        await control.set_sol_usd("151.25")
        # Prices move by the stream alone once it is open.
        await control.fault("status", "pyth", status=500, times=1)

        await _until(lambda: _usd(feed) == Decimal("151.25"))
        latest = feed.latest()
        assert latest is not None
        assert latest.source == PriceSource("pyth")


async def test_silence_leads_to_a_new_connection(
    http: HttpClient, base_url: str, control: SandboxControl
) -> None:
    await control.fault("sse_silence", "pyth", times=1)
    async with _running(http, base_url, replace(QUICK, poll_seconds=60.0)) as feed:
        assert not feed.streaming

        await _until(lambda: feed.streaming)


async def test_the_end_of_a_stream_is_followed_by_another(
    http: HttpClient, base_url: str, control: SandboxControl
) -> None:
    await control.fault("sse_end", "pyth", times=1, updates=1)
    async with _running(http, base_url, replace(QUICK, poll_seconds=60.0)) as feed:
        # Too short-lived to be seen for sure: the poll, the stream that ends, the one that follows.
        await _until_asked(control, 3)

        await control.set_sol_usd("155")

        await _until(lambda: feed.streaming and _usd(feed) == 155)


async def test_a_planned_reconnect_loses_nothing(
    http: HttpClient, base_url: str, control: SandboxControl
) -> None:
    async with _running(
        http, base_url, replace(QUICK, poll_seconds=60.0, planned_reconnect_seconds=0.2)
    ) as feed:
        await _until(lambda: feed.streaming)
        await _until(lambda: not feed.streaming)
        await control.set_sol_usd("149")

        await _until(lambda: feed.streaming and _usd(feed) == 149)


async def test_polling_carries_on_while_there_is_no_stream(http: HttpClient) -> None:
    price = {"usd": 100}

    async def handler(request: web.Request) -> web.Response:
        if request.path.endswith("/stream"):
            return web.Response(status=503)
        return web.json_response(_update(price["usd"]))

    async with serve(handler) as url, _running(http, f"{url}/v2/") as feed:
        await _until(lambda: _usd(feed) == 100)
        price["usd"] = 101

        await _until(lambda: _usd(feed) == 101)
        assert not feed.streaming


async def test_a_stale_publish_time_is_no_price_but_the_fallback_is(
    http: HttpClient, base_url: str, control: SandboxControl
) -> None:
    await control.fault("stale_publish_time", "pyth", seconds=3600)

    async def jupiter_is_down() -> SolPrice | None:
        return None

    async def breaks() -> SolPrice | None:
        raise ValueError

    async def other() -> SolPrice | None:
        return SolPrice(price_usd=Decimal(148), published_at=datetime.now(UTC), source=PriceSource("jupiter"))

    async with _running(http, base_url, fallbacks=(jupiter_is_down, breaks, other)) as feed:
        await _until(lambda: _usd(feed) == 148)

        await control.clear_faults()

        # Pyth is preferred again as soon as it is fresh.
        await _until(lambda: _usd(feed) == 150)


async def test_stale_without_a_fallback_is_none_and_not_a_constant(
    http: HttpClient, base_url: str, control: SandboxControl
) -> None:
    await control.fault("stale_publish_time", "pyth", seconds=3600)
    async with _running(http, base_url) as feed:
        await _until(lambda: feed.latest() is not None)

        assert _usd(feed) is None


async def test_a_wide_confidence_is_not_a_price(
    http: HttpClient, base_url: str, control: SandboxControl
) -> None:
    await control.fault("wide_conf", "pyth", factor="0.05")
    async with _running(http, base_url) as feed:
        await _until_asked(control, 3)
        assert feed.latest() is None

        await control.clear_faults()

        await _until(lambda: _usd(feed) == 150)


@pytest.mark.parametrize("spike", ["195", "105"])
async def test_a_jump_of_pyth_alone_converts_nothing_and_is_put_right_by_the_others(
    http: HttpClient, base_url: str, control: SandboxControl, spike: str
) -> None:
    asked = 0

    async def other() -> SolPrice | None:
        nonlocal asked
        asked += 1
        return SolPrice(
            price_usd=Decimal("150.5"), published_at=datetime.now(UTC), source=PriceSource("jupiter")
        )

    async with _running(http, base_url, replace(QUICK, fallback_seconds=60.0), fallbacks=(other,)) as feed:
        await _until(lambda: feed.streaming and _usd(feed) == 150)
        await control.set_sol_usd(spike)
        seen: set[Decimal | None] = set()

        def put_right() -> bool:
            seen.add(_usd(feed))
            return _usd(feed) == Decimal("150.5")

        await _until(put_right)
        assert seen <= {Decimal(150), Decimal("150.5"), None}
        assert asked > 0

        await control.set_sol_usd("151")

        await _until(lambda: _usd(feed) == 151)


async def test_a_jump_both_see_is_accepted(http: HttpClient, base_url: str, control: SandboxControl) -> None:
    clock = SystemClock()
    api = JupiterApi(http=http, clock=clock, base_url=base_url, requests_per_minute=0)
    feed_of_tokens = JupiterPriceFeed(
        api,
        clock,
        decimals=SolanaTokenDecimals(
            SolanaRpc(http=http, clock=clock, url=f"{base_url}/rpc", requests_per_ten_seconds=0)
        ),
    )
    async with _running(http, base_url, fallbacks=(feed_of_tokens.sol_price,)) as feed:
        await _until(lambda: feed.streaming and _usd(feed) == 150)

        await control.set_sol_usd("90")

        await _until(lambda: _usd(feed) == 90)


async def test_an_older_publish_time_does_not_come_back(http: HttpClient) -> None:
    now = int(datetime.now(UTC).timestamp())
    answers = iter([_update(100, now), _update(90, now - 5), _update(80, now - 1)])
    asked = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        if request.path.endswith("/stream"):
            return web.Response(status=503)
        answer = next(answers, None)
        if answer is None:
            asked.set()
            return web.Response(status=503)
        return web.json_response(answer)

    async with serve(handler) as url, _running(http, url) as feed:
        await asyncio.wait_for(asked.wait(), PATIENCE_SECONDS)

        assert _usd(feed) == 100


async def test_the_key_is_sent_to_both_calls(http: HttpClient) -> None:
    seen: set[tuple[str, str | None]] = set()

    async def handler(request: web.Request) -> web.Response:
        seen.add((request.path.rpartition("/")[2], request.headers.get("Authorization")))
        return web.Response(status=401)

    async with serve(handler) as url, _running(http, url, api_key="pyth-key"):
        await _until(lambda: len(seen) == 2)

    assert seen == {("latest", "Bearer pyth-key"), ("stream", "Bearer pyth-key")}


async def _until_asked(control: SandboxControl, times: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await control.requests())["counts"].get("pyth", 0) < times:
            await asyncio.sleep(0.01)


def _update(usd: int, published: int | None = None) -> dict[str, Any]:
    price = {
        "price": str(usd * 10**8),
        "conf": "100",
        "expo": -8,
        "publish_time": published or int(datetime.now(UTC).timestamp()),
    }
    return {"parsed": [{"id": SOL_USD_FEED_ID, "price": price}]}
