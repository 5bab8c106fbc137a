"""All open positions in memory, by id, by agent and by token."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from nexgent.domain.positions.models import Position, PositionMark
from nexgent.domain.trading.book.trigger_index import HeldPosition, TokenLane, WakePrices
from nexgent.shared.types import AgentId, PositionId, TokenAddress

__all__ = ["HeldPosition", "PositionBook", "WakePrices", "age_ms"]


class PositionBook:
    """Open positions by id, by agent and by token."""

    def __init__(self) -> None:
        self._by_id: dict[PositionId, HeldPosition] = {}
        self._by_agent: dict[AgentId, dict[PositionId, HeldPosition]] = {}
        self._lanes: dict[TokenAddress, TokenLane] = {}

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

    def is_held(self, token: TokenAddress) -> bool:
        """Tell whether anybody holds a token."""
        return token in self._lanes

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

    def reset_wake(self, held: HeldPosition, wake: WakePrices) -> None:
        """Take over when a position wants to be looked at."""
        self._lane(held.position.token_address).set(held, wake)

    def move(
        self,
        token: TokenAddress,
        moved: Sequence[tuple[HeldPosition, PositionMark, Decimal | None, WakePrices]],
    ) -> None:
        """Take over what one price did to positions of one token."""
        for held, mark, stop_price_sol, _ in moved:
            held.mark, held.stop_price_sol = mark, stop_price_sol
        self._lane(token).move([held for held, *_ in moved], [wake for *_, wake in moved])

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

    def concerned(
        self, token: TokenAddress, price_sol: Decimal, price: float, now_seconds: float = -math.inf
    ) -> list[HeldPosition]:
        """Return the positions a price may mean something to at a time, and note it as a possible new low.

        Without a time (seconds since 1970) no position is old enough for a stale close.
        """
        lane = self._lanes.get(token)
        if lane is None:
            return []
        lane.low.tick(price_sol)
        if lane.low.full:
            for held in lane.held:
                held.mark = self.current_mark(held)
                held.lows_from = lane.low.next_sequence
            lane.low.clear()
        return lane.concerned(price, now_seconds)

    def current_mark(self, held: HeldPosition) -> PositionMark:
        """Return the mark with the lowest price seen since the position was opened."""
        lane = self._lanes.get(held.position.token_address)
        low = lane.low.since(held.lows_from) if lane is not None else None
        if low is None or low >= held.mark.lowest_price_sol:
            return held.mark
        return replace(held.mark, lowest_price_sol=low)

    def _lane(self, token: TokenAddress) -> TokenLane:
        lane = self._lanes.get(token)
        if lane is None:
            lane = self._lanes[token] = TokenLane()
        return lane


def age_ms(now: datetime, at: datetime) -> int:
    """Return how old a price is, in milliseconds, never negative."""
    return max(0, int((now - at).total_seconds() * 1000))
