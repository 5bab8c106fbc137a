"""A seeded random walk of one price, computed only when it is asked for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

# The logarithm is kept as an integer of 10**-12, so that the sum does not depend on how the steps were grouped.
_LOG_UNIT = 10**12
# Twelve digits are more than any provider publishes.
_DIGITS = 12
# exp() of more than this is no price any more; the walk is held within a factor of 10**8 of where it began.
_MAX_LOG = round(math.log(1e8) * _LOG_UNIT)


class PriceWalk:
    """Walk from `start` in geometric steps; the price at step k depends on seed, name and k alone."""

    def __init__(self, *, seed: int, name: str, start: Decimal, first_step: int) -> None:
        self._seed = seed
        self._name = name
        self._start = start
        self._step = first_step
        self._log = 0
        self._rng: np.random.Generator | None = None
        self._price = start

    def price(self, step: int, segments: Sequence[tuple[int, float]]) -> Decimal:
        """Return the price at `step`, which is never before a step asked for earlier."""
        if step <= self._step:
            return self._price
        for index, (first, sigma) in enumerate(segments):
            end = segments[index + 1][0] if index + 1 < len(segments) else step
            count = min(end, step) - max(first, self._step)
            if count > 0:
                self._take(count, sigma)
        self._step = step
        self._price = self._from_log()
        return self._price

    def _take(self, count: int, sigma: float) -> None:
        if self._rng is None:
            digest = hashlib.sha256(f"{self._seed}/{self._name}".encode()).digest()
            self._rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
        if sigma <= 0:
            return
        drift = -sigma * sigma / 2
        increments = np.rint((self._rng.standard_normal(count) * sigma + drift) * _LOG_UNIT).astype(np.int64)
        self._log += int(increments.sum())

    def _from_log(self) -> Decimal:
        held = max(-_MAX_LOG, min(_MAX_LOG, self._log))
        factor = math.exp(held / _LOG_UNIT)
        return Decimal(f"{float(self._start) * factor:.{_DIGITS}g}")
