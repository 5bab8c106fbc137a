"""The documented request limits, off unless somebody switches them on."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from nexgent.sandbox.settings import SandboxSettings
from nexgent.shared.clock import Clock

_PYTH_BLOCK_SECONDS = 60.0


@dataclass(slots=True)
class Bucket:
    """A sliding window of requests. `block_seconds` shuts everything out after it overflowed."""

    limit: int
    window_seconds: float
    block_seconds: float = 0.0
    times: deque[float] = field(default_factory=deque)
    blocked_until: float = 0.0


@dataclass(frozen=True, slots=True)
class LimitState:
    """What the window says about one request; `reset_seconds` is when one slot frees."""

    allowed: bool
    remaining: int
    current: int
    reset_seconds: float


class RateLimits:
    """One bucket per provider; Jupiter's price, tokens and order share one, execute has its own."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self._clock = clock
        self.enabled = settings.rate_limit
        self.buckets = {
            "jupiter": Bucket(settings.rate_limit_jupiter_per_minute, 60),
            "execute": Bucket(settings.rate_limit_execute_per_second * 60, 60),
            "dexscreener": Bucket(settings.rate_limit_dexscreener_per_minute, 60),
            "pyth": Bucket(settings.rate_limit_pyth_per_ten_seconds, 10, _PYTH_BLOCK_SECONDS),
            "rpc": Bucket(settings.rate_limit_rpc_per_ten_seconds, 10),
        }

    @staticmethod
    def bucket_of(endpoint: str) -> str:
        """Return the bucket an endpoint counts in."""
        return "jupiter" if endpoint in ("order", "price", "tokens") else endpoint

    def take(self, endpoint: str) -> LimitState | None:
        """Count a request; None while limiting is off."""
        if not self.enabled:
            return None
        bucket = self.buckets[self.bucket_of(endpoint)]
        now = self._clock.monotonic()
        times = bucket.times
        while times and times[0] <= now - bucket.window_seconds:
            times.popleft()
        if now < bucket.blocked_until:
            return LimitState(False, 0, len(times), bucket.blocked_until - now)
        if len(times) >= bucket.limit:
            reset = times[0] + bucket.window_seconds - now
            if bucket.block_seconds:
                bucket.blocked_until = now + bucket.block_seconds
                reset = bucket.block_seconds
            return LimitState(False, 0, len(times), reset)
        times.append(now)
        return LimitState(True, bucket.limit - len(times), len(times), times[0] + bucket.window_seconds - now)

    def headers(self, state: LimitState) -> list[tuple[bytes, bytes]]:
        """Return Jupiter's headers; the reset is Unix seconds, rounded up so that waiting for it is enough."""
        reset = math.ceil(self._clock.now().timestamp() + state.reset_seconds)
        return [
            (b"x-ratelimit-remaining", str(state.remaining).encode()),
            (b"x-ratelimit-current", str(state.current).encode()),
            (b"x-ratelimit-reset", str(reset).encode()),
        ]
