"""Being the engine: hold the lease, load everything, recover, run the loops; stop them when the lease is lost.

A process without the lease is a replica. It keeps the same memory, but only hears about what happens. What an engine that has
lost the lease still had under way is left where it is as soon as another one is seen to trade: the journal refuses it anyhow, and
the other one ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from nexgent.bootstrap.engine import Engine
from nexgent.bootstrap.engine_shards import SHARDS_SECONDS, EngineShards
from nexgent.domain.prices.source_watch import LOOK_SECONDS
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import LoopWatch, cancel_all, run_every

log = structlog.get_logger(__name__)

RECOVERY_SECONDS = 2.0
UNDECIDED_SECONDS = 2.0
DEAD_TOKEN_SECONDS = 30.0
DOUBTS_SECONDS = 0.25
HELD_SECONDS = 0.25
LOAD_RETRY_SECONDS = 0.5
LOADING_SECONDS = 120.0
"""The longest the lease is kept for reading everything again; the price loop cannot run before."""


class EngineLoops:
    """What the engine does again and again. Its price loop, and nothing else, keeps the lease."""

    def __init__(
        self,
        *,
        engine: Engine,
        lease: EngineLease,
        clock: Clock,
        poll_seconds: float,
        watch: LoopWatch,
        on_tick: Callable[[], None] = lambda: None,
        shards: EngineShards | None = None,
    ) -> None:
        """Who shares the work looks after its `shards`."""
        self._shards = shards
        self._engine = engine
        self._lease = lease
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._watch = watch
        self._on_tick = on_tick

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have them run as long as this is entered."""
        engine = self._engine
        loops = [
            self._start(UNDECIDED_SECONDS, engine.undecided.tick, "undecided-signals"),
            self._start(RECOVERY_SECONDS, engine.recovery.tick, "recovery"),
            self._start(DEAD_TOKEN_SECONDS, engine.dead_tokens.tick, "dead-tokens"),
            self._start(LOOK_SECONDS, engine.source_watch.tick, "price-sources"),
            self._start(self._poll_seconds, self._tick, "prices"),
        ]
        if self._shards is not None:
            loops.append(self._start(SHARDS_SECONDS, self._shards.tick, "shards"))
            loops.append(self._start(DOUBTS_SECONDS, engine.doubts.tick, "doubts"))
            loops.append(self._start(HELD_SECONDS, engine.held.tick, "held-tokens"))
        try:
            yield
        finally:
            try:
                await cancel_all(loops)
            finally:
                await engine.recovery.stop()

    def _start(
        self, seconds: float, step: Callable[[], Awaitable[object]], name: str
    ) -> asyncio.Future[None]:
        return asyncio.ensure_future(
            run_every(seconds, step, name=name, clock=self._clock, watch=self._watch)
        )

    async def _tick(self) -> None:
        self._on_tick()
        await self._engine.poller.tick()
        # This and nothing else keeps the lease: an engine that looks at no prices is none.
        self._lease.alive()


