"""Prices walk by the seed, stay where they are set, and the control API says no in plain words."""

from __future__ import annotations

import asyncio
import socket
import time
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.sandbox import pricing
from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.pricing import PoolTerms
from nexgent.sandbox.server import SandboxPortError, run_sandbox, serve_sandbox
from nexgent.sandbox.walk import PriceWalk
from nexgent.shared.errors import InvalidInputError, UnavailableError
from tests.patience import PATIENCE_SECONDS
from tests.unit.sandbox.market import ONE_SOL, SOL, a_market, quiet_settings


def a_walk(seed: int = 1, name: str = "x") -> PriceWalk:
    return PriceWalk(seed=seed, name=name, start=Decimal("0.0001"), first_step=0)


def test_a_walk_depends_on_seed_name_and_step_alone() -> None:
    segments = [(0, 0.01), (50, 0.05)]
    step_by_step = a_walk()
    every_step = [step_by_step.price(step, segments) for step in range(1, 101)]

    assert a_walk().price(100, segments) == every_step[-1]
    assert len(set(every_step)) == 100
    assert a_walk(seed=2).price(100, segments) != every_step[-1]
    assert a_walk(name="y").price(100, segments) != every_step[-1]


@given(
    amount=st.integers(1, 10**14),
    more=st.integers(1, 10**14),
    price=st.decimals("1e-11", "1e4", allow_nan=False, places=11),
    decimals=st.integers(0, 9),
)
def test_more_sol_never_buys_at_a_better_rate(amount: int, more: int, price: Decimal, decimals: int) -> None:
    terms = PoolTerms(price, 500 * ONE_SOL, decimals, fee_bps=10)
    small, large = pricing.buy(amount, terms), pricing.buy(amount + more, terms)

    assert large.out_amount >= small.out_amount
    # One unit of rounding on each side is what integers cost.
    assert (large.out_amount - 1) * small.route_in <= (small.out_amount + 1) * large.route_in
    assert small.route_in + small.fee_lamports == amount


@given(amount=st.integers(1, 10**14), price=st.decimals("1e-9", "1e3", allow_nan=False, places=9))
def test_buying_and_selling_never_makes_sol(amount: int, price: Decimal) -> None:
    terms = PoolTerms(price, 500 * ONE_SOL, 6, fee_bps=10)
    bought = pricing.buy(amount, terms)

    assert pricing.sell(bought.out_amount, terms).out_amount <= amount


async def test_the_same_seed_gives_the_same_market() -> None:
    async def market(seed: int) -> list[dict[str, object]]:
        async with run_sandbox(quiet_settings(seed=seed, tokens=20)) as url, SandboxControl(url) as control:
            await control.walk(advance=30)
            return await control.tokens()

    first, again, other = await market(3), await market(3), await market(4)

    assert first == again
    assert {token["mint"] for token in first}.isdisjoint({token["mint"] for token in other})
    assert len({token["symbol"] for token in first}) == 20


async def test_a_price_that_was_set_stays() -> None:
    async with a_market() as trader:
        await trader.control.set_price(trader.mint, Decimal("0.000123456789"))
        await trader.control.walk(advance=5, enabled=True)
        found = {token["mint"]: token for token in await trader.control.tokens()}

        assert found[trader.mint]["priceSol"] == "0.000123456789"
        assert not found[trader.mint]["walking"]
        assert (await trader.get(f"/tokens/v1/solana/{trader.mint}")).json()[0][
            "priceNative"
        ] == "0.000123456789"


async def test_prices_of_one_answer_fit_together() -> None:
    async with a_market() as trader:
        await trader.control.set_sol_usd("147.5")
        prices = (await trader.get("/price/v3", ids=f"{SOL},{trader.mint},unknown")).json()

        assert set(prices) == {SOL, trader.mint}
        assert prices[trader.mint]["usdPrice"] / prices[SOL]["usdPrice"] == pytest.approx(0.0001)


