"""The product tells what happens: a program by signed webhooks, a person by apprise; nothing is lost while nobody listens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.e2e.product import Product, free_port, until
from tests.e2e.test_trade import bought


class Listener:
    """A program and a person at one port, who may be away."""

    def __init__(self) -> None:
        self.port = free_port()
        self.program: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.person: list[dict[str, Any]] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/program", self._program)
        app.router.add_post("/person", self._person)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            yield
        finally:
            await runner.cleanup()

    async def _program(self, request: web.Request) -> web.Response:
        assert request.headers["webhook-signature"].startswith("v1,")
        self.ids.append(request.headers["webhook-id"])
        self.program.append(json.loads(await request.read()))
        return web.Response(status=204)

    async def _person(self, request: web.Request) -> web.Response:
        self.person.append(json.loads(await request.read()))
        return web.Response()

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [one["data"] for one in self.program if one["type"] == kind]


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    async with Product(tmp_path, {"NOTIFY_PRIVATE_ADDRESSES": "true"}).running() as product:
        yield product


async def test_trades_are_told_and_nothing_is_lost_while_nobody_listens(product: Product) -> None:
    agent, listener = await product.agent(), Listener()
    first, second = (token["mint"] for token in (await product.tokens())[:2])
    code, output, _ = await product.run(
        "notify", "--add", "Bot", "--webhook", "--json", typed=f"http://127.0.0.1:{listener.port}/program\n"
    )
    assert code == 0
    bot = json.loads(output)
    assert bot["secret"].startswith("whsec_")
    code, output, _ = await product.run(
        "notify", "--add", "Me", typed=f"json://127.0.0.1:{listener.port}/person\n"
    )
    assert code == 0
    assert str(listener.port) not in output
    code, _, errors = await product.run("notify", "--test", "Bot")
    assert code == 3
    assert "no connection" in errors

    # Nobody listens: the trade is as quick as ever, and the targets say what is wrong.
    position = await bought(product, agent, first)

    async def failing() -> list[dict[str, Any]] | None:
        found = (await product.call("GET", "/notifications/targets"))["items"]
        return found if all(one["failingSince"] and one["lastError"] for one in found) else None

    for target in await until(failing, "both targets show their error"):
        assert "program" not in target["lastError"]
        assert str(listener.port) not in target["lastError"]

    async def counted() -> bool:
        answer = await product.http.get(
            f"{product.url}/api/v1/metrics", headers={"Authorization": f"Bearer {await product.login()}"}
        )
        return "notification_targets_failing 2.0" in answer.text

    await until(counted, "metrics show it")

    # What waits outlives a service that is killed.
    product.kill_service()
    await product.start_service()
    async with listener.listening():
        # They would be tried again in their own time; who tries them knows that they are well.
        for name in ("Bot", "Me"):
            code, _, errors = await product.run("notify", "--test", name)
            assert code == 0, errors
        await until(lambda: _there(listener.told("position_opened")), "the program is told")
        await until(
            lambda: _there([one for one in listener.person if "opened" in one["title"]]), "the person is told"
        )
        [opened] = listener.told("position_opened")
        assert opened["positionId"] == position["id"]
        assert opened["agentId"] == agent["id"]

        product.worker().kill()
        await bought(product, agent, second)
        await until(lambda: _there(listener.told("position_opened")[1:]), "the next worker tells")
        await product.call("POST", f"/agent-positions/{agent['id']}/{position['id']}/close", {})
        await until(lambda: _there(listener.told("position_closed")), "the sale is told")
        [closed] = listener.told("position_closed")
        [swap] = [one for one in await product.closed(agent["id"]) if one["tokenAddress"] == first]
        assert Decimal(closed["profitLossSol"]) == Decimal(swap["profitLossSol"])
        await until(
            lambda: _there([one for one in listener.person if "closed" in one["title"]]), "and to the person"
        )

        await product.call("PUT", "/protections/kill-switch", {"engaged": True, "reason": "enough"})
        await until(lambda: _there(listener.told("protection_tripped")), "the kill switch is told")
        assert listener.told("test")

        async def well() -> list[dict[str, Any]] | None:
            found = (await product.call("GET", "/notifications/targets"))["items"]
            return found if not any(one["failingSince"] for one in found) else None

        await until(well, "both targets are well again")
    sent = await product.call("GET", "/notifications?limit=1000")
    assert {one["state"] for one in sent if one["kind"].startswith("position_")} == {"sent"}
    code, output, _ = await product.run("notify", "--sent", "--json")
    assert code == 0
    assert {one["kind"] for one in json.loads(output)} >= {"position_opened", "position_closed"}
    log = product.log("service")
    assert bot["secret"] not in log
    assert f"{listener.port}/program" not in log
    code, output, _ = await product.run("notify", "--remove", "Me", "--json")
    assert code == 0
    assert [one["name"] for one in (await product.call("GET", "/notifications/targets"))["items"]] == ["Bot"]


async def _there(found: list[Any]) -> list[Any]:
    return found
