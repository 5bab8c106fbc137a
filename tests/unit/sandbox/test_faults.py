"""Every kind of fault shows as documented, as often as asked for, and the market goes on afterwards."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import httpx
import orjson
import pytest

from nexgent.shared.errors import InvalidInputError
from tests.patience import PATIENCE_SECONDS
from tests.unit.sandbox.market import FEED, ONE_SOL, SOL, Trader, a_market


async def price(trader: Trader) -> httpx.Response:
    return await trader.get("/price/v3", ids=f"{SOL},{trader.mint}")


async def pair(trader: Trader) -> httpx.Response:
    return await trader.get(f"/tokens/v1/solana/{trader.mint}")


async def sol_usd(trader: Trader) -> httpx.Response:
    return await trader.get("/v2/updates/price/latest", **{"ids[]": FEED})


async def test_delay() -> None:
    async with a_market() as trader:
        await trader.control.fault("delay", "price", seconds=0.15, times=1)
        began = time.monotonic()

        assert (await price(trader)).status_code == 200
        assert time.monotonic() - began >= 0.15


async def test_status_strikes_as_often_as_asked() -> None:
    async with a_market() as trader:
        await trader.control.fault("status", "price", status=401, times=2, headers={"x-note": "no"})
        answers = [await price(trader) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [401, 401, 200]
        assert answers[0].json() == {"code": 401, "message": "Unauthorized"}
        assert answers[0].headers["x-note"] == "no"


async def test_a_rate_limit_tells_when_to_come_back() -> None:
    async with a_market() as trader:
        began = time.time()
        await trader.control.fault("rate_limit", "*", seconds=3, times=4)
        jupiter, rpc = await price(trader), await trader.http.post(trader.url + "/rpc", json={})

        assert jupiter.json() == {"code": 429, "message": "[API Gateway] Too many requests"}
        assert int(jupiter.headers["x-ratelimit-reset"]) >= began + 2
        assert int(jupiter.headers["x-ratelimit-remaining"]) <= 0
        assert rpc.status_code == 429
        assert rpc.headers["retry-after"] == "3"
        assert [(await pair(trader)).status_code, (await sol_usd(trader)).status_code] == [429, 429]
        assert (await price(trader)).status_code == 200


async def test_a_connection_dropped_before_did_nothing() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        await trader.control.fault("drop_before", "execute", times=1)
        with pytest.raises(httpx.TransportError):
            await trader.execute(order)

        assert await trader.lamports() == 10 * ONE_SOL
        assert (await trader.execute(order)).json()["status"] == "Success"


@pytest.mark.parametrize("kind", ["drop_after", "timeout"])
async def test_a_connection_dropped_after_did_everything(kind: str) -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        details = {"seconds": 0.05, "after": True} if kind == "timeout" else {}
        await trader.control.fault(kind, "execute", times=1, **details)
        with pytest.raises(httpx.TransportError):
            await trader.execute(order)

        assert await trader.quantity() == int(order["outAmount"])
        left = await trader.lamports()
        assert (await trader.execute(order)).json()["status"] == "Success"
        assert await trader.lamports() == left


async def test_a_server_error_after_landing() -> None:
    async with a_market() as trader:
        order = await trader.order("buy", ONE_SOL)
        await trader.control.fault("status", "execute", status=500, after=True, times=1)
        answer = await trader.execute(order)

        assert (answer.status_code, await trader.quantity()) == (500, int(order["outAmount"]))


async def test_a_timeout_says_nothing() -> None:
    async with a_market() as trader:
        await trader.control.fault("timeout", "price", seconds=30, times=1)
        with pytest.raises(httpx.ReadTimeout):
            await trader.http.get(
                trader.url + "/price/v3",
                params={"ids": SOL},
                timeout=httpx.Timeout(PATIENCE_SECONDS, read=0.1),
            )

        assert (await price(trader)).status_code == 200


async def test_an_html_error() -> None:
    async with a_market() as trader:
        await trader.control.fault("html_error", "dexscreener", times=1)
        answer = await pair(trader)

        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith("text/html")


async def test_an_empty_answer_is_not_an_error() -> None:
    async with a_market() as trader:
        await trader.control.fault("empty")
        answers = [
            await price(trader),
            await pair(trader),
            await trader.get("/tokens/v2/search", query=trader.mint),
        ]

        assert [answer.json() for answer in answers] == [{}, [], []]
        assert (await trader.get(f"/latest/dex/tokens/{trader.mint}")).json()["pairs"] is None
        assert (await sol_usd(trader)).json()["parsed"] == []
        assert (await trader.rpc("getAccountInfo", trader.mint))["result"]["value"] is None


async def test_one_token_is_missing() -> None:
    async with a_market() as trader:
        await trader.control.fault("missing_token", mint=trader.mint)

        assert list((await price(trader)).json()) == [SOL]
        assert (await pair(trader)).json() == []
        refused = await trader.get("/swap/v2/order", inputMint=SOL, outputMint=trader.mint, amount="1000000")
        assert (refused.status_code, refused.json()["error"]) == (400, "Failed to get quotes")


@pytest.mark.parametrize(("kind", "factor"), [("zero_price", 0), ("absurd_price", 500)])
async def test_a_price_nobody_should_believe(kind: str, factor: int) -> None:
    async with a_market() as trader:
        details: dict[str, object] = {"factor": factor} if factor else {}
        await trader.control.fault(kind, "*", **details, mint=trader.mint)

        assert (await price(trader)).json()[trader.mint]["usdPrice"] == pytest.approx(0.015 * factor)
        native = (await pair(trader)).json()[0]["priceNative"]
        assert Decimal(native) == Decimal("0.0001") * factor
        assert (await price(trader)).json()[SOL]["usdPrice"] == 150


async def test_one_source_says_another_price() -> None:
    async with a_market() as trader:
        await trader.control.fault("other_price", "dexscreener", mint=trader.mint, priceSol="0.000082")

        assert (await pair(trader)).json()[0]["priceNative"] == "0.000082"
        assert (await price(trader)).json()[trader.mint]["usdPrice"] == pytest.approx(0.015)
        with pytest.raises(InvalidInputError, match="needs mint and priceSol"):
            await trader.control.fault("other_price", "price", mint=trader.mint)


@pytest.mark.parametrize("endpoint", ["dexscreener", "price"])
async def test_a_source_freezes(endpoint: str) -> None:
    async with a_market() as trader:
        await trader.control.fault("frozen_price", endpoint)
        seen = []
        for native, usd in (("0.0001", "150"), ("0.0002", "160"), ("0.0003", "170")):
            await trader.control.set_price(trader.mint, native)
            await trader.control.set_sol_usd(usd)
            prices = (await price(trader)).json()
            dex = (await pair(trader)).json()[0]
            seen.append((dex["priceNative"], prices[trader.mint]["usdPrice"], prices[SOL]["usdPrice"]))
        await trader.control.clear_faults()

        natives, usds, sols = zip(*seen, strict=True)
        assert natives == (("0.0001",) * 3 if endpoint == "dexscreener" else ("0.0001", "0.0002", "0.0003"))
        assert usds == pytest.approx((0.015,) * 3 if endpoint == "price" else (0.015, 0.032, 0.051))
        assert sols == ((150,) * 3 if endpoint == "price" else (150, 160, 170))
        assert (await pair(trader)).json()[0]["priceNative"] == "0.0003"


async def test_null_fields() -> None:
    async with a_market() as trader:
        await trader.control.fault("null_fields")

        assert "liquidity" not in (await pair(trader)).json()[0]
        assert (await price(trader)).json()[trader.mint]["blockId"] is None


async def test_pyth_is_stale_or_unsure() -> None:
    async with a_market() as trader:
        began = time.time()
        await trader.control.fault("stale_publish_time", "pyth", seconds=100, times=1)
        stale = (await sol_usd(trader)).json()["parsed"][0]["price"]
        await trader.control.fault("wide_conf", "pyth", factor="0.1", times=1)
        wide = (await sol_usd(trader)).json()["parsed"][0]["price"]

        assert began - 101 <= stale["publish_time"] <= time.time() - 100
        assert (wide["price"], wide["conf"], wide["expo"]) == ("15000000000", "1500000000", -8)


async def test_a_stream_sends_updates_and_ends_with_an_error_event() -> None:
    async with a_market() as trader:
        await trader.control.fault("sse_end", "pyth", updates=2, times=1)
        async with trader.http.stream(
            "GET", trader.url + "/v2/updates/price/stream", params={"ids[]": FEED}
        ) as stream:
            lines = [line async for line in stream.aiter_lines()]

        assert stream.headers["content-type"] == "text/event-stream"
        data = [line for line in lines if line.startswith("data:{")]
        assert [orjson.loads(line[5:])["parsed"][0]["price"]["price"] for line in data] == ["15000000000"] * 2
        assert lines[-3:-1] == ["event:error", "data:Connection timeout reached (24h)"]


async def test_a_stream_falls_silent_and_comes_back() -> None:
    async with a_market() as trader:
        await trader.control.fault("sse_silence", "pyth")
        url = trader.url + "/v2/updates/price/stream"
        async with trader.http.stream("GET", url, params={"ids[]": FEED}) as stream:
            updates = (line async for line in stream.aiter_lines() if line.startswith("data:"))
            following = asyncio.ensure_future(anext(updates))
            done, _ = await asyncio.wait([following], timeout=0.1)
            assert not done
            await trader.control.clear_faults()
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert "parsed" in await following


@pytest.mark.parametrize("code", [1, 2, 3])
async def test_an_order_that_could_not_be_built(code: int) -> None:
    async with a_market() as trader:
        await trader.control.fault("order_error", "order", errorCode=code, errorMessage="no", times=1)
        order = await trader.order("buy", ONE_SOL)

        assert (order["transaction"], order["errorCode"], order["errorMessage"]) == ("", code, "no")


async def test_an_execution_that_reverts_costs_the_fee() -> None:
    async with a_market() as trader:
        await trader.control.fault("fail_execute", "execute", code=6024, times=1)
        answer = (await trader.execute(await trader.order("buy", ONE_SOL))).json()

        assert (answer["status"], answer["code"]) == ("Failed", 6024)
        assert await trader.lamports() == 10 * ONE_SOL - 105_000


async def test_an_execution_that_was_not_sent_costs_nothing() -> None:
    async with a_market() as trader:
        await trader.control.fault("fail_execute", "execute", code=-2003, times=1)
        answer = (await trader.execute(await trader.order("buy", ONE_SOL))).json()

        assert answer["code"] == -2003
        assert await trader.status(answer["signature"]) is None
        assert await trader.lamports() == 10 * ONE_SOL


async def test_a_vanished_transaction_stays_away() -> None:
    async with a_market() as trader:
        await trader.control.fault("vanish", "execute", times=1)
        order = await trader.order("buy", ONE_SOL)
        answer = (await trader.execute(order)).json()
        await trader.control.advance_slots(200)

        assert answer["code"] == -1000
        assert (await trader.execute(order)).json()["code"] == -1000
        assert await trader.status(answer["signature"]) is None
        assert await trader.lamports() == 10 * ONE_SOL


async def test_a_transaction_called_lost_lands_later() -> None:
    async with a_market() as trader:
        await trader.control.fault("land_later", "execute", slots=20, times=1)
        order = await trader.order("buy", ONE_SOL)
        answer = (await trader.execute(order)).json()
        assert answer["code"] == -1000
        assert await trader.status(answer["signature"]) is None
        await trader.control.advance_slots(20)

        assert (await trader.status(answer["signature"]))["err"] is None
        assert await trader.quantity() == int(order["outAmount"])
        assert (await trader.execute(order)).json()["status"] == "Success"


async def test_what_would_land_after_the_blockhash_expired_never_lands() -> None:
    async with a_market() as trader:
        await trader.control.fault("land_later", "execute", slots=151, times=1)
        answer = (await trader.execute(await trader.order("buy", ONE_SOL))).json()
        await trader.control.advance_slots(500)

        assert await trader.status(answer["signature"]) is None


async def test_the_rpc_is_behind() -> None:
    async with a_market() as trader:
        await trader.control.fault("rpc_error", "rpc", method="getBalance", code=-32005, times=1)
        refused = await trader.rpc("getBalance", trader.address)

        assert refused["error"]["code"] == -32005
        assert "numSlotsBehind" in refused["error"]["data"]
        assert await trader.lamports() == 10 * ONE_SOL


async def test_the_rpc_knows_a_signature_only_later() -> None:
    async with a_market() as trader:
        signature = (await trader.execute(await trader.order("buy", ONE_SOL))).json()["signature"]
        await trader.control.fault("empty", "rpc", method="getSignatureStatuses", times=1)

        assert await trader.status(signature) is None
        assert (await trader.status(signature))["err"] is None
