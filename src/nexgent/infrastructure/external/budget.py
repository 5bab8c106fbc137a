"""One rate budget per upstream, shared by all calls: exits first, prices last, adapted to what the upstream says."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping
from enum import IntEnum

from nexgent.domain.administration.insight import UpstreamBudget
from nexgent.infrastructure.external.rate_headers import rate_headers, retry_after_seconds
from nexgent.shared.backoff import Backoff
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError

_RATE_LIMITED = 429
_FIRST_BLIND_PAUSE_SECONDS = 0.5
_MAX_BLIND_PAUSE_SECONDS = 30.0
# A slot frees at a moment that two clocks disagree about by a little.
_MARGIN_SECONDS = 0.005


class Priority(IntEnum):
    """Who goes first; smaller is more important."""

    EXIT = 0
    RECONCILE = 1
    ENTRY = 2
    PRICE = 3


NO_RESERVES: Mapping[Priority, float] = {}
TRADING_RESERVES: Mapping[Priority, float] = {
    Priority.RECONCILE: 0.1,
    Priority.ENTRY: 0.1,
    Priority.PRICE: 0.4,
}
"""Shares of the window that a priority leaves to the more important ones: for a budget that carries trades and prices."""


class BudgetExhaustedError(UnavailableError):
    """The budget does not let a call go within the time it can wait."""

    code = "RATE_BUDGET_EXHAUSTED"

    def __init__(self, name: str, retry_after_seconds: float) -> None:
        super().__init__(f"The rate budget of {name} is used up for now", upstream=name)
        self.retry_after_seconds = retry_after_seconds


class RateWindow:
    """A sliding window of calls, without I/O and without a clock of its own.

    `limit` calls per `window_seconds`, 0 for no limit of ours. Whatever the limit, a pause the upstream asked for is kept.
    """

    def __init__(
        self, limit: int, window_seconds: float, reserves: Mapping[Priority, float] = NO_RESERVES
    ) -> None:
        if limit < 0 or window_seconds <= 0:
            raise ValueError("a rate budget needs a limit of 0 (none) or more and a window longer than 0 s")
        self.limit = limit
        self.share = 1.0
        """The part of the limit that this process may use, where others have the same key."""
        self.window_seconds = window_seconds
        self._reserves = tuple(reserves.get(priority, 0.0) for priority in Priority)
        self._times: deque[float] = deque()
        self._foreign = 0
        self._foreign_until = 0.0
        self._blocked_until = 0.0
        self._blind = Backoff(_FIRST_BLIND_PAUSE_SECONDS, _MAX_BLIND_PAUSE_SECONDS)

    def take(self, now: float, priority: Priority) -> float:
        """Take a slot and return 0, or return in how many seconds trying again makes sense."""
        if now < self._blocked_until:
            return self._blocked_until - now
        times = self._times
        if self.limit == 0:
            return 0.0
        horizon = now - self.window_seconds
        while times and times[0] <= horizon:
            times.popleft()
        if self._foreign and now >= self._foreign_until:
            self._foreign = 0
        # Even the least important call gets a slot of an idle window, however small that is.
        usable = self._usable(self.limit, priority)
        used = len(times) + self._foreign
        index = used - usable
        if self.share < 1.0:
            # Others may use the rest, whether or not they do: what they have used is known too late.
            index = max(index, len(times) - self._usable(int(self.limit * self.share), priority))
        if index < 0:
            times.append(now)
            return 0.0
        # The slot that has to free is the one that brings the use below what this priority may use.
        if index < len(times):
            return max(times[index] + self.window_seconds - now, 0.0) + _MARGIN_SECONDS
        return max(self._foreign_until - now, 0.0) + _MARGIN_SECONDS

    def _usable(self, limit: int, priority: Priority) -> int:
        return max(1, limit - int(limit * self._reserves[priority]))

    def left(self, now: float) -> int | None:
        """Return how many calls the window still takes, as far as known; None without a limit."""
        if self.limit == 0:
            return None
        horizon = now - self.window_seconds
        used = sum(at > horizon for at in self._times) + (self._foreign if now < self._foreign_until else 0)
        return max(0, self.limit - used)

    def paused_seconds(self, now: float) -> float:
        """Return how long nothing may go because the upstream has asked for a pause."""
        return max(0.0, self._blocked_until - now)

    def observe(self, now: float, epoch_seconds: float, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer: the real limit, calls others made with the same key, and pauses asked for."""
        known = rate_headers(headers, epoch_seconds)
        if known is not None and known.remaining is not None:
            if known.current is not None:
                if self.limit and known.remaining + known.current > 0:
                    self.limit = known.remaining + known.current
                own = sum(at > now - self.window_seconds for at in self._times)
                self._foreign = max(0, known.current - own)
                self._foreign_until = now + self.window_seconds
            if known.remaining <= 0 and known.reset_in_seconds is not None:
                self._blocked_until = max(self._blocked_until, now + known.reset_in_seconds)
        if status != _RATE_LIMITED:
            self._blind.reset()
            return
        wait = retry_after_seconds(headers, epoch_seconds)
        blind = self._blind.failed()
        if wait is None:
            wait = blind
        self._blocked_until = max(self._blocked_until, now + wait + _MARGIN_SECONDS)


