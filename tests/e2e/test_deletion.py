"""Deleting agents while they trade: no ghost is left, and what they did stays readable."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import httpx

from nexgent.shared.money import SOL_MINT
from tests.e2e.product import ADMIN_EMAIL, Product, until
from tests.patience import PATIENCE_SECONDS

WORKERS, ROUNDS = 8, 3


async def test_buying_and_deleting_at_once_leaves_no_ghost(product: Product) -> None:
    mints = [token["mint"] for token in await product.tokens()]
    await product.login()

    async def send(method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {product.token(ADMIN_EMAIL)}"}
        return await product.http.request(
            method, f"{product.url}/api/v1{path}", json=body, headers=headers, timeout=PATIENCE_SECONDS
        )

    async def buy(agent_id: str, mint: str, answers: list[int]) -> None:
        body = {"agentId": agent_id, "tokenAddress": mint, "positionSize": "0.5"}
        answers.append((await send("POST", "/trades/execute", body)).status_code)

    async def worker(number: int, deleted: list[str], answers: list[int]) -> None:
        for turn in range(ROUNDS):
            agent = await product.agent(f"Agent {number}-{turn}")
            buying = [asyncio.create_task(buy(agent["id"], mint, answers)) for mint in mints[:3]]
            await asyncio.sleep(0.003 * ((number + turn) % 4))
            deletion = await send("DELETE", f"/agents/{agent['id']}")
            answers.append(deletion.status_code)
            await asyncio.gather(*buying)
            if deletion.status_code == 200:
                deleted.append(agent["id"])

    deleted: list[str] = []
    answers: list[int] = []
    await asyncio.gather(*(worker(number, deleted, answers) for number in range(WORKERS)))

    assert 500 not in answers
    assert len(deleted) == WORKERS * ROUNDS, "a paper trade is waited for, not refused for"
    assert await product.call("GET", "/agents") == []

    async def healthy() -> bool:
        return bool((await product.http.get(f"{product.url}/api/v1/health")).json()["status"] == "healthy")

    await until(healthy, "the service is healthy")
    assert "Traceback" not in product.log("service")
    metrics = (await send("GET", "/metrics")).text
    (open_line,) = [line for line in metrics.splitlines() if line.startswith("positions_open ")]
    assert float(open_line.split()[-1]) == 0
    code, report = await product.verify()
    assert code == 0, report


async def test_what_a_deleted_agent_did_stays_readable_to_its_owner(product: Product) -> None:
    agent = await product.agent()
    tokens = await product.tokens()
    token = tokens[0]
    signal_id = await product.signal(token["mint"])

    async def opened() -> list[dict[str, Any]]:
        return await product.positions(agent["id"])

    (position,) = await until(opened, "the position is open")
    await product.call(
        "POST", f"/agents/{agent['id']}/positions/{position['id']}/close", {"reason": "manual"}
    )
    await until(lambda: product.closed(agent["id"]), "the trade is closed")
    await product.signal(tokens[1]["mint"])
    await until(opened, "another position is open")
    trades = await product.closed(agent["id"])
    path = f"/agent-transactions?agentId={agent['id']}"
    transactions = await product.call("GET", path)
    assert len(transactions) == 4

    answer = await product.call("DELETE", f"/agents/{agent['id']}")
    assert answer == {"success": True, "message": "Agent deleted successfully", "openPositions": 1}

    await product.call("GET", f"/agents/{agent['id']}", expect=404)
    assert [gone["id"] for gone in await product.call("GET", "/agents?deleted=true")] == [agent["id"]]
    closed_after = await product.closed(agent["id"])
    assert [trade["profitLossSol"] for trade in closed_after] == [trade["profitLossSol"] for trade in trades]
    after = await product.call("GET", path)
    assert [row["id"] for row in after] == [row["id"] for row in transactions]
    await product.call("GET", f"/agent-transactions/{after[0]['id']}")
    await product.call("GET", f"/agent-historical-swaps/{closed_after[0]['id']}")
    (decision,) = await product.decisions(signal_id)
    assert decision["outcome"] == "EXECUTED"
    body = {
        "agentId": agent["id"],
        "transactionType": "DEPOSIT",
        "transactionTime": "2026-01-01T00:00:00Z",
        "transactionValueUsd": 150,
        "inputMint": SOL_MINT,
        "inputSymbol": "SOL",
        "inputAmount": str(Decimal(1)),
    }
    await product.call("POST", "/agent-transactions", body, expect=404)
    product.kill_service()
    await product.start_service()
    assert len(await product.call("GET", path)) == len(transactions)
    assert await product.call("GET", "/agents") == []
    code, report = await product.verify()
    assert code == 0, report
