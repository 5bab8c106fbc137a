"""An engine that stands still and goes on later: the standby trades meanwhile, and the one that wakes up does nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis
from solders.keypair import Keypair

from nexgent.domain.ledger.errors import JournalUnavailableError
from nexgent.sandbox.control import SandboxControl
from tests.chaos.world import StruckProduct
from tests.e2e.cable import DatabaseCable, opened
from tests.e2e.live import START_PRICE, live_agent, only_token
from tests.e2e.orders import post
from tests.e2e.product import Product, until
from tests.e2e.test_trade import bought, check_the_books

LEASE_SECONDS = 5


@pytest.fixture
def key() -> Keypair:
    return Keypair()


@pytest.fixture
async def cable(database_url: str) -> AsyncIterator[DatabaseCable]:
    """The engine's way to the database; the standby has one of its own."""
    async with opened(DatabaseCable(database_url)) as cable:
        yield cable


@pytest.fixture
async def pair(
    tmp_path: Path, cable: DatabaseCable, database_url: str, redis_url: str, redis: Redis, key: Keypair
) -> AsyncIterator[tuple[StruckProduct, StruckProduct]]:
    """An engine and a standby with one market and the same live key."""
    shared = {
        "REDIS_URL": redis_url,
        "WALLET_1": str(key),
        "ENGINE_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    folders = [tmp_path / name for name in ("engine", "standby")]
    for folder in folders:
        folder.mkdir()
    engine, standby = (
        StruckProduct(folder, {**shared, "DATABASE_URL": url})
        for folder, url in zip(folders, (cable.url, database_url), strict=True)
    )
    await engine.start_sandbox()
    standby.sandbox_port, standby.sandbox_url = engine.sandbox_port, engine.sandbox_url
    try:
        await engine.start_service()
        await until(lambda: is_engine(engine), "the first one is the engine")
        await standby.start_service()
        yield engine, standby
    finally:
        engine.service.resume()
        engine.disarm()
        standby.disarm()
        cable.mend()
        await standby.stop()
        await engine.stop()


async def state(product: Product) -> dict[str, Any]:
    """Return what a process says of who trades."""
    answer = (await product.http.get(f"{product.url}/api/v1/health/ready")).json()
    found: dict[str, Any] = answer["engine"]
    return found


async def is_engine(product: Product) -> bool:
    return bool((await state(product))["role"] == "engine")


async def is_replica(product: Product) -> bool:
    return bool((await state(product))["role"] == "replica")


async def orders(control: SandboxControl, kind: str = "order") -> int:
    """Return how often the sandbox was asked."""
    counts: dict[str, int] = (await control.requests())["counts"]
    return counts.get(kind, 0)


async def agree(database_url: str, pair: Iterable[Product]) -> None:
    """Every decision is on record as executed, for signals of which every agent made a trade. What else there is, is told.

    Whose append had no answer in time cannot know yet what became of it, and says so.
    """
    connection = await asyncpg.connect(database_url)
    try:

        async def all_decided() -> bool:
            return bool(
                await connection.fetchval(
                    "SELECT NOT EXISTS (SELECT FROM trading_signals WHERE processed_at IS NULL)"
                )
            )

        await until(all_decided, "every signal is decided on")
        wrong = await connection.fetch(
            "SELECT * FROM signal_decisions WHERE outcome <> 'EXECUTED' AND code IS DISTINCT FROM $1",
            JournalUnavailableError.code,
        )
        told = []
        if wrong:
            for table in ("signal_decisions", "trading_signals", "trade_intents", "journal"):
                told += [table, *map(str, await connection.fetch(f"SELECT * FROM {table}"))]
            told += [f"{product.folder.name}:\n{product.log('service')}" for product in pair]
        assert not wrong, "\n".join(told)
    finally:
        await connection.close()


async def test_the_standby_sells_and_the_engine_that_wakes_up_writes_nothing(
    pair: tuple[StruckProduct, StruckProduct], database_url: str
) -> None:
    engine, standby = pair
    agents = [await engine.agent(f"Agent {number}") for number in range(6)]
    tokens = await engine.tokens()
    prices = {token["mint"]: Decimal(str(token["priceSol"])) for token in tokens}
    held, wanted = tokens[0]["mint"], tokens[1]["mint"]
    await bought(engine, agents[0], held)

    async def all_hold_it() -> bool:
        return all([await engine.positions(agent["id"]) for agent in agents])

    await until(all_hold_it, "every agent holds the token")
    said = await state(standby)
    assert (said["role"], said["epoch"]) == ("replica", 1)
    assert said["holder"].endswith(f":{engine.service.pid}")

    # It stands still with purchases under way: their intents are durable, their quote has been asked for.
    async with SandboxControl(engine.sandbox_url) as control:
        before = await orders(control)
        await control.fault("delay", "order", seconds=4, times=1)
        signal_id = await engine.signal(wanted)

        async def asked() -> bool:
            return await orders(control) > before

        await until(asked, "a quote is asked for")
        engine.service.suspend()
        stopped = time.monotonic()
        await control.clear_faults()
    await standby.set_price(held, format(prices[held] * Decimal("0.5"), "f"))

    async def sold() -> bool:
        trades = [await standby.closed(agent["id"]) for agent in agents]
        return all([trade["tokenAddress"] for trade in one] == [held] for one in trades)

    await until(sold, "the standby sells")
    print(f"sold {time.monotonic() - stopped:.2f} s after the engine stood still, lease {LEASE_SECONDS} s")
    assert await is_engine(standby)

    async def decided() -> bool:
        outcomes = [one["outcome"] for one in await standby.decisions(signal_id)]
        return outcomes == ["EXECUTED"] * len(agents)

    await until(decided, "the standby carries the signal out for every agent")

    engine.service.resume()
    await until(lambda: is_replica(engine), "the one that wakes up is a replica")
    await bought(standby, agents[0], tokens[2]["mint"])

    for product in pair:
        assert [one["outcome"] for one in await product.decisions(signal_id)] == ["EXECUTED"] * len(agents)
    for agent in agents:
        await check_the_books(standby, agent)
    connection = await asyncpg.connect(database_url)
    late = await connection.fetchval(
        "SELECT count(*) FROM journal WHERE epoch < 2 AND id > (SELECT min(id) FROM journal WHERE epoch = 2)"
    )
    await connection.close()
    assert late == 0
    await agree(database_url, pair)


async def test_the_engine_that_wakes_up_posts_nothing(
    pair: tuple[StruckProduct, StruckProduct], key: Keypair
) -> None:
    engine, standby = pair
    wallet = str(key.pubkey())
    async with SandboxControl(engine.sandbox_url) as control:
        mint, config = await only_token(control, "LIVE")
        agent = await live_agent(engine, control, wallet, "Live", config)

        before = await orders(control)
        await control.fault("delay", "order", seconds=4, times=1)
        await engine.signal(mint)

        async def asked() -> bool:
            return await orders(control) > before

        await until(asked, "an order is asked for")
        engine.service.suspend()
        await control.clear_faults()
        await until(lambda: standby.positions(agent["id"]), "the standby carries the purchase out")
        posted = await orders(control, "execute")
        assert posted == 1

        engine.service.resume()
        await until(lambda: is_replica(engine), "the one that wakes up is a replica")
        await standby.set_price(mint, "0.0005")

        async def sold() -> bool:
            return len(await standby.closed(agent["id"])) == 1

        await until(sold, "the standby sells")
        assert await orders(control, "execute") == 2
        account = (await control.state())["accounts"][wallet]
        assert not any(int(amount) for amount in account["tokens"].values())
    # What needs the engine is carried out there, whoever is asked.
    order = {"agentId": agent["id"], "walletAddress": wallet, "tokenAddress": mint, "positionSize": "0.1"}

    async def bought_by_hand() -> str | None:
        status, answer, _ = await post(engine, "/trades/execute", order)
        # What another source said before the price fell holds for a moment.
        assert status == 200 or (status, answer["code"]) == (502, "QUOTE_IMPLAUSIBLE"), answer
        return answer.get("positionId")

    position = await until(bought_by_hand, "the engine buys")
    assert [row["id"] for row in await standby.positions(agent["id"])] == [position]
    assert "command.served" in standby.log("service")


async def hold(product: Product, token: str, agents: list[dict[str, Any]], kind: str) -> None:
    """Have agents buy a token."""
    await product.signal(token, kind=kind)
    await all_hold(product, token, agents)


async def all_hold(product: Product, token: str | None, agents: list[dict[str, Any]]) -> None:
    """Wait until each of the agents holds just that token, or nothing."""

    async def so() -> bool:
        held = [[one["tokenAddress"] for one in await product.positions(agent["id"])] for agent in agents]
        return all(tokens == ([token] if token is not None else []) for tokens in held)

    await until(so, f"the agents hold {token or 'nothing'}")


async def requests_end(product: Product, agent_id: str, token: str) -> None:
    """Ask a process whose database has fallen silent: each request ends, and says what is the matter."""

    async def ask(method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
        response = await product.http.request(
            method,
            f"{product.url}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {product.token()}"},
        )
        return response.status_code, response.json()

    signal = {"tokenAddress": token, "signalType": "SILENCE", "signalStrength": 3}
    live, ready, health, created, *records = await asyncio.gather(
        ask("GET", "/health/live"),
        ask("GET", "/health/ready"),
        ask("GET", "/health"),
        ask("POST", "/trading-signals", signal),
        *(ask("GET", f"/agent-transactions?agentId={agent_id}&limit={limit}") for limit in range(1, 21)),
    )
    assert (live[0], live[1]["alive"]) == (200, True)
    assert (ready[0], ready[1]["message"]) == (503, "The database does not answer")
    assert (health[0], health[1]["services"]["database"]) == (503, {"status": "unhealthy"})
    assert (created[0], created[1]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert {(status, body["code"]) for status, body in records} == {(503, "DATABASE_UNAVAILABLE")}


async def test_a_cut_network_and_a_blocked_loop_are_followed_and_do_nothing_afterwards(
    pair: tuple[StruckProduct, StruckProduct], cable: DatabaseCable, database_url: str, key: Keypair
) -> None:
    """First the engine loses its database, then the one that followed it blocks, then a database falls silent: each time the
    other one sells."""
    first, second = pair
    wallet = str(key.pubkey())
    database = await asyncpg.connect(database_url)
    async with SandboxControl(first.sandbox_url) as control:
        mint, config = await only_token(control, "LIVE")
        live = await live_agent(first, control, wallet, "Live", config)
        paper = [await first.agent("Paper")]
        agents = [live, *paper]
        other = (await first.tokens())[0]["mint"]

        # A lost connection alone is no reason: the lease has time left, and is renewed over another one.
        await hold(first, mint, agents, "ONE")
        renewed = await database.fetchval("SELECT renewed_at FROM engine_lease")
        await database.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name ~ '^nexgent-lease-[0-9a-f]+$'"
        )

        async def goes_on() -> bool:
            return bool(await database.fetchval("SELECT renewed_at > $1 FROM engine_lease", renewed))

        await until(goes_on, "the lease is renewed")
        assert await database.fetchval("SELECT epoch FROM engine_lease") == 1

        # Nothing gets through to the database any more. Prices do: it sees that it should sell.
        cable.cut()
        began = time.monotonic()
        await control.set_price(mint, START_PRICE / 2)
        await all_hold(second, None, agents)
        print(f"sold {time.monotonic() - began:.2f} s after the cut, lease {LEASE_SECONDS} s")
        assert await orders(control, "execute") == 2

        async def says_so() -> bool:
            said = await state(first)
            return said["role"] == "unknown" and "another process may trade" in said["reason"]

        await until(says_so, "whoever is cut off does not call itself the engine")
        cable.mend()
        await until(lambda: is_replica(first), "whoever was cut off is a replica")

        # The new engine blocks as a whole while it announces a purchase; the first one is the standby now.
        await control.set_price(mint, START_PRICE)
        await hold(second, mint, agents, "TWO")
        second.arm("publish", "before", kill=False)
        signalling = asyncio.create_task(second.signal(other))
        await until(lambda: asyncio.sleep(0, second.struck), "it blocks")
        began = time.monotonic()
        await control.set_price(mint, START_PRICE / 2)
        await all_hold(first, None, [live])
        await all_hold(first, other, paper)
        print(f"sold {time.monotonic() - began:.2f} s after the loop blocked, lease {LEASE_SECONDS} s")
        assert await is_engine(first)
        second.disarm()
        signal_id = await signalling
        await until(lambda: is_replica(second), "whoever was blocked is a replica")

        async def decided() -> bool:
            outcomes = sorted(one["outcome"] for one in await first.decisions(signal_id))
            return outcomes == ["EXECUTED", "SKIPPED"]

        await until(decided, "the signal is carried out")
        assert await orders(control, "execute") == 4

        # A signal that is announced to nobody is decided on all the same.
        await control.set_price(mint, START_PRICE)
        await database.execute(
            """
            SELECT FROM add_trading_signals(ARRAY[$1::uuid], ARRAY[$2], ARRAY['LIVE'], ARRAY['THREE'], ARRAY['because'],
                                            ARRAY[3], ARRAY['test'], ARRAY[60], ARRAY['nowhere'])
            """,
            await database.fetchval("SELECT user_id FROM agents LIMIT 1"),
            mint,
        )
        await all_hold(first, mint, [live])
        account = (await control.state())["accounts"][wallet]
        assert [mint for mint, amount in account["tokens"].items() if int(amount)] == [mint]

        # Its database neither answers nor closes any more: packets vanish.
        await second.login()
        cable.swallow()
        began = time.monotonic()
        await control.set_price(mint, START_PRICE / 2)
        asking = asyncio.create_task(requests_end(first, live["id"], mint))
        await all_hold(second, None, [live])
        print(f"sold {time.monotonic() - began:.2f} s after the silence, lease {LEASE_SECONDS} s")
        assert await is_engine(second)
        await asking
        assert await orders(control, "execute") == 6
        cable.mend()
        await until(lambda: is_replica(first), "whoever heard nothing is a replica")
        await all_hold(first, None, [live])
        account = (await control.state())["accounts"][wallet]
        assert not any(int(amount) for amount in account["tokens"].values())
    late = await database.fetchval(
        """
        SELECT count(*) FROM journal AS a
        WHERE epoch > 0 AND EXISTS (SELECT FROM journal AS b WHERE b.epoch > a.epoch AND b.id < a.id)
        """
    )
    await database.close()
    assert late == 0
    code, report = await first.verify()
    assert code == 0, report
