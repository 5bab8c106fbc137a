"""Being the engine: hold the lease, load everything, recover, run the loops; stop them when the lease is lost.

A process without the lease is a replica. It keeps the same memory, but only hears about what happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from nexgent.bootstrap.engine import Engine
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import LoopWatch, run_every

log = structlog.get_logger(__name__)

RECOVERY_SECONDS = 2.0
DEAD_TOKEN_SECONDS = 30.0
LOAD_RETRY_SECONDS = 0.5


class EngineRole:
    """Runs the engine's loops while this process holds the lease."""

    def __init__(
        self,
        *,
        engine: Engine,
        lease: EngineLease,
        load: Callable[[], Awaitable[None]],
        clock: Clock,
        poll_seconds: float,
        watch: LoopWatch,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._lease = lease
        self._load = load
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._watch = watch
        self._on_tick = on_tick
        self.settled = asyncio.Event()
        """Set when the first attempt to become the engine is over, either way."""
        self.engaged = asyncio.Event()
        """Set once this process has become the engine."""
        self.active = False
        self._reload = asyncio.Event()

    def reload_soon(self) -> None:
        """Read everything again: a replica may have missed what the engine did."""
        self._reload.set()

    async def run(self) -> None:
        """Try to be the engine for as long as the process lives."""
        await self._load_patiently()
        first = await self._first_attempt()
        if first is None:
            log.warning(
                "engine.replica", hint="another process holds the engine lease; this one serves requests"
            )
            self.settled.set()
            await self._follow()
        while True:
            await self._be_the_engine()
            log.error("engine.lease_lost", hint="loops are stopped until the database gives the lease back")
            await self._follow()

    async def _follow(self) -> None:
        """Wait for the lease, reading everything again whenever events of the engine may have been missed."""
        waiting = asyncio.ensure_future(self._lease.acquire())
        try:
            while not waiting.done():
                missed = asyncio.ensure_future(self._reload.wait())
                await asyncio.wait({waiting, missed}, return_when=asyncio.FIRST_COMPLETED)
                missed.cancel()
                if self._reload.is_set():
                    self._reload.clear()
                    await self._load_patiently()
        finally:
            waiting.cancel()
        await self._load_patiently()

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
        engine = self._engine
        self.active = True
        self.engaged.set()
        redriving = asyncio.ensure_future(self._redrive())
        loops = [
            redriving,
            asyncio.ensure_future(
                run_every(
                    DEAD_TOKEN_SECONDS,
                    engine.dead_tokens.tick,
                    name="dead-tokens",
                    clock=self._clock,
                    watch=self._watch,
                )
            ),
            asyncio.ensure_future(
                run_every(
                    self._poll_seconds,
                    self._tick,
                    name="prices",
                    clock=self._clock,
                    watch=self._watch,
                )
            ),
        ]
        try:
            await self._lease.wait_lost()
        finally:
            self.active = False
            for loop in loops:
                loop.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*loops, return_exceptions=True)

    async def _tick(self) -> None:
        self._on_tick()
        await self._engine.poller.tick()

    async def _redrive(self) -> None:
        """Finish what was left open, then keep looking; trade signals that a crash left undecided."""
        try:
            await self._engine.recovery.run_once()
        except Exception:
            log.exception("engine.recovery_failed")
        # From here on requests may come in; old signals are traded beside new ones.
        self.settled.set()
        while True:
            try:
                await self._engine.process_signal.redrive()
                break
            except NexgentError as error:
                log.warning("engine.redrive_postponed", code=error.code)
                await asyncio.sleep(LOAD_RETRY_SECONDS)
            except Exception:
                log.exception("engine.redrive_failed")
                break
        await run_every(
            RECOVERY_SECONDS,
            self._engine.recovery.run_once,
            name="recovery",
            clock=self._clock,
            watch=self._watch,
        )
