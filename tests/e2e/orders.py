"""Orders by hand, as a client sends them to whichever process it reaches."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from nexgent.sandbox.control import SandboxControl
from tests.e2e.product import Product, until


async def post(
    product: Product, path: str, body: object, *, key: str | None = None
) -> tuple[int, dict[str, Any], httpx.Headers]:
    """Send a POST, with an `Idempotency-Key` if one is given; return status, body and headers."""
    # Whoever has not talked to this process yet logs in.
    await product.call("GET", "/agents")
    headers = {"Authorization": f"Bearer {product.token()}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    answer = await product.http.post(f"{product.url}/api/v1{path}", json=body, headers=headers)
    return answer.status_code, answer.json(), answer.headers


def an_order(agent: dict[str, Any], token: str, size: str = "0.5") -> dict[str, Any]:
    """Return what buys a token by hand."""
    return {"agentId": agent["id"], "tokenAddress": token, "positionSize": size}


async def ordered_by_way_of(through: Product, at: Product, agent: dict[str, Any], token: str) -> None:
    """Buy and sell by hand at a process that does not trade for the agent, and repeat both at the one that does."""
    key = uuid4().hex
    order = an_order(agent, token)
    status, bought, headers = await post(through, "/trades/execute", order, key=key)
    assert status == 200, bought
    assert "idempotency-replayed" not in headers
    again = await post(at, "/trades/execute", order, key=key)
    assert (again[0], again[1], again[2].get("idempotency-replayed")) == (200, bought, "true")
    held = [row["id"] for row in await at.positions(agent["id"]) if row["tokenAddress"] == token]
    assert held == [bought["positionId"]]

    # A refusal is the engine's as well, with all it says.
    here, there = [await post(one, "/trades/execute", order) for one in (through, at)]
    assert here[:2] == there[:2]
    assert (here[0], here[1]["code"]) == (400, "POSITION_EXISTS")

    close = f"/agents/{agent['id']}/positions/{bought['positionId']}/close"
    status, part, _ = await post(
        through, close.replace("close", "sell-part"), {"percent": 40}, key=uuid4().hex
    )
    assert status == 200, part
    status, closed, _ = await post(through, close, {"reason": "manual"})
    assert status == 200, closed
    assert closed["positionId"] == bought["positionId"]
    assert [row for row in await at.positions(agent["id"]) if row["tokenAddress"] == token] == []


async def done_between_trades(through: Product, at: Product, agent: dict[str, Any], token: str) -> None:
    """Reset and replace a wallet and delete its agent at a process that does not trade for it, while the one that does buys."""
    async with SandboxControl(at.sandbox_url) as control:
        before = (await control.requests())["counts"].get("order", 0)
        await control.fault("delay", "order", mint=token, seconds=1, times=1)
        buying = asyncio.ensure_future(post(at, "/trades/execute", an_order(agent, token)))

        async def asked() -> bool:
            return bool((await control.requests())["counts"].get("order", 0) > before)

        await until(asked, "a purchase is under way")

        async def reset() -> bool:
            # On a machine that is busy the purchase may take longer than it is waited for.
            status, answer, _ = await post(through, f"/wallets/{agent['wallet']}/reset", {"confirm": True})
            assert status == 200 or answer["code"] == "RESET_FAILED", answer
            return status == 200

        await until(reset, "the wallet is reset")
        assert (await buying)[0] == 200
    for one in (through, at):
        assert await one.positions(agent["id"]) == []

    body = {"agentId": agent["id"], "walletAddress": "sim_another", "walletType": "simulation"}
    status, answer, _ = await post(through, "/wallets/assign", body)
    assert status == 200, answer
    gone = await through.call("DELETE", f"/agents/{agent['id']}")
    assert gone["openPositions"] == 0
    served = [line for line in at.log("service").splitlines() if "command.served" in line]
    for path in ("/reset", "/wallets/assign", f"/agents/{agent['id']}"):
        assert any(path in line for line in served), f"{path} is done where the agent trades"
