"""Redis, Jupiter and the node fall silent without closing anything: requests end, and exits are made up for afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.cable import Cable, opened
from tests.e2e.live import Trader, live_trader
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until
from tests.e2e.test_trade import check_the_books


@dataclass(frozen=True)
class Wired:
    """A product with a live agent, and the wires to what it depends on."""

    product: Product
    trader: Trader
    wires: tuple[Cable, ...]

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and body of an answer."""
        response = await self.product.http.request(
            method,
            f"{self.product.url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.product.token()}"},
        )
        return response.status_code, response.json()


@pytest.fixture
async def wired(tmp_path: Path, database_url: str, redis_url: str) -> AsyncIterator[Wired]:
    key = Keypair()
    product = Product(tmp_path, {"DATABASE_URL": database_url, "WALLET_1": str(key)})
    async with AsyncExitStack() as stack:
        stack.push_async_callback(product.stop)
        await product.start_sandbox()
        # Redis listens on a Unix socket: `unix:///path?db=0`.
        places = [(unquote(urlsplit(redis_url).path), 0)] + 2 * [("127.0.0.1", product.sandbox_port)]
        wires = tuple([await stack.enter_async_context(opened(Cable(*place))) for place in places])
        redis, jupiter, node = (wire.port for wire in wires)
        product.settings["REDIS_URL"] = f"redis://127.0.0.1:{redis}/0"
        product.settings["JUPITER_BASE_URL"] = f"http://127.0.0.1:{jupiter}"
        product.settings["SOLANA_RPC_URL"] = f"http://127.0.0.1:{node}/rpc"
        # It goes before its wires do.
        stack.push_async_callback(product.stop)
        await product.start_service()
        await product.login()
        control = await stack.enter_async_context(SandboxControl(product.sandbox_url))
        trader = await live_trader(product, control, str(key.pubkey()), "LIVE")
        yield Wired(product, trader, wires)
        for wire in wires:
            wire.mend()


async def test_requests_end_and_exits_are_made_up_for(wired: Wired) -> None:
    product, trader = wired.product, wired.trader
    paper = await product.agent("Paper")
    await trader.buy()
    position = await trader.opened()
    await until(lambda: product.positions(paper["id"]), "the position on paper is open")

    for cable in wired.wires:
        cable.swallow()
    await trader.fall()
    answers = await asyncio.gather(
        wired.ask("GET", "/health/live"),
        wired.ask("GET", "/health/ready"),
        wired.ask("GET", "/agents"),
        wired.ask("GET", f"/agent-positions/{trader.agent['id']}"),
        wired.ask("POST", "/auth/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}),
        wired.ask("POST", f"/agent-positions/{trader.agent['id']}/{position['id']}/close", {}),
        wired.ask("POST", f"/wallets/{trader.wallet}/check-deposits", {"agentId": trader.agent["id"]}),
        wired.ask("GET", f"/agents/{trader.agent['id']}/live-check"),
    )
    live, ready, agents, held, login, close, deposits, check = answers
    assert (live[0], agents[0], held[0]) == (200, 200, 200)
    assert [one["id"] for one in held[1]] == [position["id"]]
    assert (ready[0], ready[1]["degraded"]) == (200, True)
    assert (login[0], login[1]["code"]) == (503, "SESSIONS_UNAVAILABLE")
    # One of the two sales waits for the other; which one, is chance.
    assert (close[0], close[1]["code"]) in {(503, "SWAP_UNAVAILABLE"), (409, "POSITION_LOCKED")}
    assert deposits[0] in {409, 503}, deposits
    assert (check[0], check[1]["ok"]) == (200, False)

    for cable in wired.wires:
        cable.mend()
    await trader.flat()

    async def sold_on_paper() -> bool:
        return not await product.positions(paper["id"])

    await until(sold_on_paper, "the position on paper is sold")
    await trader.check(swaps=2)
    await check_the_books(product, paper)
