"""What the health endpoints ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import asyncpg

from nexgent.api.deps import EngineState
from nexgent.bootstrap.engine_role import EngineRole
from nexgent.domain.prices.poller import PricePoller
from nexgent.domain.reconciliation.reconciliation import Reconciliation, ReconciliationHealth
from nexgent.domain.trading.watch.recovery import Recovery
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.infrastructure.queue.names import HEALTH_KEY
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import WalletAddress

PRICE_AGE_SECONDS = 30.0
WORKER_START_SECONDS = 15.0
"""How long a worker that starts together with this process may take until its first sign of life."""
SHOWN_WALLETS = 20
CUT_OFF = "the lease has ended and the database cannot be asked whose it is; another process may trade"
OLDER_ENGINE = (
    "an engine of an older version trades on this database; stop it, and this process goes on in its place"
)


class WorkerSilentError(UnavailableError):
    """The worker has not given a sign of life lately."""

    code = "WORKER_SILENT"


class ServerHealth:
    """Asks the servers we stand on."""

    def __init__(self, *, pool: asyncpg.Pool[asyncpg.Record], redis: ImpatientRedis, clock: Clock) -> None:
        self._pool = pool
        self._redis = redis
        self._clock = clock
        self._started = clock.monotonic()
        self._worker_seen = False

    async def check_database(self) -> None:
        """Raise when PostgreSQL does not answer."""
        await self._pool.fetchval("SELECT 1")

    async def check_redis(self) -> None:
        """Raise when Redis does not answer."""
        await self._redis.get(HEALTH_KEY)

    async def check_queue(self) -> None:
        """Raise when no worker looks after the queue."""
        if await self._redis.get(HEALTH_KEY) is not None:
            self._worker_seen = True
        elif self._worker_seen or self.uptime_seconds() > WORKER_START_SECONDS:
            raise WorkerSilentError("no worker has given a sign of life lately; is `nexgent worker` running?")

    def uptime_seconds(self) -> float:
        """Return how long this process has been running."""
        return self._clock.monotonic() - self._started


class PriceHealth:
    """Whether there are prices to decide on."""

    def __init__(self, *, poller: PricePoller, holds: Callable[[], bool], max_age_seconds: float) -> None:
        """`holds` tells whether positions are open, `max_age_seconds` how old a price may be that is decided on."""
        self._poller = poller
        self._holds = holds
        self._max_age_seconds = max_age_seconds

    def gone(self) -> str | None:
        """Return that nothing can be traded any more for want of prices, or None."""
        age = self._poller.last_good_age_seconds
        return _none_for(age) if age is not None and age > PRICE_AGE_SECONDS else None

    def too_old(self) -> str | None:
        """Return that positions are open and no price is young enough to decide on, or None; none when they are `gone`."""
        age = self._poller.last_good_age_seconds
        if age is None or not self._max_age_seconds < age <= PRICE_AGE_SECONDS or not self._holds():
            return None
        return f"{_none_for(age)}; stop loss and take profit act again with the next one"


def _none_for(age: float) -> str:
    return f"no price was accepted for {age:.0f} s"


class EngineHealth:
    """Whether this process trades, and what of it is not as it should be."""

    def __init__(
        self,
        *,
        role: EngineRole,
        lease: EngineLease,
        recovery: Recovery,
        prices: PriceHealth,
        reconciliation: Reconciliation,
        problem: Callable[[], str | None],
        stopping: Callable[[], bool],
    ) -> None:
        """`problem` says what of this process fails again and again, or was late a moment ago."""
        self._role = role
        self._lease = lease
        self._recovery = recovery
        self._prices = prices
        self._reconciliation = reconciliation
        self._problem = problem
        self._stopping = stopping

    def not_ready(self) -> str | None:
        """Return why the engine cannot work yet or any more, or None."""
        if self._stopping():
            return "shutting down"
        if not self._role.settled.is_set():
            return "starting"
        if not self._role.active:
            return None
        return self._prices.gone()

    def engine(self) -> EngineState:
        """Return who trades and what is still being resolved."""
        lease, open_still = self._lease.status, self._recovery.unresolved
        role = self._named_role()
        return EngineState(
            role=role,
            reason=CUT_OFF if role == "unknown" else None,
            holder=lease.holder,
            epoch=lease.epoch,
            age_seconds=round(lease.age_seconds, 3) if lease.age_seconds is not None else None,
            unresolved=len(open_still),
            unresolved_wallets=tuple(
                shortened(wallet) for wallet in sorted(set(open_still.values()))[:SHOWN_WALLETS]
            ),
        )

    def _named_role(self) -> Literal["engine", "replica", "starting", "unknown"]:
        if self._role.active:
            # The loops go on while nobody can be asked: what they do is refused by the journal if another one has the lease.
            return "engine" if self._lease.in_time else "unknown"
        return "replica" if self._role.settled.is_set() else "starting"

    def late(self) -> str | None:
        """Return what of this process fails again and again, was late a moment ago, or cannot act now, or None."""
        if not self._role.settled.is_set():
            return None
        blind = self._prices.too_old() if self._role.active else None
        compared = self._reconciliation.problem() if self._role.active else None
        older = OLDER_ENGINE if self._lease.status.older_engine else None
        return blind or self._problem() or compared or older

    def reconciliation(self) -> ReconciliationHealth | None:
        """Return how it stands with the live wallets, None where this process does not look at any."""
        loop = self._reconciliation
        age = loop.age_seconds() if self._role.active else None
        if age is None:
            return None
        return ReconciliationHealth(
            wallets=len(loop.standings),
            age_seconds=round(age),
            differences=loop.differences(),
            orphans=loop.orphans(),
        )


def shortened(wallet: WalletAddress) -> str:
    """Return what its owner recognises. Everybody may ask for health, so the whole address is nobody else's business."""
    return f"{wallet[:4]}…{wallet[-4:]}"
