"""The mirror: what this process has in memory, written through to Redis in the background.

Listeners only put the event in line. The background task reduces the line to the newest value per key, encodes it and sends
it in one pipeline per batch. What could not be sent waits, newest value per key only. A Redis that was emptied, restarted or
exchanged is noticed within a second, and filled again from memory.

One process mirrors an agent at a time: the one that runs the engine, or, of several that share the work, the one that has the
agent's shard. Its events are in order, so the newest one is the last. One that stood still, and may have been followed by another
engine meanwhile, writes nothing: it looks at its lease before each command, and has the database confirm it before it fills a
Redis that says it was filled by somebody else. Shards that are taken over are filled from memory; shards that are left are
somebody else's to fill as soon as `leave` has returned.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

import structlog
from redis.asyncio import Redis

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.prices.events import PricesChanged
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, stop_if_cancelled
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror_content import MirrorContent, MirroredEvent
from nexgent.infrastructure.cache.mirror_marks import MirrorMarks
from nexgent.infrastructure.cache.mirror_rebuild import fill_redis
from nexgent.infrastructure.cache.mirror_state import MirrorState
from nexgent.infrastructure.cache.writes import WriteBatch
from nexgent.shared.backoff import Backoff
from nexgent.shared.errors import UnavailableError
from nexgent.shared.loops import LoopWatch, end_of_burst
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS

log = structlog.get_logger(__name__)

CHECK_INTERVAL_SECONDS = 1.0
BATCH_SIZE = 200
"""So many values take two milliseconds of the event loop; of fewer, each pays more for the round trip."""
INBOX_LIMIT = 2_000
PRICES_AT_ONCE = 500
PENDING_LIMIT = 200_000
DEADLINE_SECONDS = 10.0
QUIET_SECONDS = 0.03
"""A burst of trades is over when nothing has been published for this long; written together it costs less."""
LONGEST_WAIT_SECONDS = 0.3
"""The longest a burst is waited for. A thousand agents buy within this time, and copies made meanwhile would hold up the last
of them; readers of Redis are to be fractions of a second behind, not more."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0


