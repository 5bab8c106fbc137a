"""Counters of requests in Redis, shared by all processes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

import structlog
from redis.exceptions import RedisError

from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 0.25
AWAY_SECONDS = 1.0
"""So long nobody waits for a server again that did not answer."""
_QUIET_SECONDS = 60.0
_AT_ONCE = 500
# One step on the server: a counter without an end would refuse somebody for ever. One that has none all the same gets one.
_ADD = """
local found = {}
for i, key in ipairs(KEYS) do
  local count = redis.call('INCRBY', key, ARGV[2 * i - 1])
  local left = redis.call('PTTL', key)
  if left < 0 then
    redis.call('PEXPIRE', key, ARGV[2 * i])
    left = tonumber(ARGV[2 * i])
  end
  found[2 * i - 1] = count
  found[2 * i] = left
end
return found
"""
_AWAY = "Requests cannot be counted together at present"


class CountersUnavailableError(UnavailableError):
    """Redis did not answer in a moment."""

    code = "COUNTERS_UNAVAILABLE"


class RedisCounters:
    """Implements `SharedCounters`. Keys: `{prefix}ratelimit:{name}`, gone when the window is over."""

    def __init__(self, redis: ImpatientRedis, prefix: str, clock: Clock) -> None:
        self._add = redis.register_script(_ADD)
        self._prefix = f"{prefix}ratelimit:"
        self._clock = clock
        self._told_at: float | None = None
        self._away_until = -math.inf

    async def hit(self, name: str, seconds: int) -> tuple[int, float]:
        """Count one; return the count and the seconds until the window ends. Raises `CountersUnavailableError`."""
        return (await self.add({name: (1, seconds)}))[name]

    async def add(self, counts: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[int, float]]:
        """Count many. Raises `CountersUnavailableError`; then some of them may have been counted."""
        if self._clock.monotonic() < self._away_until:
            raise CountersUnavailableError(_AWAY)
        found: dict[str, tuple[int, float]] = {}
        wanted = list(counts.items())
        for start in range(0, len(wanted), _AT_ONCE):
            batch = wanted[start : start + _AT_ONCE]
            keys = [self._prefix + name for name, _ in batch]
            arguments = [number for _, (count, seconds) in batch for number in (count, seconds * 1000)]
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    numbers = await self._add(keys=keys, args=arguments)
            except (RedisError, OSError, TimeoutError) as error:
                self._tell(error)
                raise CountersUnavailableError(_AWAY) from error
            for place, (name, _) in enumerate(batch):
                found[name] = (int(numbers[2 * place]), int(numbers[2 * place + 1]) / 1000)
        return found

    def _tell(self, error: Exception) -> None:
        now = self._clock.monotonic()
        self._away_until = now + AWAY_SECONDS
        if self._told_at is None or now - self._told_at >= _QUIET_SECONDS:
            self._told_at = now
            log.warning(
                "rate_limits.counted_alone", error=type(error).__name__, hint="each process counts by itself"
            )
