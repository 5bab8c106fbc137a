"""All open positions in memory, arranged so that a price touches only the positions it can concern.

Each token has a lane. A lane keeps, as floats, the price below which a position wants to be looked at (its stop) and the one
above which it does (its peak). Floats only select, with a margin that is wider than their error; what was selected is decided
exactly. Most ticks lie between the highest lower bound and the lowest upper bound of their lane and cost two comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from nexgent.domain.positions.models import Position, PositionMark
from nexgent.shared.types import AgentId, PositionId, TokenAddress

MARGIN = 1e-9
_NEVER_BELOW = -math.inf
_NEVER_ABOVE = math.inf
_INITIAL_ROWS = 4


@dataclass(slots=True, eq=False)
class HeldPosition:
    """A position with what prices have done to it. The book is its only writer."""

    position: Position
    mark: PositionMark
    stop_price_sol: Decimal | None
    row: int = -1
    lows_from: int = 0


@dataclass(frozen=True, slots=True)
class WakePrices:
    """When a position wants to be looked at: at or below `lower`, above `upper`. None is never."""

    lower: Decimal | None
    upper: Decimal | None


class _Lane:
    """The positions of one token, with their wake prices as columns."""

    __slots__ = ("held", "highest_lower", "low", "lower", "lowest_upper", "upper")

    def __init__(self) -> None:
        self.held: list[HeldPosition] = []
        self.lower: NDArray[np.float64] = np.full(_INITIAL_ROWS, _NEVER_BELOW)
        self.upper: NDArray[np.float64] = np.full(_INITIAL_ROWS, _NEVER_ABOVE)
        self.highest_lower = _NEVER_BELOW
        self.lowest_upper = _NEVER_ABOVE
        self.low = _RunningLow()

    def add(self, held: HeldPosition, wake: WakePrices) -> None:
        row = len(self.held)
        if row == len(self.lower):
            self.lower = np.concatenate((self.lower, np.full(row, _NEVER_BELOW)))
            self.upper = np.concatenate((self.upper, np.full(row, _NEVER_ABOVE)))
        self.held.append(held)
        held.row = row
        held.lows_from = self.low.next_sequence
        self.set(held, wake)

    def set(self, held: HeldPosition, wake: WakePrices) -> None:
        lower = float(wake.lower) * (1 + MARGIN) if wake.lower is not None else _NEVER_BELOW
        upper = float(wake.upper) * (1 - MARGIN) if wake.upper is not None else _NEVER_ABOVE
        before_lower, before_upper = self.lower[held.row], self.upper[held.row]
        self.lower[held.row] = lower
        self.upper[held.row] = upper
        if lower >= self.highest_lower:
            self.highest_lower = lower
        elif before_lower == self.highest_lower:
            self.highest_lower = float(self.lower[: len(self.held)].max())
        if upper <= self.lowest_upper:
            self.lowest_upper = upper
        elif before_upper == self.lowest_upper:
            self.lowest_upper = float(self.upper[: len(self.held)].min())

    def set_many(self, held: Sequence[HeldPosition], wakes: Sequence[WakePrices]) -> None:
        for one, wake in zip(held, wakes, strict=True):
            self.lower[one.row] = float(wake.lower) * (1 + MARGIN) if wake.lower is not None else _NEVER_BELOW
            self.upper[one.row] = float(wake.upper) * (1 - MARGIN) if wake.upper is not None else _NEVER_ABOVE
        self._bounds()

    def remove(self, held: HeldPosition) -> None:
        last = self.held.pop()
        end = len(self.held)
        if last is not held:
            self.held[held.row] = last
            self.lower[held.row], self.upper[held.row] = self.lower[end], self.upper[end]
            last.row = held.row
        self.lower[end], self.upper[end] = _NEVER_BELOW, _NEVER_ABOVE
        held.row = -1
        self._bounds()

    def _bounds(self) -> None:
        count = len(self.held)
        self.highest_lower = float(self.lower[:count].max()) if count else _NEVER_BELOW
        self.lowest_upper = float(self.upper[:count].min()) if count else _NEVER_ABOVE

    def concerned(self, price: float) -> list[HeldPosition]:
        if self.highest_lower < price < self.lowest_upper:
            return []
        count = len(self.held)
        rows = np.flatnonzero((self.lower[:count] >= price) | (self.upper[:count] <= price))
        return [self.held[row] for row in rows]


class _RunningLow:
    """The lowest price since any earlier tick, without touching a position: suffix minima of the ticks so far."""

    __slots__ = ("_prices", "_sequences", "next_sequence")

    LIMIT = 4_096

    def __init__(self) -> None:
        self.next_sequence = 0
        self._sequences: list[int] = []
        self._prices: list[Decimal] = []

    def tick(self, price: Decimal) -> None:
        while self._prices and self._prices[-1] >= price:
            self._prices.pop()
            self._sequences.pop()
        self._prices.append(price)
        self._sequences.append(self.next_sequence)
        self.next_sequence += 1

    @property
    def full(self) -> bool:
        return len(self._prices) >= self.LIMIT

    def clear(self) -> None:
        self._prices.clear()
        self._sequences.clear()

    def since(self, sequence: int) -> Decimal | None:
        low, high = 0, len(self._sequences)
        while low < high:
            middle = (low + high) // 2
            if self._sequences[middle] < sequence:
                low = middle + 1
            else:
                high = middle
        return self._prices[low] if low < len(self._prices) else None


class PositionBook:
    """Open positions by id, by agent and by token."""

    def __init__(self) -> None:
        self._by_id: dict[PositionId, HeldPosition] = {}
        self._by_agent: dict[AgentId, dict[PositionId, HeldPosition]] = {}
        self._lanes: dict[TokenAddress, _Lane] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, position_id: PositionId) -> HeldPosition | None:
        """Return an open position."""
        return self._by_id.get(position_id)

    def of_agent(self, agent_id: AgentId) -> list[HeldPosition]:
        """Return the open positions of an agent, newest first."""
        held = self._by_agent.get(agent_id)
        if not held:
            return []
        return sorted(held.values(), key=lambda one: (one.position.opened_at, one.position.id), reverse=True)

    def all(self) -> Iterable[HeldPosition]:
        """Return every open position."""
        return self._by_id.values()

    def tokens(self) -> list[TokenAddress]:
        """Return the tokens that are held."""
        return list(self._lanes)

    def tokens_of(self, agent_id: AgentId) -> list[TokenAddress]:
        """Return the tokens an agent holds, one per position."""
        return [one.position.token_address for one in self._by_agent.get(agent_id, {}).values()]

    def holds(self, agent_id: AgentId, token: TokenAddress) -> bool:
        """Tell whether an agent holds a token."""
        return any(one.position.token_address == token for one in self._by_agent.get(agent_id, {}).values())

    def holders(self, token: TokenAddress) -> list[HeldPosition]:
        """Return the positions in a token."""
        lane = self._lanes.get(token)
        return list(lane.held) if lane is not None else []

    def put(
        self, position: Position, mark: PositionMark, stop_price_sol: Decimal | None, wake: WakePrices
    ) -> HeldPosition:
        """Add a position, or take over its new state."""
        held = self._by_id.get(position.id)
        if held is None:
            held = HeldPosition(position, mark, stop_price_sol)
            self._by_id[position.id] = held
            self._by_agent.setdefault(position.agent_id, {})[position.id] = held
            self._lane(position.token_address).add(held, wake)
        else:
            held.position, held.mark, held.stop_price_sol = position, mark, stop_price_sol
            self._lane(position.token_address).set(held, wake)
        return held

    def move(
        self,
        token: TokenAddress,
        moved: Sequence[tuple[HeldPosition, PositionMark, Decimal | None, WakePrices]],
    ) -> None:
        """Take over what one price did to positions of one token."""
        for held, mark, stop_price_sol, _ in moved:
            held.mark, held.stop_price_sol = mark, stop_price_sol
        self._lane(token).set_many([held for held, *_ in moved], [wake for *_, wake in moved])

    def remove(self, position_id: PositionId) -> HeldPosition | None:
        """Forget a closed position."""
        held = self._by_id.pop(position_id, None)
        if held is None:
            return None
        of_agent = self._by_agent[held.position.agent_id]
        del of_agent[position_id]
        if not of_agent:
            del self._by_agent[held.position.agent_id]
        lane = self._lanes[held.position.token_address]
        lane.remove(held)
        if not lane.held:
            del self._lanes[held.position.token_address]
        return held

    def concerned(self, token: TokenAddress, price_sol: Decimal, price: float) -> list[HeldPosition]:
        """Return the positions a price may mean something to, and note it as a possible new low."""
        lane = self._lanes.get(token)
        if lane is None:
            return []
        lane.low.tick(price_sol)
        if lane.low.full:
            for held in lane.held:
                held.mark = self.current_mark(held)
                held.lows_from = lane.low.next_sequence
            lane.low.clear()
        return lane.concerned(price)

    def current_mark(self, held: HeldPosition) -> PositionMark:
        """Return the mark with the lowest price seen since the position was opened."""
        lane = self._lanes.get(held.position.token_address)
        low = lane.low.since(held.lows_from) if lane is not None else None
        if low is None or low >= held.mark.lowest_price_sol:
            return held.mark
        mark = held.mark
        return PositionMark(
            mark.position_id,
            mark.position_version,
            mark.peak_price_sol,
            low,
            mark.stop_loss_pct,
            mark.stop_updated_at,
        )

    def _lane(self, token: TokenAddress) -> _Lane:
        lane = self._lanes.get(token)
        if lane is None:
            lane = self._lanes[token] = _Lane()
        return lane


def age_ms(now: datetime, at: datetime) -> int:
    """Return how old a price is, in milliseconds, never negative."""
    return max(0, int((now - at).total_seconds() * 1000))
