"""Shards of an engine that shares the work: taken when they are free, left when others are to have them.

Nothing begins for a shard before everything of its agents has been read, under a row that already has it; and it leaves the row
only when what had begun has ended. Whatever is interrupted in between is seen and made good by the next tick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from nexgent.bootstrap.engine import Engine
from nexgent.bootstrap.following import Following
from nexgent.domain.ledger.share import LEADING
from nexgent.domain.prices.events import PricesChanged
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, highest, numbers_of, shards_of
from nexgent.shared.types import SignalId

log = structlog.get_logger(__name__)

SHARDS_SECONDS = 1.0
"""How often the shards are looked at."""
PATIENCE_SECONDS = 10.0
"""How long what has begun in a shard is waited for before the shard is kept, for now."""
SIGNAL_PATIENCE_SECONDS = 2.0
"""How long signals that are being decided on are waited for; what is not recorded then is decided by whoever gets the shard."""
REST_SECONDS = 30.0
"""How long a shard is left alone that could not be left."""
LOOK_SECONDS = 0.05
TRAILS_SECONDS = 2.0


class EngineShards:
    """`tick` is one step of a loop that runs while this process is an engine."""

    def __init__(
        self,
        *,
        engine: Engine,
        lease: EngineLease,
        read: Callable[[int], Awaitable[None]],
        following: Following,
        leave_copies: Callable[[int], Awaitable[None]],
        clock: Clock,
        on_moved: Callable[[int, float], None] = lambda _count, _seconds: None,
    ) -> None:
        """`on_moved` hears how many shards were taken, fewer than none when they were left, and how long that took.

        `read` makes memory equal to storage for the agents of shards that others have traded for; some of those that others
        trade for are kept by `following` them. `leave_copies` returns when nothing of shards is copied any more: whoever has them
        next copies it.
        """
        self._engine = engine
        self._share = engine.share
        self._lease = lease
        self._read = read
        self._following = following
        self._leave_copies = leave_copies
        self._clock = clock
        self._on_moved = on_moved
        self._missed = False
        self._rest: dict[int, float] = {}

    def missed_events(self) -> None:
        """Have what is known of other engines' agents read again: what happened to them may not have been heard."""
        self._missed = True

    def forget(self) -> None:
        """Act for nobody: the lease has ended."""
        self._share.give_up(ALL_SHARDS)
        self._rest.clear()

    async def tick(self) -> None:
        """Take a share of what is free, act for what has been taken, leave what is too much."""
        try:
            await self._tick()
        except NexgentError as error:
            log.warning("shards.postponed", code=error.code)

    async def _tick(self) -> None:
        balance = await self._lease.balance()
        if self._missed:
            self._missed = False
            try:
                # Which agents there are.
                await self._read(NO_SHARDS)
                await self._following.read_again()
            except BaseException:
                self._missed = True
                raise
        if new := balance.shards & ~self._share.shards:
            await self._take_over(new)
        if balance.surplus > 0:
            now = self._clock.monotonic()
            self._rest = {number: until for number, until in self._rest.items() if until > now}
            resting = sum(1 << number for number in self._rest)
            # Who leads goes on leading: polling and copying would have to begin anew elsewhere.
            if leaving := highest(self._share.shards & ~(resting | LEADING), balance.surplus):
                await self._leave(leaving)

    async def _take_over(self, shards: int) -> None:
        started = self._clock.monotonic()
        await self._following.before_taking(shards)
        await self._read(shards)
        newest = SignalId(await self._lease.newest_signal())
        self._share.take_over(shards & self._lease.shards, newest)
        seconds = self._clock.monotonic() - started
        self._on_moved(shards.bit_count(), seconds)
        log.info(
            "shards.taken",
            count=shards.bit_count(),
            have=self._share.shards.bit_count(),
            milliseconds=round(seconds * 1000),
        )
        # What was left open is ended from here on, and exits that are remembered go on.
        await self._engine.recovery.tick()
        # However young: what was announced before counts for nothing here, and nobody else answers it any more.
        await self._engine.undecided.tick(older_than_seconds=0.0)

    async def _leave(self, shards: int) -> None:
        started = self._clock.monotonic()
        self._share.give_up(shards)
        self._engine.exits.let_go()
        kept = await self._wait_for(shards)
        if kept:
            until = self._clock.monotonic() + REST_SECONDS
            self._rest.update(dict.fromkeys(numbers_of(kept), until))
            # The store says which signals came meanwhile.
            self._share.take_over(kept, SignalId(await self._lease.newest_signal()))
            log.warning("shards.kept", count=kept.bit_count(), hint="trades of them have not ended in time")
        if left := shards & ~kept:
            await self._engine.ledger.written()
            await self._engine.trails.drain(TRAILS_SECONDS)
            await self._leave_copies(left)
            await self._following.before_leaving(left)
            await self._lease.give_up(left)
            self._following.left(left)
            self._on_moved(-left.bit_count(), self._clock.monotonic() - started)
            log.info("shards.left", count=left.bit_count(), have=self._share.shards.bit_count())

    async def _wait_for(self, shards: int) -> int:
        """Wait for what has begun in shards; return those in which it has not ended."""
        signals = set(self._engine.process_signal.in_flight)
        began = self._clock.monotonic()
        while (waited := self._clock.monotonic() - began) < PATIENCE_SECONDS:
            signals &= self._engine.process_signal.in_flight
            if not self._busy(shards) and (not signals or waited >= SIGNAL_PATIENCE_SECONDS):
                return NO_SHARDS
            await asyncio.sleep(LOOK_SECONDS)
        return self._busy(shards)

    def _busy(self, shards: int) -> int:
        """Return those of the shards in which something is under way."""
        ledger = self._engine.ledger
        wallets = (*ledger.lanes.inside(), *ledger.lanes.closed(), *self._engine.recovery.busy)
        owners = [owner for wallet in wallets if (owner := ledger.owner_of(wallet)) is not None]
        return shards_of(owners) & shards


class PolledPrices:
    """Prices that another engine has asked for: decided on while they are young enough."""

    def __init__(self, *, engine: Engine, clock: Clock, max_age_seconds: float) -> None:
        self._engine = engine
        self._clock = clock
        self._max_age = timedelta(seconds=max_age_seconds)

    def on_prices(self, event: PricesChanged) -> None:
        """Decide on those that are young enough."""
        self._engine.poller.heard()
        now = self._clock.now()
        fresh = [price for price in event.prices if now - price.observed_at <= self._max_age]
        if fresh:
            self._engine.watcher.on_prices(PricesChanged(fresh, event.at))