@pytest.mark.parametrize(
    ("path", "body", "names"),
    [
        ("price", {"mint": "x", "priceSol": 1}, "base58"),
        ("price", {"priceSol": 1}, "mint and priceSol"),
        ("price", {"mint": SOL, "priceSol": 1}, "wrapped SOL"),
        (
            "price",
            {"mint": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf", "priceSol": 1},
            "no token with mint",
        ),
        (
            "price",
            {"mint": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf", "priceSol": -1},
            "greater than or equal",
        ),
        ("price", {"mint": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf", "priceSol": "NaN"}, "finite"),
        ("faults", {"kind": "explode"}, "must be one of delay"),
        ("faults", {"kind": "wide_conf", "endpoint": "order"}, "means nothing at order"),
        ("faults", {"kind": "delay", "endpoint": "moon"}, "endpoint must be one of"),
        ("fund", {"address": "11111111111111111111111111111111"}, "give lamports"),
        ("slots", {"advance": 0}, "greater than or equal to 1"),
        ("walk", {"speed": 3}, "Extra inputs"),
        (
            "quotes",
            {"mint": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf", "direction": "up"},
            "'buy' or 'sell'",
        ),
        ("tokens", {}, "give tokens"),
    ],
)
async def test_the_control_api_says_what_is_allowed(path: str, body: object, names: str) -> None:
    async with a_market() as trader:
        answer = await trader.http.post(f"{trader.url}/control/{path}", json=body)

        assert answer.status_code == 400
        assert names in answer.json()["error"]


async def test_broken_requests_get_an_answer_of_the_provider() -> None:
    async with a_market() as trader:

        async def post(path: str, body: bytes) -> httpx.Response:
            return await trader.http.post(trader.url + path, content=body)

        assert (await post("/control/price", b"{")).status_code == 400
        assert (await post("/rpc", b"{")).json()["error"]["code"] == -32700
        assert (await post("/rpc", b"[]")).json()["error"]["code"] == -32600
        assert (await post("/swap/v2/execute", b"[1]")).status_code == 400
        assert (await trader.rpc("getNothing"))["error"]["code"] == -32601
        assert (await trader.rpc("getBalance", "short"))["error"]["code"] == -32602
        assert (await trader.get("/price/v3", ids=",".join([SOL] * 51))).status_code == 400
        for amount in ("-1", "0", "1.5", "abc", str(2**64)):
            answer = await trader.get("/swap/v2/order", inputMint=SOL, outputMint=trader.mint, amount=amount)
            assert answer.status_code == 400
        assert (await trader.get("/nowhere")).status_code == 404
        unknown = await trader.get("/v2/updates/price/latest", **{"ids[]": "ab" * 32})
        assert (unknown.status_code, unknown.text) == (404, f"Price ids not found: 0x{'ab' * 32}")


async def test_the_client_raises_what_the_sandbox_refuses() -> None:
    async with a_market() as trader:
        with pytest.raises(InvalidInputError, match="kind must be one of"):
            await trader.control.fault("explode")
    with pytest.raises(UnavailableError):
        async with SandboxControl(trader.url) as gone:
            await gone.state()


async def test_limits_are_off_until_switched_on() -> None:
    async with a_market() as trader:
        began = time.time()
        await trader.control.rate_limits(enabled=True, limits={"jupiter": 2})
        answers = [await trader.get("/price/v3", ids=SOL) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
        assert int(answers[2].headers["x-ratelimit-reset"]) > began + 50


async def test_requests_are_counted_and_a_reset_forgets() -> None:
    async with a_market() as trader:
        await trader.lamports()
        await trader.order("buy", ONE_SOL)
        counted = await trader.control.requests()
        await trader.control.reset()
        state = await trader.control.state()

        assert counted["counts"] == {"rpc": 1, "rpc.getBalance": 1, "order": 1}
        assert counted["total"] == 2
        assert counted["last"][-1]["status"] == 200
        assert (state["tokens"], state["accounts"]) == (3, {})


async def test_a_taken_port_is_explained() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SandboxPortError, match=rf"127\.0\.0\.1:{port}: the port is in use"):
            await serve_sandbox(quiet_settings(port=port))


async def test_serving_ends_when_cancelled() -> None:
    urls: asyncio.Queue[str] = asyncio.Queue()
    serving = asyncio.ensure_future(serve_sandbox(quiet_settings(), ready=urls.put_nowait))
    async with asyncio.timeout(PATIENCE_SECONDS):
        url = await urls.get()
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            assert (await client.get(url)).json()["name"] == "nexgent sandbox"
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            with pytest.raises(httpx.ConnectError):
                await client.get(url)