class RateBudget:
    """Lets calls go, in order of priority, as fast as the upstream allows."""

    def __init__(
        self,
        name: str,
        *,
        limit: int,
        clock: Clock,
        window_seconds: float = 60.0,
        reserves: Mapping[Priority, float] = NO_RESERVES,
        epoch_seconds: Callable[[], float] = time.time,
        share: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`limit` calls per window, 0 for unlimited. Of several processes with one key each has its `share`, above 0 to 1."""
        self._share = share
        self.name = name
        self._window = RateWindow(limit, window_seconds, reserves)
        self._clock = clock
        self._epoch_seconds = epoch_seconds
        self._order = itertools.count()
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> int:
        """Calls per window as far as known; 0 is unlimited."""
        return self._window.limit

    @property
    def own_limit(self) -> float:
        """Calls per window that this process may make, as far as known; 0 is unlimited."""
        return self._window.limit * self._share()

    @property
    def window_seconds(self) -> float:
        """Length of the window."""
        return self._window.window_seconds

    def state(self) -> UpstreamBudget:
        """Return how much is left now."""
        now = self._clock.monotonic()
        return UpstreamBudget(
            name=self.name,
            limit=self._window.limit,
            window_seconds=self._window.window_seconds,
            left=self._window.left(now),
            paused_seconds=self._window.paused_seconds(now),
            waiting=sum(not future.done() for _, _, future in self._waiting),
        )

    async def acquire(self, priority: Priority, *, timeout_seconds: float) -> None:
        """Return when the call may go. Raises `BudgetExhaustedError`, at once when waiting is known to be pointless."""
        self._drop_given_up()
        wait = 0.0
        if not self._waiting or priority < self._waiting[0][0]:
            wait = self._take(priority)
            if wait <= 0.0:
                return
        if wait > timeout_seconds or timeout_seconds <= 0:
            raise BudgetExhaustedError(self.name, max(wait, _MARGIN_SECONDS))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), future))
        self._serve()
        try:
            async with asyncio.timeout(timeout_seconds):
                await future
        except TimeoutError:
            raise BudgetExhaustedError(self.name, max(wait, _MARGIN_SECONDS)) from None
        finally:
            future.cancel()

    def observe(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from the status and headers of an answer."""
        self._window.observe(self._clock.monotonic(), self._epoch_seconds(), status, headers)
        if self._waiting:
            self._serve()

    def _take(self, priority: Priority) -> float:
        self._window.share = self._share()
        return self._window.take(self._clock.monotonic(), priority)

    def _drop_given_up(self) -> None:
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)

    def _serve(self) -> None:
        """Let go who may go now; look again when the first of the rest may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while True:
            self._drop_given_up()
            if not self._waiting:
                return
            priority, _, future = self._waiting[0]
            wait = self._take(priority)
            if wait > 0.0:
                self._timer = asyncio.get_running_loop().call_later(wait, self._serve)
                return
            heapq.heappop(self._waiting)
            future.set_result(None)
