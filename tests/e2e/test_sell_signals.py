"""A signal that sells, on paper and on the chain, and across a crash between what was intended and what was sold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from tests.e2e.live import Trader, live_trader
from tests.e2e.product import Product, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREVER_SECONDS = 600


@pytest.fixture(scope="module")
def keys() -> list[Keypair]:
    """Keys of wallets nobody has used yet."""
    return [Keypair() for _ in range(2)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trading(tmp_path_factory: pytest.TempPathFactory, keys: list[Keypair]) -> AsyncIterator[Product]:
    """One product for all scenarios."""
    settings = {f"WALLET_{number}": str(key) for number, key in enumerate(keys, 1)}
    async with Product(tmp_path_factory.mktemp("sells"), settings).running() as product:
        yield product


@pytest_asyncio.fixture(loop_scope="module")
async def trader(trading: Product, keys: list[Keypair]) -> AsyncIterator[Trader]:
    """A live agent with a token that only agents of its scenario trade."""
    wallet = str(keys.pop().pubkey())
    async with SandboxControl(trading.sandbox_url) as control:
        yield await live_trader(trading, control, wallet, f"S{len(keys)}")
        await control.clear_faults()


async def on_paper(trader: Trader, name: str) -> dict[str, Any]:
    """Return a paper agent that trades what the live one does."""
    return await trader.product.agent(
        name,
        config={
            "signals": {"tokenFilterMode": "whitelist", "tokenList": [trader.mint]},
            "positionCalculator": {"randomization": {"enabled": False}},
        },
    )


async def holding(trader: Trader) -> list[dict[str, Any]]:
    """Return a live and a paper agent that have bought the token, and one that has not."""
    paper = await on_paper(trader, "Paper")
    await trader.buy()
    await trader.opened()
    await until(lambda: trader.product.positions(paper["id"]), "the paper position is open")
    return [trader.agent, paper, await on_paper(trader, "Without")]


async def asked(trader: Trader, action: str, **more: object) -> int:
    """Post a signal that sells; return its number."""
    body = {"tokenAddress": trader.mint, "signalType": "EXIT", "signalStrength": 3, "action": action, **more}
    signal = await trader.product.call("POST", "/trading-signals", body, expect=201)
    assert signal["action"] == action
    return int(signal["id"])


async def decided(trader: Trader, signal_id: int, agents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the decisions of the agents, in their order, when all are known and nothing is pending."""

    async def all_known() -> list[dict[str, Any]] | None:
        found = {one["agentId"]: one for one in await trader.product.decisions(signal_id)}
        own = [found[agent["id"]] for agent in agents if agent["id"] in found]
        done = len(own) == len(agents) and all(one["outcome"] != "PENDING" for one in own)
        return own if done else None

    decisions: list[dict[str, Any]] = await until(all_known, "every agent has decided")
    return decisions


async def intended(product: Product, signal_id: int) -> int:
    """Return how many sales the journal has intents of for a signal."""
    connection = await asyncpg.connect(product.database_url)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM journal WHERE kind = 'intended'"
                " AND (body::jsonb -> 'intent' ->> 'sell_signal_id')::int = $1",
                signal_id,
            )
        )
    finally:
        await connection.close()


async def sales(product: Product, agent: dict[str, Any], mint: str) -> list[dict[str, Any]]:
    """Return the sales of a token that are booked."""
    rows = await product.call("GET", f"/agent-transactions?agentId={agent['id']}&limit=1000")
    return [row for row in rows if row["transactionType"] == "SWAP" and row["inputMint"] == mint]


async def killed_before_it_sold(trader: Trader, signal_id: int, intents: int) -> None:
    """Kill the service with so many sales intended and none made, and start it again with a market that answers."""
    product = trader.product

    async def all_intended() -> bool:
        return await intended(product, signal_id) >= intents

    await until(all_intended, "the sales are intended")
    product.kill_service()
    await trader.control.clear_faults()
    await product.start_service()


async def test_a_signal_closes_what_agents_hold_also_when_the_service_dies_before_it_sold(
    trader: Trader,
) -> None:
    product = trader.product
    agents = await holding(trader)
    live, paper, without = agents
    # No quote comes before the service is dead.
    await trader.control.fault("delay", "order", seconds=FOREVER_SECONDS)

    signal_id = await asked(trader, "close")
    await killed_before_it_sold(trader, signal_id, intents=2)

    trade = await trader.flat()
    assert trade["closeReason"] == "signal"
    decisions = await decided(trader, signal_id, agents)
    assert [(one["outcome"], one["code"]) for one in decisions] == [
        ("EXECUTED", None),
        ("EXECUTED", None),
        ("SKIPPED", "NO_POSITION"),
    ]
    (closed,) = await product.closed(paper["id"])
    assert closed["closeReason"] == "signal"
    assert await product.positions(paper["id"]) == await product.closed(without["id"]) == []
    for agent, decision in zip((live, paper), decisions[:2], strict=True):
        (sale,) = await sales(product, agent, trader.mint)
        assert decision["transactionId"] == sale["id"]
    await trader.check(swaps=2)
    code, text, errors = await product.run("explain", str(signal_id))
    assert code == 0, errors
    assert "NO_POSITION" in text


async def test_a_part_is_sold_once_however_the_service_dies_and_then_all_is_closed_at_once(
    trader: Trader,
) -> None:
    product = trader.product
    live, paper, without = await holding(trader)
    held = {agent["id"]: (await product.positions(agent["id"]))[0] for agent in (live, paper)}
    await trader.control.fault("delay", "order", seconds=FOREVER_SECONDS)

    part = await asked(trader, "reduce", percent=25)
    await killed_before_it_sold(trader, part, intents=2)

    first, second, third = await decided(trader, part, [live, paper, without])
    assert first["outcome"] == second["outcome"] == "EXECUTED", (first, second)
    assert third["code"] == "NO_POSITION"
    for agent in (live, paper):
        (sale,) = await sales(product, agent, trader.mint)
        whole = Decimal(held[agent["id"]]["purchase"]["amount"])
        assert abs(Decimal(sale["inputAmount"]) - whole / 4) < whole / 1_000_000
        (left,) = await product.positions(agent["id"])
        assert left["id"] == held[agent["id"]]["id"]
    # The kill switch stops purchases and no sale.
    await product.call("PUT", "/protections/kill-switch", {"engaged": True})
    signal_id = await asked(trader, "close")
    decisions = await decided(trader, signal_id, [live, paper])
    await product.call("PUT", "/protections/kill-switch", {"engaged": False})
    assert [one["outcome"] for one in decisions] == ["EXECUTED", "EXECUTED"]
    await trader.flat()
    await trader.check(swaps=3)
