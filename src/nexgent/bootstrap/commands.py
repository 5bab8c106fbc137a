"""Commands between processes: those of others that this engine carries out, and those that another engine does for this one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from nexgent.domain.forwarding.forward_command import ForwardCommand
from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.domain.forwarding.ports import Engines
from nexgent.infrastructure.cache.command_queue import (
    BLOCK_SECONDS,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_ANSWER_BYTES,
    Received,
    RedisCommandInbox,
    RedisCommandQueue,
)
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, connect_redis, stop_if_cancelled
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.backoff import Backoff
from nexgent.shared.clock import Clock
from nexgent.shared.loops import TaskSet

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 32
"""So many commands are carried out at once; the next ones wait in their list."""
_FAILED = Answer(
    500, ((b"content-type", b"application/json; charset=utf-8"),), b'{"error":"Internal server error"}'
)

CarryOut = Callable[[Command], Awaitable[Answer | NotBegun]]


class CommandIntake:
    """Takes commands of other processes while this one is an engine, from when it is told how to carry them out.

    `address` is the engine's, `engaged` is set while it is one, and `served` hears what was done with each command.
    """

    def __init__(
        self,
        *,
        inbox: RedisCommandInbox,
        address: Callable[[], EngineAddress | None],
        engaged: asyncio.Event,
        clock: Clock,
        served: Callable[[str], None],
    ) -> None:
        self._inbox = inbox
        self._address = address
        self._engaged = engaged
        self._clock = clock
        self._served = served
        self._carry_out: CarryOut | None = None
        self._ready = asyncio.Event()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._tasks = TaskSet("commands of other processes")
        self._stopping = False
        self._stopped = False
        """Whoever stops this process counts no further commands."""
        self._quiet = asyncio.Event()
        """Set while no command is being read."""
        self._quiet.set()

    def carry_out_with(self, carry_out: CarryOut) -> None:
        """Begin to take commands: from now on they can be carried out."""
        self._carry_out = carry_out
        self._ready.set()

    async def here(self, command: Command) -> Answer | NotBegun:
        """Carry a command of this process out in it: its agent's shard has come here meanwhile."""
        if self._carry_out is None:
            return NotBegun.ELSEWHERE
        # A task has a context of its own.
        return await asyncio.create_task(_carried_out(self._carry_out, command), name="command")

    async def stop_taking(self) -> None:
        """Take no more commands. None that was read is lost by it."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(2 * BLOCK_SECONDS):
                if (address := self._address()) is not None:
                    await self._inbox.wake(address)
                await self._quiet.wait()
        self._stopped = True

    async def drain(self, timeout_seconds: float) -> int:
        """Wait at most so long for commands that are being carried out; return how many were left."""
        return await self._tasks.drain(timeout_seconds)

    async def run(self) -> None:
        """Take commands until there is no more to be taken, however often Redis goes away."""
        await self._ready.wait()
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            stop_if_cancelled()
            await self._engaged.wait()
            address = self._address()
            if address is None:
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
                continue
            # What is taken begins at once: in the list it can still be taken back.
            await self._room.acquire()
            if self._stopping:
                self._room.release()
                return
            received: Received | None = None
            try:
                self._quiet.clear()
                received = await self._inbox.take(address)
                backoff.reset()
            except REDIS_OUTAGES as error:
                log.warning("commands.not_taken", error=type(error).__name__)
                self._quiet.set()
                await backoff.wait()
            finally:
                self._quiet.set()
                if received is None:
                    self._room.release()
            if received is not None:
                # One that is handed out after all, by a Redis that was away while this process was being stopped, would be begun
                # by a process that ends. Whoever sent it asks the next engine.
                received.late |= self._stopped
                self._tasks.start(self._serve(received), name="command")

    async def _serve(self, received: Received) -> None:
        command, started = received.command, self._clock.monotonic()
        outcome: Answer | NotBegun = NotBegun.LATE
        try:
            if not received.late and self._carry_out is not None:
                outcome = await _carried_out(self._carry_out, command)
            await self._inbox.answer(received, outcome)
        finally:
            self._room.release()
        what = "answered" if isinstance(outcome, Answer) else outcome.value
        self._served(what)
        log.info(
            "command.served",
            method=command.method,
            path=command.path,
            outcome=what,
            status=outcome.status if isinstance(outcome, Answer) else None,
            duration_ms=round((self._clock.monotonic() - started) * 1000, 3),
        )


async def _carried_out(carry_out: CarryOut, command: Command) -> Answer | NotBegun:
    try:
        outcome = await carry_out(command)
    except Exception:
        log.exception("command.failed", method=command.method, path=command.path)
        return _FAILED
    if isinstance(outcome, Answer) and len(outcome.body) > MAX_ANSWER_BYTES:
        log.error("command.answer_too_large", path=command.path, bytes=len(outcome.body))
        return _FAILED
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCommands:
    """Both ends of the way: what this process takes, and how it has others do something."""

    forward: ForwardCommand
    intake: CommandIntake
    queue: RedisCommandQueue
    blocking: Redis

    async def run(self) -> None:
        """Take commands and hear answers until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.queue.run(), name="commands.answers")
            tasks.create_task(self.intake.run(), name="commands.take")

    async def close(self) -> None:
        """Close the connections."""
        await self.blocking.aclose()


def build_commands(
    redis_url: str,
    requests: ImpatientRedis,
    keys: CacheKeys,
    sealer: Sealer,
    *,
    engines: Engines,
    lease: EngineLease,
    engaged: asyncio.Event,
    clock: Clock,
    told: Callable[[str], None],
    served: Callable[[str], None],
) -> EngineCommands:
    """Return both ends. `engaged` is set while this process is an engine; `told` hears what became of each command that was
    forwarded, `served` of each that was taken."""

    def address() -> EngineAddress | None:
        epoch = lease.held_epoch
        return EngineAddress(row=lease.row, epoch=epoch) if epoch else None

    blocking = connect_redis(redis_url, max_connections=4)
    queue = RedisCommandQueue(requests=requests, waiting=blocking, keys=keys, sealer=sealer)
    intake = CommandIntake(
        inbox=RedisCommandInbox(redis=blocking, waiting=blocking, keys=keys, sealer=sealer),
        address=address,
        engaged=engaged,
        clock=clock,
        served=served,
    )
    forward = ForwardCommand(
        engines=engines,
        queue=queue,
        own=address,
        here=intake.here,
        clock=clock,
        pause=asyncio.sleep,
        told=told,
    )
    return EngineCommands(forward=forward, intake=intake, queue=queue, blocking=blocking)
