"""Several engines on one database, each with its share of the agents: killed, frozen, stopped and started while they trade."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis
from solders.keypair import Keypair

from nexgent.sandbox.control import SandboxControl
from nexgent.shared.shards import SHARDS, shard_of
from nexgent.shared.types import AgentId
from tests.e2e.live import live_agent, only_token
from tests.e2e.product import Product, until
from tests.e2e.test_trade import check_the_books

LEASE_SECONDS = 5
AGENTS = 24


class Engines:
    """Services that share the work, and what the database says of them."""

    def __init__(self, products: Sequence[Product], database_url: str) -> None:
        self.all = list(products)
        self.up = list(products)
        self._database_url = database_url

    async def ask(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._database_url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
            return rows
        finally:
            await connection.close()

    async def shards(self) -> dict[str, set[int]]:
        """Return the shards of each engine that lives, by the number of its process."""
        rows = await self.ask(
            "SELECT owner, shards FROM engine_lease WHERE expires_at > clock_timestamp() AND owner IS NOT NULL"
        )
        return {
            row["owner"].rpartition(":")[2]: {n for n in range(SHARDS) if row["shards"] >> n & 1}
            for row in rows
        }

    async def spread(self) -> None:
        """Wait until each engine that is up has an even share."""

        async def even() -> bool:
            held = await self.shards()
            wanted = {str(one.service.pid) for one in self.up}
            most = -(-SHARDS // len(wanted))
            assert sum(map(len, held.values())) <= SHARDS
            return (
                held.keys() == wanted
                and sum(map(len, held.values())) == SHARDS
                and all(len(mine) <= most for mine in held.values())
            )

        await until(even, "the shards are spread")

    async def act(self) -> None:
        """Wait until every engine acts for what it has."""

        async def acting() -> bool:
            logs = [one.log("service") for one in self.up]
            return all("shards.taken" in log for log in logs)

        await until(acting, "every engine acts for its shards")

    async def of(self, product: Product, agents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the agents that an engine trades for."""
        held = (await self.shards())[str(product.service.pid)]
        return [agent for agent in agents if shard_of(AgentId(UUID(agent["id"]))) in held]

    async def decided(self, signal_id: int, outcomes: int) -> None:
        """Wait until every agent has carried a signal out, and nobody is left to say something."""

        async def complete() -> bool:
            rows = await self.ask(
                """
                SELECT processed_at, answered, (SELECT array_agg(outcome || coalesce(code, '')) FROM signal_decisions
                                                WHERE signal_id = $1) AS outcomes
                FROM trading_signals WHERE id = $1
                """,
                signal_id,
            )
            row = rows[0]
            return row["processed_at"] is not None and row["outcomes"] == ["EXECUTED"] * outcomes

        await until(complete, "the signal is carried out for every agent")

    async def shared_out(self, signal_ids: Sequence[int], agents: int) -> None:
        """Wait until signals for one token are processed: each agent has carried one out, whichever reached it first."""

        async def complete() -> bool:
            row = (
                await self.ask(
                    """
                    SELECT count(*) FILTER (WHERE d.outcome = 'EXECUTED') AS executed, count(DISTINCT d.agent_id) AS agents,
                           count(*) AS decisions, bool_and(s.processed_at IS NOT NULL) AS processed
                    FROM trading_signals s JOIN signal_decisions d ON d.signal_id = s.id WHERE s.id = ANY($1::int[])
                    """,
                    list(signal_ids),
                )
            )[0]
            return (row["processed"], row["executed"], row["agents"], row["decisions"]) == (
                True,
                agents,
                agents,
                agents * len(signal_ids),
            )

        await until(complete, "every agent has carried out one of the signals")

    async def check(self, agents: Sequence[dict[str, Any]]) -> None:
        """One intent per agent and signal and per position, one outcome per intent, and books that are right."""

        async def all_decided() -> bool:
            return not await self.ask("SELECT FROM trading_signals WHERE processed_at IS NULL")

        await until(all_decided, "every signal is decided on")
        twice = await self.ask(
            "SELECT intent_id, kind, count(*) FROM journal WHERE intent_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) > 1"
        )
        assert not twice, twice
        endless = await self.ask(
            """
            SELECT intent_id FROM journal WHERE intent_id IS NOT NULL GROUP BY 1
            HAVING count(*) FILTER (WHERE kind IN ('settled', 'failed', 'expired')) <> 1
            """
        )
        assert not endless, endless
        undecided = await self.ask(
            """
            SELECT s.id, a.id FROM trading_signals s JOIN agents a ON a.user_id = s.user_id
            WHERE NOT EXISTS (SELECT FROM signal_decisions d WHERE d.signal_id = s.id AND d.agent_id = a.id)
            """
        )
        assert not undecided, undecided
        for agent in agents:
            await check_the_books(self.up[0], agent)
        code, report = await self.up[0].verify()
        assert code == 0, report


@pytest.fixture
def key() -> Keypair:
    return Keypair()