class EngineRole:
    """Holds the lease, follows whoever has it, and has the loops run while it is ours."""

    def __init__(
        self,
        *,
        engine: Engine,
        loops: EngineLoops,
        lease: EngineLease,
        load: Callable[[], Awaitable[None]],
        clock: Clock,
        by_hand: Sequence[Callable[[float], Awaitable[object]]] = (),
        shards: EngineShards | None = None,
    ) -> None:
        """Of what people have begun `by_hand` everything is given up that has not ended in so many seconds."""
        self._engine = engine
        self._loops = loops
        self._lease = lease
        self._load = load
        self._clock = clock
        self._by_hand = by_hand
        self._shards = shards
        self.settled = asyncio.Event()
        """Set when the first attempt to become the engine is over, either way."""
        self.engaged = asyncio.Event()
        """Set while this process is the engine."""
        self.released = asyncio.Event()
        """Set while it is not."""
        self.released.set()
        self._reload = asyncio.Event()

    @property
    def active(self) -> bool:
        """Tell whether this process is the engine."""
        return self.engaged.is_set()

    def reload_soon(self) -> None:
        """Read everything again: a replica may have missed what the engine did, and one of several what the others did."""
        self._reload.set()
        if self._shards is not None:
            self._shards.missed_events()

    async def run(self) -> None:
        """Try to be the engine for as long as the process lives."""
        epoch = await self._first_attempt()
        if epoch is None:
            await self._load_patiently()
            log.warning(
                "engine.replica",
                holder=self._lease.status.holder,
                hint=(
                    "another process holds the engine lease; this one serves requests"
                    if self._lease.eligible
                    else "this process serves requests and never trades, as ENGINES=none says"
                ),
            )
            self.settled.set()
            epoch = await self._follow(None)
        else:
            await self._load_as_engine()
        while True:
            await self._be_the_engine()
            log.error("engine.lease_lost", hint="this process trades nothing until it has the lease again")
            if self._shards is not None:
                # Whoever has the shards now ends what was under way; that nobody has them yet cannot be known.
                self._shards.forget()
                await self._step_down()
                self._reload.set()
                epoch = await self._follow(None)
            else:
                epoch = await self._follow(epoch)

    async def _follow(self, held: int | None) -> int:
        """Wait for the lease and return its epoch, reading everything again whenever events of the engine may have been missed.

        `held` is the epoch this process had. As long as nobody else is seen, what was under way waits: exits are not forgotten
        because the database was away.
        """
        waiting = asyncio.ensure_future(self._lease.acquire())
        try:
            while not waiting.done():
                signs = [asyncio.ensure_future(self._reload.wait())]
                if held is not None:
                    signs.append(asyncio.ensure_future(self._lease.taken.wait()))
                await asyncio.wait({waiting, *signs}, return_when=asyncio.FIRST_COMPLETED)
                for sign in signs:
                    sign.cancel()
                if held is not None and self._lease.taken.is_set():
                    await self._step_down()
                    held = None
                    self._reload.set()
                if self._reload.is_set():
                    self._reload.clear()
                    await self._load_until(waiting)
            epoch = waiting.result()
        finally:
            waiting.cancel()
        if held is not None and epoch != held + 1:
            await self._step_down()
        await self._load_as_engine()
        return epoch

    async def _load_until(self, acquired: asyncio.Future[int]) -> None:
        """Read everything again, unless the lease comes first: nobody keeps it here, and as the engine all is read once more."""
        loading = asyncio.ensure_future(self._load_patiently())
        try:
            either: set[asyncio.Future[Any]] = {loading, acquired}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
        finally:
            await cancel_all([loading])

    async def _step_down(self) -> None:
        """Leave everything under way to the engine there is now. Whoever waits for it here is told so."""
        for give_up in self._by_hand:
            await give_up(0.0)
        await self._engine.step_down()

    async def _load_as_engine(self) -> None:
        """Read everything once more: only now nobody else writes, nor does this process before it knows everything.

        Nobody takes the lease away meanwhile.
        """
        loading = asyncio.ensure_future(self._load_patiently())
        deadline = self._clock.monotonic() + LOADING_SECONDS
        try:
            while not loading.done() and self._clock.monotonic() < deadline:
                self._lease.alive()
                await asyncio.wait({loading}, timeout=LOAD_RETRY_SECONDS)
            await loading
        finally:
            loading.cancel()
        self._lease.alive()
        self._lease.enable()

    async def _first_attempt(self) -> int | None:
        while True:
            try:
                return await self._lease.try_acquire()
            except NexgentError as error:
                log.warning("engine.lease_unavailable", code=error.code)
                await asyncio.sleep(LOAD_RETRY_SECONDS)

    async def _load_patiently(self) -> None:
        while True:
            try:
                await self._load()
                return
            except NexgentError as error:
                log.warning("engine.load_postponed", code=error.code)
                await asyncio.sleep(LOAD_RETRY_SECONDS)

    async def _be_the_engine(self) -> None:
        self.released.clear()
        self.engaged.set()
        # Requests are served from here on; what was left open is ended, and old signals are traded, beside them.
        self.settled.set()
        self._engine.exits.resume()
        async with self._loops.running():
            try:
                await self._lease.wait_lost()
            finally:
                self.engaged.clear()
                self.released.set()
