"""Commands for engines, over Redis: sealed, taken at most once, answered under a key of their own.

A command waits in a list of the engine it is for. Before it begins, the engine claims it, and who sent it claims it to take it
back: the first one decides, in one step of Redis, so a command that was taken back is never begun. The answer takes the place of
the claim, and a list of the sender's rings. What is lost on the way (a list that rings in vain, a connection that breaks with a
command just read) makes things late, or unknown, and never happens twice. A claim that was sent again over a broken connection
knows itself by what it holds. A server that has forgotten the claims (started anew, without its data) has forgotten as well that
the command was sent: then nobody says that it was taken back.

Commands and answers are encrypted with the installation's secret, each under a key of its own to which engine, epoch and id
belong: who reads Redis learns when something was sent and how long it is, and who writes there can hold it up and nothing else.
Redis' own clock is everybody's for the deadline.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis

from nexgent.domain.forwarding.errors import EngineBusyError, EngineUnreachableError, OutcomeUnknownError
from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, stop_if_cancelled
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.backoff import Backoff
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

PURPOSE = "forwarded-command"
"""What the sealer is made for."""
MOST_WAITING = 200
"""So many commands may wait for one engine, and so many for answers in one process."""
KEPT_SECONDS = 300
"""How long lists, claims and answers are kept."""
MAX_ANSWER_BYTES = 1 << 20
BLOCK_SECONDS = 1
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
_ANSWER_ATTEMPTS = 30
_MOST_REMEMBERED = 10_000
_ID_BYTES = 16
_TAKEN, _WITHDRAWN = b"taken", b"withdrawn"
"""The first one is followed by bytes of the engine's own."""


class _Letter(msgspec.Struct, array_like=True):
    """A command and until when, by Redis' clock, it may be begun."""

    until: float
    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    address: str
    request_id: str


class _Reply(msgspec.Struct, array_like=True):
    """An answer, or why nothing was done."""

    not_begun: str
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


_letters = msgspec.msgpack.Decoder(_Letter)
_replies = msgspec.msgpack.Decoder(_Reply)


@dataclass(frozen=True, slots=True)
class Place:
    """What an envelope says in the open: the command's id and who waits for its answer, 16 bytes each."""

    engine: EngineAddress
    id: bytes
    sender: bytes

    @property
    def head(self) -> bytes:
        """The open part of the envelope."""
        return self.id + self.sender

    def context(self, what: bytes) -> bytes:
        """Return what a sealed command or answer belongs to."""
        numbers = self.engine.row.to_bytes(2, "big") + self.engine.epoch.to_bytes(8, "big")
        return what + b"\0" + numbers + self.head


def seal_command(sealer: Sealer, place: Place, command: Command, until: float) -> bytes:
    """Return a command as it lies in the list."""
    letter = _Letter(
        until,
        command.method,
        command.path,
        command.query,
        list(command.headers),
        command.body,
        command.address,
        command.request_id,
    )
    return place.head + sealer.seal(place.context(b"command"), msgspec.msgpack.encode(letter))


def open_command(sealer: Sealer, engine: EngineAddress, sealed: bytes) -> tuple[Place, Command, float] | None:
    """Return whose command it is, the command and its deadline; None when it was not sealed here, for this engine."""
    place = Place(engine, sealed[:_ID_BYTES], sealed[_ID_BYTES : 2 * _ID_BYTES])
    plain = sealer.open(place.context(b"command"), sealed[2 * _ID_BYTES :])
    if plain is None:
        return None
    letter = _letters.decode(plain)
    command = Command(
        method=letter.method,
        path=letter.path,
        query=letter.query,
        headers=tuple(letter.headers),
        body=letter.body,
        address=letter.address,
        request_id=letter.request_id,
    )
    return place, command, letter.until


def seal_outcome(sealer: Sealer, place: Place, outcome: Answer | NotBegun) -> bytes:
    """Return what became of a command as it lies under its key."""
    reply = (
        _Reply(outcome.value, 0, [], b"")
        if isinstance(outcome, NotBegun)
        else _Reply("", outcome.status, list(outcome.headers), outcome.body)
    )
    return sealer.seal(place.context(b"outcome"), msgspec.msgpack.encode(reply))


