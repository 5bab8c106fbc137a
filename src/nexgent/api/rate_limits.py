"""How many requests are taken from whom: the contract's limits, and a generous one for everything else."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request
from starlette.responses import Response

from nexgent.api.encoding import json_response
from nexgent.domain.idempotency.ports import SharedCounters
from nexgent.domain.users.models import Caller
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError

CLIENT_IP_KEY = "client_ip"
"""Where the middleware leaves the caller's address."""
MINUTE = 60
SHARE_SECONDS = 0.5
"""How often processes tell each other what they counted."""
_MAX_WINDOWS = 50_000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds, counted per address and concrete path, or per API key where there is one.

    `counted_as` names another path whose requests are counted together with these.

    An `exact` one is counted where all processes see it before the request goes on. The others are counted here and put together
    twice a second, so that nothing has to be waited for; several processes may let a few more pass.
    """

    most: int
    seconds: int = MINUTE
    by_key: bool = False
    exact: bool = True
    counted_as: str = ""


EXEMPT_TAGS = frozenset({"health", "metrics"})
"""Supervisors ask as often as they like."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a request was counted; `reset_seconds` until the window ends."""

    limit: Limit
    used: int
    reset_seconds: float

    @property
    def exceeded(self) -> bool:
        """Tell whether this request is one too many."""
        return self.used > self.limit.most

    def mark(self, response: Response) -> Response:
        """Add the headers that tell a client how it stands."""
        response.raw_headers += [
            (b"ratelimit-limit", b"%d" % self.limit.most),
            (b"ratelimit-remaining", b"%d" % max(0, self.limit.most - self.used)),
            (b"ratelimit-reset", b"%d" % self._whole_seconds),
        ]
        return response

    def refusal(self) -> Response:
        """Return the 429 of the contract."""
        seconds = self._whole_seconds
        text = (
            f"Too many requests: {self.limit.most} in {self.limit.seconds} seconds are allowed here. "
            f"Please try again in {seconds} second{'' if seconds == 1 else 's'}."
        )
        response = json_response({"error": text, "retryAfter": seconds}, 429)
        response.raw_headers.append((b"retry-after", b"%d" % seconds))
        return self.mark(response)

    @property
    def _whole_seconds(self) -> int:
        return max(1, math.ceil(self.reset_seconds))


class _Window:
    """What was counted under a name until the window ends, and how much of it others have not been told."""

    __slots__ = ("ends", "seconds", "untold", "used")

    def __init__(self, ends: float, seconds: int) -> None:
        self.ends = ends
        self.seconds = seconds
        self.used = 0
        self.untold = 0

    def learn(self, used: int, ends: float) -> None:
        """Take over what all processes counted together. A store that was emptied neither lets off nor keeps longer."""
        self.used = max(self.used, used)
        self.ends = min(self.ends, ends)


class RateLimits:
    """Counts requests in fixed windows, all of them here, and shares the counts with other processes while there is a way to.

    While there is none, each process counts for itself: nobody is refused because a store is away, and nobody is let off.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        counters: SharedCounters | None,
        per_user: int = 600,
        per_address: int = 1200,
        enabled: bool = True,
    ) -> None:
        self._clock = clock
        self._counters = counters
        self._per_user = Limit(per_user, exact=False)
        self._per_address = Limit(per_address, exact=False)
        self.enabled = enabled
        self._windows: dict[str, _Window] = {}
        self._untold: dict[str, _Window] = {}

    def of_address(self, request: Request) -> Allowance:
        """Count a request for its address, whoever sends it."""
        return self._count("a:" + _address(request), self._per_address)

    def of_caller(self, request: Request, caller: Caller | None) -> Allowance:
        """Count a request for the user or key it comes from; for the address when nobody has to be known."""
        if caller is None:
            return self._count("p:" + _address(request), self._per_address)
        name = f"k:{caller.key.id}" if caller.key is not None else f"u:{caller.user_id}"
        return self._count(name, self._per_user)

    async def of_endpoint(self, request: Request, caller: Caller | None, limit: Limit) -> Allowance:
        """Count a request of an endpoint with a limit of its own."""
        key = caller.key if limit.by_key and caller is not None else None
        who = f"key:{key.id}" if key is not None else _address(request)
        name = _short(f"{request.method}:{limit.counted_as or request.scope['path']}:{who}")
        if not limit.exact or self._counters is None:
            return self._count(name, limit)
        # Counted here as well: what is known here outlives a store that was emptied.
        window = self._window(name, limit)
        window.used += 1
        try:
            together, left_seconds = await self._counters.hit(name, limit.seconds)
        except UnavailableError:
            return Allowance(limit, window.used, window.ends - self._clock.monotonic())
        window.learn(together, self._clock.monotonic() + left_seconds)
        return Allowance(limit, window.used, window.ends - self._clock.monotonic())

    async def share(self) -> None:
        """Tell the other processes what was counted here since, and learn what they counted. For a loop."""
        if self._counters is None or not self._untold:
            return
        windows, self._untold = self._untold, {}
        counts = {}
        for name, window in windows.items():
            counts[name] = (window.untold, window.seconds)
            window.untold = 0
        try:
            together = await self._counters.add(counts)
        except UnavailableError:
            for name, window in windows.items():
                window.untold += counts[name][0]
                if self._windows.get(name) is window:
                    self._untold[name] = window
            return
        now = self._clock.monotonic()
        for name, (count, left_seconds) in together.items():
            windows[name].learn(count + windows[name].untold, now + left_seconds)

    def _count(self, name: str, limit: Limit) -> Allowance:
        window = self._window(name, limit)
        window.used += 1
        if self._counters is not None:
            window.untold += 1
            if window.untold == 1:
                self._untold[name] = window
        return Allowance(limit, window.used, window.ends - self._clock.monotonic())

    def _window(self, name: str, limit: Limit) -> _Window:
        now = self._clock.monotonic()
        window = self._windows.get(name)
        if window is None or window.ends <= now:
            if window is None and len(self._windows) >= _MAX_WINDOWS:
                self._make_room(now)
            window = self._windows[name] = _Window(now + limit.seconds, limit.seconds)
        return window

    def _make_room(self, now: float) -> None:
        """Forget windows that are over; when that is not enough, those that were opened first."""
        kept = [(name, window) for name, window in self._windows.items() if window.ends > now]
        self._windows = dict(kept[max(0, len(kept) - _MAX_WINDOWS // 2) :])
        self._untold = {name: window for name, window in self._untold.items() if name in self._windows}


def _short(name: str) -> str:
    """Return a name of bounded length: a client chooses how long a path is."""
    return name if len(name) <= _LONGEST_NAME else hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def _address(request: Request) -> str:
    return _network(str(request.scope.get(CLIENT_IP_KEY, "")))


@lru_cache(maxsize=10_000)
def _network(address: str) -> str:
    """Return what one customer of a provider has: an IPv4 address, or the 2^64 addresses of an IPv6 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))
