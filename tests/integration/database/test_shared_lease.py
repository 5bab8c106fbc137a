"""Leases of engines that share the work, and what they fence, against a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

import asyncpg
import pytest

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.infrastructure.database.engines import PostgresEngines
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, highest, shard_of
from nexgent.shared.types import AgentId
from tests.integration.database.story import Story

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
LONG = 600.0
EXPIRE = """
UPDATE engine_lease SET renewed_at = renewed_at - interval '1 h', expires_at = clock_timestamp() - interval '1 min'
WHERE owner = $1
"""
Leases: TypeAlias = Callable[..., EngineLease]


@pytest.fixture
async def leases(database_url: str) -> AsyncIterator[Leases]:
    """Make leases by name; they are released in the end."""
    made: list[EngineLease] = []

    def make(owner: str, *, shared: bool = True, eligible: bool = True) -> EngineLease:
        lease = EngineLease(
            database_url, owner=owner, seconds=LONG, shared=shared, eligible=eligible, version="1"
        )
        made.append(lease)
        return lease

    yield make
    for lease in made:
        await lease.release()


async def signed_on(lease: EngineLease) -> EngineLease:
    assert await lease.try_acquire() is not None
    lease.enable()
    return lease


async def in_balance(*engines: EngineLease) -> list[int]:
    """Have engines leave what is too much and take what is free; return how many shards each has then."""
    for _ in range(2):
        for lease in engines:
            balance = await lease.balance()
            if balance.surplus > 0:
                await lease.give_up(highest(balance.shards, balance.surplus))
    held = NO_SHARDS
    for lease in engines:
        assert not held & lease.shards, "nobody has what another one has"
        held |= lease.shards
    assert held == ALL_SHARDS
    return [lease.shards.bit_count() for lease in engines]


async def trade(lease: EngineLease, database_url: str, agent_id: AgentId) -> None:
    """Write a deposit and the intent of a purchase."""
    journal = PostgresJournal(database_url, lease=lease)
    story = Story(agent_id)
    deposit = story.deposit()
    intended = story.intend(1_000)
    try:
        await journal.append([deposit, intended])
    finally:
        await journal.close()


def agent_in(shards: int) -> AgentId:
    """Return an agent of one of these shards."""
    return next(
        agent_id for number in range(10_000) if shards >> shard_of(agent_id := AgentId(UUID(int=number))) & 1
    )


async def test_shares_are_even_and_one_that_leaves_is_followed(leases: Leases) -> None:
    first = await signed_on(leases("first"))
    assert (await first.balance()).shards == ALL_SHARDS

    second = await signed_on(leases("second"))
    assert (await second.balance()).shards == NO_SHARDS
    assert await in_balance(first, second) == [32, 32]

    third = await signed_on(leases("third"))
    assert sorted(await in_balance(first, second, third)) == [20, 22, 22]
    assert len({lease.epoch for lease in (first, second, third)}) == 3
    assert len({lease.row for lease in (first, second, third)}) == 3

    await second.release()
    assert sorted(await in_balance(first, third)) == [32, 32]
    await third.release()
    assert await in_balance(first) == [64]


async def test_whoever_asks_finds_the_engine_of_each_agent(leases: Leases, database_url: str) -> None:
    first, second = await signed_on(leases("first")), await signed_on(leases("second"))
    await in_balance(first, second)
    agents: list[AgentId | None] = [agent_in(first.shards), agent_in(second.shards), None]
    async with opened_pool(database_url, COMMAND) as pool:
        engines = PostgresEngines(pool)
        found = await engines.engines_of(agents)

        assert found == {agent_id: await engines.engine_of(agent_id) for agent_id in agents}
        assert [(found[agent_id].row, found[agent_id].epoch) for agent_id in agents[:2]] == [
            (lease.row, lease.epoch) for lease in (first, second)
        ]
        assert {(one.row, one.epoch) for one in found.values()} == {
            (lease.row, lease.epoch) for lease in (first, second)
        }
        await second.release()
        assert await engines.engines_of(agents[1:2]) == {}
        assert await engines.engine_of(agents[1]) is None


async def test_engines_that_come_at_once_never_have_the_same(leases: Leases) -> None:
    engines = [await signed_on(leases(f"engine {number}")) for number in range(5)]

    for _ in range(3):
        found = await asyncio.gather(*(lease.balance() for lease in engines))
        held = NO_SHARDS
        for lease, balance in zip(engines, found, strict=True):
            assert not held & lease.shards
            held |= lease.shards
            if balance.surplus > 0:
                await lease.give_up(highest(balance.shards, balance.surplus))

    assert sorted(await in_balance(*engines)) == [12, 13, 13, 13, 13]


async def test_one_that_stands_still_is_ended_for_good(
    leases: Leases, database_url: str, connection: Connection
) -> None:
    frozen, other = await signed_on(leases("frozen")), await signed_on(leases("other"))
    assert await in_balance(frozen, other) == [32, 32]
    agent_id = agent_in(frozen.shards)
    epoch = frozen.epoch
    await connection.execute(EXPIRE, "frozen")

    assert (await other.balance()).shards == ALL_SHARDS

    # It believes in its lease, and tries to go on: nothing of that is taken.
    assert frozen.epoch == epoch
    with pytest.raises(NotTheEngineError):
        await trade(frozen, database_url, agent_id)
    assert not frozen.is_held
    await trade(other, database_url, agent_id)
    assert await connection.fetchval("SELECT array_agg(DISTINCT epoch) FROM journal") == [other.epoch]


@pytest.mark.parametrize("what", ["balance", "confirm", "give_up"])
async def test_one_that_stood_still_hears_of_it(leases: Leases, connection: Connection, what: str) -> None:
    frozen, other = await signed_on(leases("frozen")), await signed_on(leases("other"))
    await in_balance(frozen, other)
    await connection.execute(EXPIRE, "frozen")
    await other.balance()

    asking: dict[str, Callable[[], Awaitable[object]]] = {
        "balance": frozen.balance,
        "confirm": frozen.confirm,
        "give_up": lambda: frozen.give_up(1),
    }
    with pytest.raises(NotTheEngineError):
        await asking[what]()

    assert (frozen.is_held, frozen.shards) == (False, NO_SHARDS)
    assert await frozen.try_acquire() is not None, "it may come back, with nothing"
    assert frozen.shards == NO_SHARDS


async def test_trades_are_written_for_ones_own_shards_only(
    leases: Leases, database_url: str, connection: Connection
) -> None:
    first, second = await signed_on(leases("first")), await signed_on(leases("second"))
    await in_balance(first, second)

    with pytest.raises(NotTheEngineError):
        await trade(first, database_url, agent_in(second.shards))
    assert first.is_held, "that is no reason to take it for dead"
    assert await connection.fetchval("SELECT count(*) FROM journal") == 0

    for lease in (first, second):
        await trade(lease, database_url, agent_in(lease.shards))


async def test_what_people_enter_is_written_by_any_engine(
    leases: Leases, database_url: str, connection: Connection
) -> None:
    first, second = await signed_on(leases("first")), await signed_on(leases("second"))
    await in_balance(first, second)
    journal = PostgresJournal(database_url, lease=first)
    story = Story(agent_in(second.shards))

    await journal.append([story.deposit()])
    await journal.close()

    assert await connection.fetchval("SELECT count(*) FROM journal") == 1


async def test_the_row_is_compared_and_not_what_the_process_believes(
    leases: Leases, database_url: str, connection: Connection
) -> None:
    lease = await signed_on(leases("first"))
    await lease.balance()
    agent_id = agent_in(ALL_SHARDS)
    await connection.execute("UPDATE engine_lease SET shards = 0 WHERE owner = 'first'")

    with pytest.raises(NotTheEngineError):
        await trade(lease, database_url, agent_id)


async def test_one_for_everything_and_several_exclude_each_other(
    leases: Leases, connection: Connection
) -> None:
    shared, whole = leases("shared"), leases("whole", shared=False)

    await signed_on(whole)
    assert await shared.try_acquire() is None
    assert shared.status.holder == "whole"
    await whole.release()

    await signed_on(shared)
    assert await whole.try_acquire() is None
    await shared.release()
    assert await whole.try_acquire() is not None

    # Dead is not enough for either: it may wake up.
    await connection.execute(EXPIRE, "whole")
    epoch = await shared.try_acquire()
    assert epoch is not None
    whole.enable()
    with pytest.raises(NotTheEngineError):
        await whole.confirm()
    await connection.execute(EXPIRE, "shared")
    taken = await whole.try_acquire()
    assert taken is not None
    assert taken > epoch
    shared.enable()
    with pytest.raises(NotTheEngineError):
        await shared.balance()


async def test_who_is_not_eligible_never_trades_and_sees_who_does(leases: Leases) -> None:
    serving = leases("serving", shared=False, eligible=False)
    with pytest.raises(NotTheEngineError):
        await serving.confirm()

    assert await serving.try_acquire() is None
    assert (serving.is_held, serving.status.holder) == (False, None)

    whole = await signed_on(leases("whole", shared=False))
    assert await serving.try_acquire() is None
    assert serving.status.holder == "whole"
    await whole.release()

    shared = await signed_on(leases("shared"))
    assert await serving.try_acquire() is None
    assert (serving.status.holder, serving.status.epoch) == ("shared", shared.status.epoch)
    await shared.release()

    # Nobody is left, and it does not step in.
    assert await serving.try_acquire() is None
    assert not serving.is_held
    assert await whole.try_acquire() is not None


async def test_a_version_that_knows_one_row_finds_it_taken_while_engines_share(
    leases: Leases, connection: Connection
) -> None:
    """Its statement, as it was before there were shards."""
    older = """
        UPDATE engine_lease SET
            epoch = epoch + 1, owner = 'older', session = 'older', acquired_at = clock_timestamp(),
            renewed_at = statement_timestamp(), expires_at = statement_timestamp() + interval '10 s'
        WHERE id = 1 AND (expires_at IS NULL OR expires_at <= clock_timestamp())
        RETURNING epoch
    """
    await connection.execute("INSERT INTO engine_lease (id) VALUES (1) ON CONFLICT DO NOTHING")
    shared = await signed_on(leases("shared"))

    assert await connection.fetchval(older) is None

    await shared.release()
    assert await connection.fetchval(older) is not None
    assert await shared.try_acquire() is None
    assert shared.status.holder == "older"
