"""Orders the swap provider refuses: failed at once, with its reason, and nothing is left behind."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.product import Product, until

REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "missing_token"}, "Failed to get quotes"),
    ({"kind": "order_error", "code": 3, "message": "the market is closed"}, "not enough SOL"),
    ({"kind": "order_error", "code": 77, "message": "the market is closed"}, "the market is closed"),
    ({"kind": "empty"}, "Jupiter order"),
]


@pytest.mark.parametrize(("fault", "reason"), REFUSALS, ids=["no-route", "known-code", "message", "empty"])
async def test_a_refused_order_fails_at_once_for_every_agent_and_leaves_nothing_open(
    product: Product, fault: dict[str, Any], reason: str
) -> None:
    agents = [await product.agent(f"Agent {number}") for number in range(3)]
    token = (await product.tokens())[0]["mint"]
    rule = await product.http.post(
        f"{product.sandbox_url}/control/faults", json={"endpoint": "order", "mint": token, **fault}
    )
    assert rule.status_code == 200, rule.text

    signal_id = await product.signal(token)

    async def decided() -> list[dict[str, Any]] | None:
        found = await product.decisions(signal_id)
        known = [one for one in found if one["outcome"] != "PENDING"]
        return found if len(known) == len(agents) else None

    for decision in await until(decided, "every agent has decided"):
        assert decision["outcome"] == "FAILED"
        assert reason in decision["reason"]
    body = {"agentId": agents[0]["id"], "tokenAddress": token, "positionSize": 1}
    _, refused = await product.ask("POST", "/trades/execute", body, expect={*range(400, 600)} - {500})
    assert reason in json.dumps(refused)

    # Nothing is open: funds are free, and no trade under way keeps an agent from being deleted.
    await product.http.delete(f"{product.sandbox_url}/control/faults")
    for agent in agents:
        assert await product.positions(agent["id"]) == []
        assert await product.sol_balance(agent["id"]) == Decimal(10)
        await product.call("DELETE", f"/agents/{agent['id']}")
    assert "Traceback" not in product.log("service")
    code, report = await product.verify()
    assert code == 0, report