class RedisMirror:
    """Keeps Redis equal to memory while `run` is running.

    `content` returns everything of a set of shards that belongs into Redis at this instant. It is called between events, never
    in the middle of one. `may_write` tells whether this process may write what is of a set of shards as far as it knows itself;
    `confirm` asks whoever knows, and raises `NotTheEngineError`, or `UnavailableError` when nobody can say. `shards` tells which
    ones this process has of those that engines share; without it everything is its own.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        keys: CacheKeys,
        content: Callable[[int], MirrorContent],
        watch: LoopWatch | None = None,
        may_write: Callable[[int], bool] = lambda _: True,
        confirm: Callable[[], Awaitable[None]] | None = None,
        shards: Callable[[], int] | None = None,
    ) -> None:
        self._shards = shards or (lambda: ALL_SHARDS)
        self._marks = MirrorMarks(keys, by_shard=shards is not None)
        self._filled = NO_SHARDS
        """The shards whose copies are all there."""
        self._may_write = may_write
        self._confirm = confirm
        self._held_back = False
        self._listening = False
        self._watch = watch
        self._redis = redis
        self._keys = keys
        self._content = content
        self._server_run_id: str | None = None
        self._inbox: deque[MirroredEvent] = deque()
        self._state = MirrorState(keys, NO_SHARDS)
        self._awake = asyncio.Event()
        self._idle = asyncio.Event()
        self._writing = asyncio.Lock()
        self._must_rebuild = True
        self._check_due_at = 0.0
        self._reachable = True

    @property
    def in_line(self) -> int:
        """How many events and keys wait to be written."""
        return len(self._inbox) + len(self._state)

    @property
    def reachable(self) -> bool:
        """Tell whether the last attempt to talk to Redis succeeded."""
        return self._reachable

    def listen(self) -> None:
        """Put events in line from now on. Whatever was before comes with the first fill."""
        self._listening = True
        self._must_rebuild = True

    def on_event(self, event: MirroredEvent) -> None:
        """Put an event in line, unless nobody would write it. Listens to every type of `MirroredEvent`.

        A replica hears thousands of prices a second; kept for the day it becomes the engine they would fill its memory.
        """
        if not self._listening:
            return
        self._inbox.append(event)
        self._awake.set()
        if len(self._inbox) >= INBOX_LIMIT:
            # Redis is slow or away: keep the newest value per key instead of a growing line.
            self._absorb()

    async def run(self) -> None:
        """Write until cancelled, however often Redis goes away."""
        self.listen()
        try:
            await self._run()
        finally:
            self._listening = False
            self._inbox.clear()
            self._begin_anew()

    async def leave(self, shards: int) -> None:
        """Return when nothing is written for these shards any more. They are not among those this process has by now."""
        async with self._writing:
            self._leave(shards)

    def shards_changed(self) -> None:
        """Have what was taken over filled soon, and what was left forgotten."""
        self._awake.set()

    async def _run(self) -> None:
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            stop_if_cancelled()
            try:
                await self._something_to_do()
                await self.step()
            except REDIS_OUTAGES as error:
                if self._reachable:
                    self._reachable = False
                    log.warning("mirror.redis_away", error=type(error).__name__, waiting=self.in_line)
                # Whoever answers next may be another server, or the same one with older data.
                self._check_due_at = 0.0
                await backoff.wait()
            except NotTheEngineError:
                if not self._held_back:
                    self._held_back = True
                    log.warning("mirror.held_back", hint="this process may not be the engine any more")
                # Should it be the engine after all, somebody else may have written meanwhile.
                self._must_rebuild = True
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            except Exception as error:
                # Never leave Redis behind for good: start again from memory.
                log.exception("mirror.step_failed")
                if self._watch is not None:
                    self._watch.failed("mirror", error)
                self._must_rebuild = True
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            else:
                backoff.reset()
                self._held_back = False
                if self._watch is not None:
                    self._watch.went_well("mirror")
                if not self._reachable:
                    self._reachable = True
                    log.info("mirror.redis_back")

    async def step(self) -> None:
        """Check Redis when that is due, fill it when that is needed, write what waits. Raises what redis raises,
        `NotTheEngineError` when another process may be the engine.
        """
        async with self._writing:
            if asyncio.get_running_loop().time() >= self._check_due_at:
                await self._check()
            while True:
                await self._follow_shards()
                await self._absorb_gently()
                if not len(self._state):
                    break
                await self._write_batch()
        if not self._inbox:
            self._idle.set()

    async def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything published while `run` is running is written; tell whether that happened in time."""
        if not self._listening:
            return True
        self._idle.clear()
        self._awake.set()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def _something_to_do(self) -> None:
        if not self._must_rebuild and not len(self._state) and self._shards() == self._filled:
            wait_seconds = self._check_due_at - asyncio.get_running_loop().time()
            if wait_seconds > 0:
                try:
                    async with asyncio.timeout(wait_seconds):
                        await self._awake.wait()
                except TimeoutError:
                    return
                await end_of_burst(
                    self._awake, quiet_seconds=QUIET_SECONDS, longest_seconds=LONGEST_WAIT_SECONDS
                )
        self._awake.clear()

    async def _absorb_gently(self) -> None:
        """Absorb what is in line; the loop gets its turn within an event with thousands of prices."""
        while self._inbox:
            event = self._inbox.popleft()
            if isinstance(event, PricesChanged):
                for start in range(0, len(event.prices), PRICES_AT_ONCE):
                    if start:
                        await asyncio.sleep(0)
                    self._state.absorb_prices(event.prices[start : start + PRICES_AT_ONCE])
            else:
                self._state.absorb(event)
        self._limit()

    def _absorb(self) -> None:
        while self._inbox:
            self._state.absorb(self._inbox.popleft())
        self._limit()

    def _limit(self) -> None:
        if len(self._state) > PENDING_LIMIT:
            self._begin_anew()
            self._must_rebuild = True

    async def _check(self) -> None:
        """A restarted server has another run id; an emptied one has lost our marks."""
        filled = self._filled
        async with asyncio.timeout(DEADLINE_SECONDS):
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.info("server")
            if filled:
                self._marks.ask(pipeline, filled)
            info, *marks = await pipeline.execute()
        run_id = cast("dict[str, str]", info).get("run_id", "")
        if run_id != self._server_run_id:
            self._must_rebuild = True
        elif marks:
            self._leave(self._marks.lost(marks[0], filled))
        self._server_run_id = run_id
        self._check_due_at = asyncio.get_running_loop().time() + CHECK_INTERVAL_SECONDS

    async def _follow_shards(self) -> None:
        """Forget what is not ours any more, and fill what is and has no copies of ours."""
        if self._must_rebuild:
            self._begin_anew()
        shards = self._shards()
        if left := self._filled & ~shards:
            self._leave(left)
        if new := shards & ~self._filled:
            await self._fill(new)
        self._must_rebuild = False

    def _begin_anew(self) -> None:
        self._state, self._filled = MirrorState(self._keys, NO_SHARDS), NO_SHARDS

    def _leave(self, shards: int) -> None:
        if shards:
            self._state.leave(shards)
            self._filled &= ~shards

    async def _fill(self, shards: int) -> None:
        await self._make_sure(shards)
        # What is in line of others is absorbed; of these shards memory is at least as new.
        self._state.leave(shards)
        self._absorb()
        content = self._content(shards)
        self._state.take_over(shards)
        await fill_redis(self._redis, self._keys, content, self._marks, shards, lambda: self._require(shards))
        self._state.knows(content)
        self._filled |= shards
        log.info(
            "mirror.rebuilt",
            agents=len(content.agents),
            wallets=len(content.states),
            positions=len(content.positions),
            prices=len(content.prices),
        )

    def _require(self, shards: int) -> None:
        if not self._may_write(shards):
            raise NotTheEngineError

    async def _make_sure(self, shards: int) -> None:
        self._require(shards)
        if self._confirm is None:
            return
        try:
            await self._confirm()
        except NotTheEngineError:
            raise
        except UnavailableError:
            # Our own clock decides: Redis can be filled again while the database is away.
            log.info("mirror.not_confirmed")

    async def _write_batch(self) -> None:
        filled = self._filled
        self._require(filled)
        batch = WriteBatch()
        taken = self._state.take(BATCH_SIZE, batch)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                pipeline = self._redis.pipeline(transaction=False)
                batch.fill(pipeline)
                self._marks.ask(pipeline, filled)
                results = await pipeline.execute()
        except BaseException:
            self._state.put_back(taken)
            raise
        self._leave(self._marks.lost(results[-1], filled))
