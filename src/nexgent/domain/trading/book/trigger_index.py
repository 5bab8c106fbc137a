"""The open positions in one token, arranged so that a price touches only those it can concern.

An index keeps columns of floats: the price below which a position wants to be looked at (its stop, its next DCA level), the one
above which it does (its peak, its next take-profit target), and the time and price band of a window (such as the stale close's).
Floats only select, with a margin that is wider than their error; what was selected is decided exactly. Most ticks lie between
the highest lower bound and the lowest upper bound of their index and outside every band, and cost a few comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.rules.rule import Look

MARGIN = 1e-9
_NEVER_BELOW = -math.inf
_NEVER_ABOVE = math.inf
_NEVER = math.inf
_INITIAL_ROWS = 4
_COLUMNS = 5
_LOWER, _UPPER, _FROM, _LOW, _HIGH = range(_COLUMNS)
_NO_WINDOW = (_NEVER, _NEVER_ABOVE, _NEVER_BELOW)
_EMPTY_ROW = (_NEVER_BELOW, _NEVER_ABOVE, *_NO_WINDOW)


class TriggerPrices(NamedTuple):
    """When a position wants to be looked at: at or below `lower`, at or above `upper`, or within the window. None is never."""

    lower: Decimal | None = None
    upper: Decimal | None = None
    above: Decimal | None = None
    """The part of `upper` that is a rule's: the rest is the peak, which a price has to exceed to mean anything."""
    window: Look | None = None
    looks: tuple[Look | None, ...] = ()
    """When each rule wants to be asked, in their order."""
    later_seconds: float | None = None
    """From when on (seconds since 1970) the bounds are other ones: a rule that may not act before."""


NEVER = TriggerPrices()
"""No price and no time."""


@dataclass(slots=True, eq=False)
class HeldPosition:
    """A position with what prices have done to it. The book is its only writer."""

    position: Position
    trail: PositionTrail
    triggers: TriggerPrices = NEVER
    row: int = -1
    lows_from: int = 0


class TriggerIndex:
    """The positions of one token, with their triggers prices as columns."""

    __slots__ = (
        "_band_high",
        "_band_low",
        "_columns",
        "_highest_lower",
        "_lowest_upper",
        "_newest",
        "_next_maturity",
        "held",
        "low",
    )

    def __init__(self) -> None:
        self.held: list[HeldPosition] = []
        self.low = RunningLow()
        self._columns: NDArray[np.float64] = _empty(_INITIAL_ROWS)
        # A burst takes in positions with the same triggers.
        self._newest = (NEVER, _EMPTY_ROW, np.array(_EMPTY_ROW, dtype=np.float64))
        self._highest_lower = _NEVER_BELOW
        self._lowest_upper = _NEVER_ABOVE
        # The earliest beginning of a window that the band does not count yet, and the hull of the bands that have begun.
        self._next_maturity = _NEVER
        self._band_low = _NEVER_ABOVE
        self._band_high = _NEVER_BELOW

    def add(self, held: HeldPosition, triggers: TriggerPrices) -> None:
        """Take a position in."""
        row = len(self.held)
        if row == self._columns.shape[1]:
            self._columns = np.concatenate((self._columns, _empty(row)), axis=1)
        self.held.append(held)
        held.row = row
        held.lows_from = self.low.next_sequence
        held.triggers = triggers
        if triggers is not self._newest[0]:
            values = (_lower(triggers), _upper(triggers), *_window(triggers.window))
            self._newest = triggers, values, np.array(values, dtype=np.float64)
        _, (lower, upper, from_seconds, *_), column = self._newest
        self._columns[:, row] = column
        self._highest_lower = max(self._highest_lower, lower)
        self._lowest_upper = min(self._lowest_upper, upper)
        self._next_maturity = min(self._next_maturity, from_seconds)

    def set(self, held: HeldPosition, triggers: TriggerPrices) -> None:
        """Take over when a position wants to be looked at."""
        lower, upper = _lower(triggers), _upper(triggers)
        before_lower, before_upper = self._columns[:2, held.row]
        self._columns[_LOWER, held.row], self._columns[_UPPER, held.row] = lower, upper
        if triggers.window != held.triggers.window:
            self._set_window(held.row, triggers.window)
        held.triggers = triggers
        if lower >= self._highest_lower:
            self._highest_lower = lower
        elif before_lower == self._highest_lower:
            self._highest_lower = float(self._columns[_LOWER, : len(self.held)].max())
        if upper <= self._lowest_upper:
            self._lowest_upper = upper
        elif before_upper == self._lowest_upper:
            self._lowest_upper = float(self._columns[_UPPER, : len(self.held)].min())

    def move(self, held: Sequence[HeldPosition], wakes: Sequence[TriggerPrices]) -> None:
        """Take over when several positions want to be looked at."""
        lower, upper = self._columns[_LOWER], self._columns[_UPPER]
        for one, triggers in zip(held, wakes, strict=True):
            lower[one.row] = _lower(triggers)
            upper[one.row] = _upper(triggers)
            if triggers.window is not one.triggers.window and triggers.window != one.triggers.window:
                self._set_window(one.row, triggers.window)
            one.triggers = triggers
        self._rebound()

    def remove(self, held: HeldPosition) -> None:
        """Let a position go."""
        last = self.held.pop()
        end = len(self.held)
        if last is not held:
            self.held[held.row] = last
            self._columns[:, held.row] = self._columns[:, end]
            last.row = held.row
        self._columns[:, end] = _EMPTY_ROW
        held.row = -1
        self._rebound()
        # The hull of the bands may be too wide from now on, which costs a look at the columns and no more.

    def concerned(self, price: float, now_seconds: float) -> list[HeldPosition]:
        """Return the positions that a price may mean something to."""
        if now_seconds >= self._next_maturity:
            self._mature(now_seconds)
        within = self._band_low <= price <= self._band_high
        if not within and self._highest_lower < price < self._lowest_upper:
            return []
        columns = self._columns[:, : len(self.held)]
        hit = (columns[_LOWER] >= price) | (columns[_UPPER] <= price)
        if within:
            hit |= (columns[_FROM] <= now_seconds) & (columns[_LOW] <= price) & (columns[_HIGH] >= price)
        return [self.held[row] for row in np.flatnonzero(hit)]

    def _set_window(self, row: int, window: Look | None) -> None:
        from_seconds, *_ = self._columns[_FROM:, row] = _window(window)
        self._next_maturity = min(self._next_maturity, from_seconds)

    def _rebound(self) -> None:
        count = len(self.held)
        self._highest_lower = float(self._columns[_LOWER, :count].max()) if count else _NEVER_BELOW
        self._lowest_upper = float(self._columns[_UPPER, :count].min()) if count else _NEVER_ABOVE

    def _mature(self, now_seconds: float) -> None:
        columns = self._columns[:, : len(self.held)]
        ripe = columns[_FROM] <= now_seconds
        self._band_low = float(columns[_LOW].min(initial=_NEVER_ABOVE, where=ripe))
        self._band_high = float(columns[_HIGH].max(initial=_NEVER_BELOW, where=ripe))
        self._next_maturity = float(columns[_FROM].min(initial=_NEVER, where=~ripe))


