"""Commands between two processes over a real Redis: taken once, taken back, late, repeated, lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError as RedisConnectionError

from nexgent.domain.forwarding.errors import EngineBusyError, EngineUnreachableError, OutcomeUnknownError
from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.infrastructure.cache import command_queue
from nexgent.infrastructure.cache.command_queue import (
    PURPOSE,
    Received,
    RedisCommandInbox,
    RedisCommandQueue,
    Sent,
)
from nexgent.infrastructure.cache.connect import connect_redis
from nexgent.infrastructure.cache.impatient import ImpatientRedis, connect_for_requests
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.clock import SystemClock
from tests.patience import PATIENCE_SECONDS

ENGINE = EngineAddress(row=2, epoch=41)
COMMAND = Command(
    method="POST",
    path="/api/v1/trades/execute",
    query=b"",
    headers=((b"authorization", b"Bearer x"),),
    body=b'{"passphrase":"open sesame"}',
    address="10.0.0.1",
    request_id="r",
)
ANSWER = Answer(201, ((b"x", b"y"),), b"done")
SEALER = Sealer(SecretStr("a-secret-of-this-installation"), PURPOSE)
KEYS = CacheKeys("test:")


@dataclass
class Processes:
    """One that sends, and an engine."""

    queue: RedisCommandQueue
    inbox: RedisCommandInbox
    engines_client: Redis
    redis: Any

    async def send(self, begin_within_seconds: float = 60) -> Sent:
        return await self.queue.send(ENGINE, COMMAND, begin_within_seconds=begin_within_seconds)

    async def take(self) -> Received:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if (received := await self.inbox.take(ENGINE)) is not None:
                    return received

    async def takes_nothing(self) -> bool:
        """Tell whether what is in the list is thrown away."""
        while await self.redis.llen(KEYS.commands(ENGINE.row, ENGINE.epoch)):
            if await self.inbox.take(ENGINE) is not None:
                return False
        return True


@contextlib.contextmanager
def pipelines(client: Redis, execute: Callable[[Pipeline], Awaitable[list[Any]]]) -> Iterator[None]:
    """Have pipelines of a client executed otherwise."""
    made = client.pipeline

    def pipeline(transaction: bool = True) -> Pipeline:
        one = made(transaction)
        one_as_any: Any = one
        own = one.execute

        async def executed() -> list[Any]:
            one_as_any.execute = own
            return await execute(one)

        one_as_any.execute = executed
        return one

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client, "pipeline", pipeline)
        yield


def each_sent_again(client: Redis) -> contextlib.AbstractContextManager[None]:
    """Have the first answer to each pipeline lost."""

    async def execute(one: Pipeline) -> list[Any]:
        commands = list(one.command_stack)
        await one.execute()
        one.command_stack.extend(commands)
        return await one.execute()

    return pipelines(client, execute)


def unanswered(client: Redis) -> contextlib.AbstractContextManager[None]:
    """Have all answers to pipelines lost."""

    async def execute(one: Pipeline) -> list[Any]:
        await one.execute()
        raise RedisConnectionError("lost")

    return pipelines(client, execute)


@pytest.fixture
async def processes(redis: Redis, redis_url: str, request_redis: ImpatientRedis) -> AsyncIterator[Processes]:
    blocking = connect_redis(redis_url)
    queue = RedisCommandQueue(requests=request_redis, waiting=blocking, keys=KEYS, sealer=SEALER)
    hearing = asyncio.create_task(queue.run())
    yield Processes(
        queue, RedisCommandInbox(redis=blocking, waiting=blocking, keys=KEYS, sealer=SEALER), blocking, redis
    )
    hearing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await hearing
    await blocking.aclose()


async def test_a_command_is_taken_and_answered(processes: Processes) -> None:
    sent = await processes.send()
    assert (await sent.outcome(0), sent.taken) == (None, False)

    received = await processes.take()
    assert (received.command, received.late) == (COMMAND, False)
    assert (await sent.outcome(0), sent.taken) == (None, True)
    assert not await sent.withdraw()

    # The bell rings: nobody waits until it would be looked at again.
    waiting = asyncio.ensure_future(sent.outcome(PATIENCE_SECONDS))
    await processes.inbox.answer(received, ANSWER)
    began = time.monotonic()
    assert await waiting == ANSWER
    assert time.monotonic() - began < PATIENCE_SECONDS / 2


async def test_an_answer_is_found_though_the_bell_was_not_heard(processes: Processes) -> None:
    sent = await processes.send()
    received = await processes.take()
    sent.close()
    await processes.inbox.answer(received, NotBegun.ELSEWHERE)

    assert await sent.outcome(0) is NotBegun.ELSEWHERE


async def test_one_that_was_taken_back_is_never_begun(processes: Processes) -> None:
    name = KEYS.commands(ENGINE.row, ENGINE.epoch)
    sent = await processes.send()
    (letter,) = await processes.redis.lrange(name, 0, -1)
    assert await sent.withdraw()

    # What may hold a passphrase does not lie there until an engine that hangs has gone.
    assert await processes.redis.llen(name) == 0
    await processes.redis.rpush(name, letter)
    assert await processes.takes_nothing()


async def test_nobody_says_it_was_not_begun_when_redis_has_forgotten_the_claim(processes: Processes) -> None:
    sent = await processes.send()
    await processes.take()
    await processes.redis.flushdb()

    with pytest.raises(OutcomeUnknownError):
        await sent.withdraw()


async def test_a_claim_that_was_sent_twice_is_still_ones_own(processes: Processes) -> None:
    """Its answer was lost with the connection, and the client of Redis has sent it again."""
    sent = await processes.send()
    with each_sent_again(processes.engines_client):
        received = await processes.take()
    assert not received.late
    assert not await sent.withdraw()

    other = await processes.send()
    with each_sent_again(processes.queue.redis):
        assert await other.withdraw()
    assert not other.taken


async def test_one_whose_claim_is_not_heard_of_is_not_begun_and_that_is_said(processes: Processes) -> None:
    sent = await processes.send()
    with unanswered(processes.engines_client):
        received = await processes.take()
    assert received.late

    await processes.inbox.answer(received, NotBegun.LATE)
    assert await sent.outcome(0) is NotBegun.LATE


async def test_one_that_comes_twice_is_begun_once(processes: Processes) -> None:
    name = KEYS.commands(ENGINE.row, ENGINE.epoch)
    sent = await processes.send()
    (letter,) = await processes.redis.lrange(name, 0, -1)
    received = await processes.take()
    await processes.redis.rpush(name, letter)
    assert await processes.takes_nothing()

    # Nor is it when the claim was lost as well, and then whoever sent it is told that it was taken.
    await processes.redis.delete(KEYS.command(received.place.id.hex()))
    await processes.redis.rpush(name, letter)
    assert await processes.takes_nothing()
    assert not await sent.withdraw()


async def test_one_that_is_late_is_said_to_be(processes: Processes) -> None:
    await processes.send(begin_within_seconds=-0.001)

    assert (await processes.take()).late


async def test_what_others_put_there_is_thrown_away(processes: Processes) -> None:
    name = KEYS.commands(ENGINE.row, ENGINE.epoch)
    await processes.redis.rpush(name, b"", b"x", bytes(400))

    assert await processes.takes_nothing()
    sent = await processes.send()
    await processes.redis.set(KEYS.command(sent.place.id.hex()), bytes(100))
    assert await sent.outcome(0) is None


async def test_nothing_of_it_is_in_redis_to_be_read(processes: Processes) -> None:
    await processes.send()
    await processes.inbox.answer(await processes.take(), ANSWER)
    await processes.send()

    found = b""
    async for name in processes.redis.scan_iter("test:*"):
        assert await processes.redis.ttl(name) > 0
        kind = await processes.redis.type(name)
        held = await (processes.redis.lrange(name, 0, -1) if kind == b"list" else processes.redis.get(name))
        found += b"".join(held) if isinstance(held, list) else held
    assert len(found) > 200
    assert b"sesame" not in found
    assert b"Bearer" not in found
    assert b"trades" not in found


async def test_a_full_list_takes_nothing_more(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_queue, "MOST_WAITING", 3)
    name = KEYS.commands(ENGINE.row, ENGINE.epoch)
    await processes.redis.rpush(name, b"1", b"2", b"3")

    with pytest.raises(EngineBusyError):
        await processes.send()
    assert await processes.redis.llen(name) == 3
    assert await processes.takes_nothing()

    for _ in range(3):
        await processes.send()
    with pytest.raises(EngineBusyError):
        await processes.send()


async def test_without_redis_it_is_said_soon(processes: Processes) -> None:
    nowhere = "redis://127.0.0.1:1/0"
    client = connect_for_requests(nowhere, SystemClock())
    queue = RedisCommandQueue(requests=client, waiting=processes.redis, keys=KEYS, sealer=SEALER)

    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(EngineUnreachableError):
            await queue.send(ENGINE, COMMAND, begin_within_seconds=60)
    assert time.monotonic() - began < PATIENCE_SECONDS / 2
    await client.aclose()


async def test_whoever_waits_can_be_woken(processes: Processes) -> None:
    waiting = asyncio.ensure_future(processes.inbox.take(ENGINE))
    await processes.inbox.wake(ENGINE)

    assert await waiting is None
    assert await processes.redis.llen(KEYS.commands(ENGINE.row, ENGINE.epoch)) == 0