def open_outcome(sealer: Sealer, place: Place, sealed: bytes) -> Answer | NotBegun | None:
    """Return what became of a command; None when that is not what was sealed."""
    plain = sealer.open(place.context(b"outcome"), sealed)
    if plain is None:
        return None
    reply = _replies.decode(plain)
    if reply.not_begun:
        return NotBegun(reply.not_begun)
    return Answer(reply.status, tuple(reply.headers), reply.body)


class RedisCommandQueue:
    """Implements `CommandQueue`. `run` listens for answers while there is something to listen for.

    `requests` is the client of requests, which gives up soon; `waiting` is one that may be blocked.
    """

    def __init__(self, *, requests: Redis, waiting: Redis, keys: CacheKeys, sealer: Sealer) -> None:
        self.redis = requests
        self.keys = keys
        self.sealer = sealer
        self._waiting = waiting
        self._process = secrets.token_bytes(_ID_BYTES)
        self._bells: dict[bytes, asyncio.Event] = {}
        self._wanted = asyncio.Event()

    async def send(self, engine: EngineAddress, command: Command, *, begin_within_seconds: float) -> Sent:
        """Send a command that is not to be begun later than that."""
        if len(self._bells) >= MOST_WAITING:
            raise EngineBusyError
        try:
            now = await redis_time(self.redis)
        except REDIS_OUTAGES as error:
            raise EngineUnreachableError from error
        place = Place(engine, secrets.token_bytes(_ID_BYTES), self._process)
        bell = self._bells[place.id] = asyncio.Event()
        self._wanted.set()
        sealed = seal_command(self.sealer, place, command, now + begin_within_seconds)
        sent = Sent(self, place, sealed, bell)
        try:
            await self._put(sent)
        except BaseException:
            sent.close()
            raise
        return sent

    async def _put(self, sent: Sent) -> None:
        name = sent.list_name
        try:
            pipeline = self.redis.pipeline(transaction=True)
            pipeline.rpush(name, sent.sealed)
            pipeline.expire(name, KEPT_SECONDS)
            pipeline.set(self.keys.command_sent(sent.place.id.hex()), b"", ex=KEPT_SECONDS)
            length, *_ = await pipeline.execute()
        except REDIS_OUTAGES as error:
            # It may have arrived all the same.
            try:
                withdrawn, _ = await sent.take_back()
            except UnavailableError:
                raise OutcomeUnknownError from error
            if withdrawn:
                raise EngineUnreachableError from error
            return
        if length > MOST_WAITING and await sent.withdraw():
            raise EngineBusyError

    def forget(self, command_id: bytes) -> None:
        """Wait for a command's answer no longer."""
        self._bells.pop(command_id, None)
        if not self._bells:
            self._wanted.clear()

    async def run(self) -> None:
        """Hear which commands were answered, again and again."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        name = self.keys.answered(self._process.hex())
        while True:
            stop_if_cancelled()
            await self._wanted.wait()
            try:
                heard = await _first(self._waiting, name)
                backoff.reset()
            except REDIS_OUTAGES as error:
                log.warning("commands.not_listening", error=type(error).__name__)
                await backoff.wait()
                continue
            if heard is not None and (bell := self._bells.get(heard)) is not None:
                bell.set()


class Sent:
    """Implements `SentCommand`."""

    def __init__(self, queue: RedisCommandQueue, place: Place, sealed: bytes, bell: asyncio.Event) -> None:
        self._queue = queue
        self._bell = bell
        self._name = queue.keys.command(place.id.hex())
        self.place = place
        self.sealed = sealed
        self.list_name = queue.keys.commands(place.engine.row, place.engine.epoch)
        self.taken = False

    async def outcome(self, seconds: float) -> Answer | NotBegun | None:
        """Wait at most so long for what becomes of it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        self._bell.clear()
        try:
            found = await self._queue.redis.get(self._name)
        except REDIS_OUTAGES as error:
            raise EngineUnreachableError from error
        if found is None:
            return None
        self.taken = True
        # A claim is no answer and does not open as one.
        return open_outcome(self._queue.sealer, self.place, found)

    async def withdraw(self) -> bool:
        """Take it back; False when the engine was faster."""
        withdrawn, remembered = await self.take_back()
        if withdrawn and not remembered:
            raise OutcomeUnknownError
        return withdrawn

    async def take_back(self) -> tuple[bool, bool]:
        """Tell whether it is taken back, and whether the server remembers that it was sent. Raises `EngineUnreachableError`."""
        try:
            pipeline = self._queue.redis.pipeline(transaction=True)
            pipeline.set(self._name, _WITHDRAWN, nx=True, ex=KEPT_SECONDS)
            pipeline.get(self._name)
            pipeline.exists(self._queue.keys.command_sent(self.place.id.hex()))
            # Nobody is to read it any more: it may hold a passphrase, and an engine that hangs would leave it there.
            pipeline.lrem(self.list_name, 0, self.sealed)  # type: ignore[arg-type]  # bytes are as good.
            _, found, remembered, _ = await pipeline.execute()
        except REDIS_OUTAGES as error:
            raise EngineUnreachableError from error
        withdrawn = found == _WITHDRAWN
        self.taken = not withdrawn
        return withdrawn, bool(remembered)

    def close(self) -> None:
        """Wait for it no longer."""
        self._queue.forget(self.place.id)