@pytest.fixture
async def engines(
    tmp_path: Path, database_url: str, redis_url: str, redis: Redis, key: Keypair
) -> AsyncIterator[Engines]:
    """Three engines with one market and one live key."""
    settings = {
        "WALLET_1": str(key),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENGINES": "shared",
        "ENGINE_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    products = [Product(folder, settings) for folder in folders]
    await products[0].start_sandbox()
    for product in products[1:]:
        product.sandbox_port, product.sandbox_url = products[0].sandbox_port, products[0].sandbox_url
    try:
        for product in products:
            await product.start_service()
        yield Engines(products, database_url)
    finally:
        for product in reversed(products):
            with suppress(psutil.NoSuchProcess):
                product.service.resume()
            await product.stop()


async def all_hold(product: Product, agents: Sequence[dict[str, Any]], *tokens: str) -> None:
    """Wait until each agent holds just these tokens."""

    async def so() -> bool:
        held = [{one["tokenAddress"] for one in await product.positions(agent["id"])} for agent in agents]
        return all(mine == set(tokens) for mine in held)

    await until(so, f"every agent holds {tokens or 'nothing'}")


async def test_three_engines_trade_and_one_after_the_other_is_killed_frozen_and_replaced(
    engines: Engines,
) -> None:
    one, two, three = engines.all
    await engines.spread()
    await engines.act()
    agents = [await engines.all[number % 3].agent(f"Agent {number}") for number in range(AGENTS)]
    tokens = await one.tokens()
    first, second, third, fourth = (token["mint"] for token in tokens[:4])
    prices = {token["mint"]: Decimal(str(token["priceSol"])) for token in tokens}
    assert all([await engines.of(product, agents) for product in engines.all]), (
        "each has somebody to trade for"
    )

    # A signal that one process is sent is carried out by all, and what a price says is done by whoever has the agent.
    await engines.decided(await two.signal(first), AGENTS)
    for product in engines.all:
        await all_hold(product, agents, first)
    epochs = await engines.ask("SELECT DISTINCT epoch FROM journal WHERE kind = 'settled'")
    assert len(epochs) == 3
    await one.set_price(first, format(prices[first] / 2, "f"))
    await all_hold(three, agents)

    # One is killed with purchases under way: their intents are durable, the quote has been asked for.
    async with SandboxControl(one.sandbox_url) as control:
        await control.fault("delay", "order", seconds=5, times=3)
        signal_id = await one.signal(second)

        async def intended() -> bool:
            rows = await engines.ask(
                "SELECT FROM journal WHERE kind = 'intended' AND body::text LIKE $1", f"%{second}%"
            )
            return len(rows) == AGENTS

        await until(intended, "every agent is buying")
        three.kill_service()
        engines.up.remove(three)
        await control.clear_faults()
    began = time.monotonic()
    await engines.decided(signal_id, AGENTS)
    await engines.spread()
    print(f"carried out {time.monotonic() - began:.2f} s after one engine was killed")

    # One stands still: the other one does everything, stops of its positions included.
    two.service.suspend()
    engines.up.remove(two)
    began = time.monotonic()
    await one.set_price(second, format(prices[second] / 2, "f"))
    await all_hold(one, agents)
    print(f"sold {time.monotonic() - began:.2f} s after one engine stood still, lease {LEASE_SECONDS} s")
    await engines.decided(await one.signal(third), AGENTS)
    two.service.resume()
    engines.up.append(two)
    await engines.spread()

    # One comes back, one is stopped and started again, and signals come meanwhile.
    await three.start_service()
    engines.up.append(three)
    signals = [await three.signal(fourth, kind="WHILE")]
    await one.stop_service()
    await one.start_service()
    signals.append(await one.signal(fourth, kind="AFTER"))
    await engines.spread()
    # A shard that moves meanwhile may hear of the second one first.
    await engines.shared_out(signals, AGENTS)
    await one.set_price(third, format(prices[third] / 2, "f"))
    await all_hold(two, agents, fourth)
    await engines.check(agents)


async def test_a_live_swap_is_posted_once_whoever_its_engine_is(engines: Engines, key: Keypair) -> None:
    """Its engine stands still with the order asked for; the one that follows it posts, and the first one does not."""
    await engines.spread()
    await engines.act()
    wallet = str(key.pubkey())
    async with SandboxControl(engines.all[0].sandbox_url) as control:

        async def counted(kind: str) -> int:
            counts: dict[str, int] = (await control.requests())["counts"]
            return counts.get(kind, 0)

        mint, config = await only_token(control, "LIVE")
        agent = await live_agent(engines.all[0], control, wallet, "Live", config)
        owners = [one for one in engines.all if await engines.of(one, [agent])]
        assert len(owners) == 1
        (owner,) = owners
        other = next(one for one in engines.all if one is not owner)
        # Whoever does not trade for it says so, and nothing of it has begun.
        order = {
            "agentId": agent["id"],
            "walletAddress": wallet,
            "tokenAddress": mint,
            "positionSize": "0.1",
        }
        status, answer = await other.ask("POST", "/trades/execute", order, expect=(503,))
        assert (status, answer["code"]) == (503, "NOT_THE_ENGINE")
        assert await counted("execute") == 0

        before = await counted("order")
        await control.fault("delay", "order", seconds=4, times=1)
        await other.signal(mint)

        async def asked() -> bool:
            return await counted("order") > before

        await until(asked, "an order is asked for")
        owner.service.suspend()
        engines.up.remove(owner)
        await control.clear_faults()
        await until(lambda: other.positions(agent["id"]), "another engine carries the purchase out")
        assert await counted("execute") == 1

        owner.service.resume()
        engines.up.append(owner)
        await engines.spread()
        await other.set_price(mint, "0.0005")

        async def sold() -> bool:
            return len(await other.closed(agent["id"])) == 1

        await until(sold, "it is sold")
        assert await counted("execute") == 2
        account = (await control.state())["accounts"][wallet]
        assert not any(int(amount) for amount in account["tokens"].values())
    await engines.check([])
