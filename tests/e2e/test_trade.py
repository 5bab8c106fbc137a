"""From a signal to a closed trade, and the same across every kind of crash."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.product import SOL_MINT, Product, flush_redis, until


async def bought(product: Product, agent: dict[str, Any], mint: str) -> dict[str, Any]:
    """Post a signal and return the position it opened. A 503 says that nothing was stored: then it is sent again."""

    async def accepted() -> int | None:
        try:
            return await product.signal(mint)
        except AssertionError as error:
            if "503" in str(error):
                return None
            raise

    signal_id: int = await until(accepted, "the signal is accepted")

    async def opened() -> dict[str, Any] | None:
        position = next((p for p in await product.positions(agent["id"]) if p["tokenAddress"] == mint), None)
        if position is None:
            decisions = await product.decisions(signal_id)
            mine = [one for one in decisions if one["agentId"] == agent["id"]]
            # What was intended before it met the outage is ended by recovery.
            refused = [
                one for one in mine if one["outcome"] not in ("EXECUTED", "PENDING") and not one["intentId"]
            ]
            assert not refused, refused
        return position

    position: dict[str, Any] = await until(opened, "the position is open")
    return position


async def sold(product: Product, agent: dict[str, Any], mint: str, price_before: Decimal) -> dict[str, Any]:
    """Let the price fall through the stop and return the closed trade."""
    await product.set_price(mint, format(price_before * Decimal("0.5"), "f"))

    async def closed() -> dict[str, Any] | None:
        return next((s for s in await product.closed(agent["id"]) if s["tokenAddress"] == mint), None)

    trade: dict[str, Any] = await until(closed, "the trade is closed")
    return trade


async def check_the_books(product: Product, agent: dict[str, Any]) -> None:
    """Every figure follows from the transactions, to the lamport, and `verify` finds no difference."""
    transactions = await product.call("GET", f"/agent-transactions?agentId={agent['id']}&limit=1000")
    sol = Decimal(0)
    for row in transactions:
        fee = Decimal(row["networkFeeSol"] or 0)
        if row["transactionType"] == "DEPOSIT":
            sol += Decimal(row["inputAmount"])
        elif row["inputMint"] == SOL_MINT:
            sol -= Decimal(row["inputAmount"]) + fee
        else:
            sol += Decimal(row["outputAmount"]) - Decimal(row["protocolFeeSol"] or 0) - fee
    assert await product.sol_balance(agent["id"]) == sol
    for trade in await product.closed(agent["id"]):
        own = [r for r in transactions if trade["tokenAddress"] in (r["inputMint"], r["outputMint"])]
        flow = Decimal(0)
        for row in own:
            fee = Decimal(row["networkFeeSol"] or 0)
            if row["inputMint"] == SOL_MINT:
                flow -= Decimal(row["inputAmount"]) + fee
            else:
                flow += Decimal(row["outputAmount"]) - Decimal(row["protocolFeeSol"] or 0) - fee
        assert Decimal(trade["profitLossSol"]) == flow
    code, report = await product.verify()
    assert code == 0, json.dumps(report, indent=1)


async def test_a_signal_becomes_a_position_and_a_fall_becomes_a_closed_trade(product: Product) -> None:
    agent = await product.agent()
    token = (await product.tokens())[0]
    mint, price = token["mint"], Decimal(str(token["priceSol"]))

    async with product.follow(agent["id"]) as frames:
        first = await frames.next(lambda f: True, "the first frame")
        assert first["type"] == "connected"
        second = await frames.next(lambda f: True, "the second frame")
        assert second["type"] == "initial_data"
        assert second["data"]["positions"] == []
        signal_id = await product.signal(mint)
        created = (await frames.update("position_created"))["position"]
        assert created["tokenAddress"] == mint
        assert created["currentStopLossPercentage"] == -32
        await frames.next(lambda f: f["type"] == "price_update_batch", "prices")
        await product.set_price(mint, format(price * Decimal("0.5"), "f"))
        closed = await frames.update("position_closed")
        assert closed["positionId"] == created["id"]

    (trade,) = await until(lambda: product.closed(agent["id"]), "the closed trade is listed")
    assert trade["closeReason"] == "stop_loss"
    assert Decimal(trade["profitLossSol"]) < 0
    assert await product.positions(agent["id"]) == []
    (decision,) = await until(lambda: product.decisions(signal_id), "the decision is recorded")
    assert decision["outcome"] == "EXECUTED"
    await check_the_books(product, agent)


@pytest.mark.parametrize("victim", ["service", "worker", "redis", "redis-flushed", "postgres"])
async def test_nothing_is_lost_and_nothing_happens_twice_across_a_crash(
    product: Product, victim: str
) -> None:
    agent = await product.agent()
    tokens = await product.tokens()
    prices = {token["mint"]: Decimal(str(token["priceSol"])) for token in tokens}
    first, second = tokens[0]["mint"], tokens[1]["mint"]
    before = await bought(product, agent, first)

    await strike(product, victim)
    await until(lambda: product.positions(agent["id"]), "the position is back")
    (after,) = await product.positions(agent["id"])
    for key in ("id", "stopLoss", "purchase", "dca", "createdAt"):
        if key == "purchase":
            assert after[key]["amount"] == before[key]["amount"]
            assert after[key]["transaction"] == before[key]["transaction"]
        else:
            assert after[key] == before[key]

    await bought(product, agent, second)
    for mint in (first, second):
        await sold(product, agent, mint, prices[mint])
    assert len(await product.closed(agent["id"])) == 2
    await check_the_books(product, agent)


async def strike(product: Product, victim: str) -> None:
    """Kill something, the hard way; start the service again where it was the victim."""
    match victim:
        case "service":
            product.kill_service()
            await product.start_service()
        case "worker":
            product.worker().kill()
        case "redis":
            product.redis().kill()
        case "redis-flushed":
            await flush_redis(product)
        case "postgres":
            product.postgres().kill()


async def test_killed_in_the_middle_of_many_trades(product: Product) -> None:
    agents = [await product.agent(f"Agent {number}") for number in range(3)]
    tokens = await product.tokens()
    signals = [await product.signal(token["mint"], strength=1 + n % 5) for n, token in enumerate(tokens[:5])]
    product.kill_service()
    await product.start_service()

    for signal_id in signals:

        async def decided(signal_id: int = signal_id) -> bool:
            return len(await product.decisions(signal_id)) == len(agents)

        await until(decided, f"signal {signal_id} is decided by every agent")
    for agent in agents:
        positions = await product.positions(agent["id"])
        mints = [position["tokenAddress"] for position in positions]
        assert len(mints) == len(set(mints))
        await check_the_books(product, agent)
    await asyncio.gather(
        *(product.set_price(t["mint"], format(Decimal(str(t["priceSol"])) / 2, "f")) for t in tokens[:5])
    )
    for agent in agents:

        async def flat(agent_id: str = agent["id"]) -> bool:
            return not await product.positions(agent_id)

        await until(flat, "everything is sold")
        await check_the_books(product, agent)