@dataclass(slots=True)
class Received:
    """A command that this engine has claimed: it begins it, or says why not."""

    place: Place
    command: Command
    late: bool


class RedisCommandInbox:
    """The engine's end. `waiting` may be blocked, `redis` is for everything else."""

    def __init__(self, *, redis: Redis, waiting: Redis, keys: CacheKeys, sealer: Sealer) -> None:
        self._redis = redis
        self._waiting = waiting
        self._keys = keys
        self._sealer = sealer
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._claim = _TAKEN + secrets.token_bytes(_ID_BYTES)

    async def take(self, engine: EngineAddress) -> Received | None:
        """Wait a moment for a command; None when there is none that is to be looked at. Raises what Redis does."""
        taken = await _first(self._waiting, self._keys.commands(engine.row, engine.epoch))
        if not taken:
            return None
        opened = open_command(self._sealer, engine, taken)
        if opened is None:
            log.warning("commands.unreadable", hint="all processes need the same JWT_SECRET")
            return None
        place, command, until = opened
        repeated = place.id in self._seen
        self._seen[place.id] = None
        if len(self._seen) > _MOST_REMEMBERED:
            self._seen.popitem(last=False)
        name = self._keys.command(place.id.hex())
        try:
            # One that comes again is claimed again: the server may have lost the claim that it was begun under.
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.set(name, self._claim, nx=True, ex=KEPT_SECONDS)
            pipeline.get(name)
            pipeline.time()
            _, claim, now = await pipeline.execute()
        except REDIS_OUTAGES:
            if repeated:
                raise
            # Whether it is claimed nobody knows. It is not begun, and who sent it is told so when that is possible.
            return Received(place, command, late=True)
        if repeated:
            log.warning("commands.repeated", path=command.path)
            return None
        if claim != self._claim:
            log.info("commands.withdrawn", path=command.path)
            return None
        return Received(place, command, _seconds(now) > until)

    async def answer(self, received: Received, outcome: Answer | NotBegun) -> None:
        """Say what became of a command, as long as anybody waits for it."""
        place = received.place
        sealed = seal_outcome(self._sealer, place, outcome)
        bell = self._keys.answered(place.sender.hex())
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        for _ in range(_ANSWER_ATTEMPTS):
            try:
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.set(self._keys.command(place.id.hex()), sealed, ex=KEPT_SECONDS)
                pipeline.rpush(bell, place.id)
                pipeline.expire(bell, KEPT_SECONDS)
                await pipeline.execute()
                return
            except REDIS_OUTAGES as error:
                log.warning("commands.not_answered", error=type(error).__name__)
                await backoff.wait()

    async def wake(self, engine: EngineAddress) -> None:
        """Have `take` return at once."""
        name = self._keys.commands(engine.row, engine.epoch)
        with suppress(*REDIS_OUTAGES):
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.rpush(name, b"")
            pipeline.expire(name, KEPT_SECONDS)
            await pipeline.execute()


async def _first(redis: Redis, name: str) -> bytes | None:
    """Take the first of a list, waiting for it a moment; None when there is none."""
    waiting: Any = redis.blpop([name], timeout=BLOCK_SECONDS)
    found = await waiting
    return bytes(found[1]) if found is not None else None


async def redis_time(redis: Redis) -> float:
    """Return the server's clock, in seconds. Raises what Redis does."""
    return _seconds(await redis.time())


def _seconds(time: tuple[int, int]) -> float:
    seconds, microseconds = time
    return float(seconds) + float(microseconds) / 1e6