class RunningLow:
    """The lowest price since any earlier tick, without touching a position: suffix minima of the ticks so far."""

    __slots__ = ("_prices", "_sequences", "next_sequence")

    LIMIT = 4_096

    def __init__(self) -> None:
        self.next_sequence = 0
        self._sequences: list[int] = []
        self._prices: list[Decimal] = []

    def tick(self, price: Decimal) -> None:
        """Note a price."""
        while self._prices and self._prices[-1] >= price:
            self._prices.pop()
            self._sequences.pop()
        self._prices.append(price)
        self._sequences.append(self.next_sequence)
        self.next_sequence += 1

    @property
    def full(self) -> bool:
        """Tell whether the lows should be handed to the positions."""
        return len(self._prices) >= self.LIMIT

    def clear(self) -> None:
        """Forget the lows; sequences go on."""
        self._prices.clear()
        self._sequences.clear()

    def since(self, sequence: int) -> Decimal | None:
        """Return the lowest price from that tick on, or None without one."""
        low, high = 0, len(self._sequences)
        while low < high:
            middle = (low + high) // 2
            if self._sequences[middle] < sequence:
                low = middle + 1
            else:
                high = middle
        return self._prices[low] if low < len(self._prices) else None


def _empty(rows: int) -> NDArray[np.float64]:
    return np.repeat(np.array(_EMPTY_ROW, dtype=np.float64)[:, None], rows, axis=1)


def _lower(triggers: TriggerPrices) -> float:
    return float(triggers.lower) * (1 + MARGIN) if triggers.lower is not None else _NEVER_BELOW


def _upper(triggers: TriggerPrices) -> float:
    return float(triggers.upper) * (1 - MARGIN) if triggers.upper is not None else _NEVER_ABOVE


def _window(window: Look | None) -> tuple[float, float, float]:
    if window is None:
        return _NO_WINDOW
    # A band around zero or below it has to grow outwards on both sides, so the margin follows the sign.
    return (
        window.from_seconds,
        _outwards(float(window.low_sol), -1) if window.low_sol is not None else -math.inf,
        _outwards(float(window.high_sol), 1) if window.high_sol is not None else math.inf,
    )


def _outwards(price: float, direction: int) -> float:
    return price + direction * abs(price) * MARGIN
