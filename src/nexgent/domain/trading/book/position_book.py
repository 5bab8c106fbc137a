"""All open positions in memory, by id, by agent and by token."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.book.trigger_index import HeldPosition, TriggerIndex, TriggerPrices
from nexgent.shared.structs import replace
from nexgent.shared.types import AgentId, PositionId, TokenAddress

__all__ = ["HeldPosition", "PositionBook", "TriggerPrices", "age_ms"]


class PositionBook:
    """Open positions by id, by agent and by token."""

    def __init__(self) -> None:
        self._by_id: dict[PositionId, HeldPosition] = {}
        self._by_agent: dict[AgentId, dict[PositionId, HeldPosition]] = {}
        self._indexes: dict[TokenAddress, TriggerIndex] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, position_id: PositionId) -> bool:
        return position_id in self._by_id

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
        return list(self._indexes)

    def is_held(self, token: TokenAddress) -> bool:
        """Tell whether anybody holds a token."""
        return token in self._indexes

    def tokens_of(
        self, agents: Collection[AgentId], among: Collection[TokenAddress]
    ) -> dict[AgentId, tuple[TokenAddress, ...]]:
        """Return which of some tokens agents hold, each once though two of their wallets may; nothing of who holds none.

        It is looked for where there is less to look at: a burst is over, and one token of the twenty that each agent holds has
        a price; or a few people look at agents that hold what thousands hold.
        """
        found: dict[AgentId, dict[TokenAddress, None]] = {}
        indexes = [(token, self._indexes[token]) for token in among if token in self._indexes]
        of_agents = [(agent, held) for agent in agents if (held := self._by_agent.get(agent))]
        if sum(len(index.held) for _, index in indexes) < sum(len(held) for _, held in of_agents):
            wanted = {agent for agent, _ in of_agents}
            for token, index in indexes:
                for one in index.held:
                    if (agent := one.position.agent_id) in wanted:
                        found.setdefault(agent, {})[token] = None
        else:
            tokens = {token for token, _ in indexes}
            for agent, held in of_agents:
                for one in held.values():
                    if (token := one.position.token_address) in tokens:
                        found.setdefault(agent, {})[token] = None
        return {agent: tuple(tokens) for agent, tokens in found.items()}

    def holds(self, agent_id: AgentId, token: TokenAddress) -> bool:
        """Tell whether an agent holds a token."""
        return any(one.position.token_address == token for one in self._by_agent.get(agent_id, {}).values())

    def holders(self, token: TokenAddress) -> list[HeldPosition]:
        """Return the positions in a token."""
        index = self._indexes.get(token)
        return list(index.held) if index is not None else []

    def put(
        self,
        position: Position,
        trail: PositionTrail,
        triggers: TriggerPrices,
    ) -> HeldPosition:
        """Add a position, or take over its new state."""
        held = self._by_id.get(position.id)
        if held is None:
            held = HeldPosition(position, trail)
            self._by_id[position.id] = held
            self._by_agent.setdefault(position.agent_id, {})[position.id] = held
            self._index(position.token_address).add(held, triggers)
        else:
            held.position, held.trail = position, trail
            self._index(position.token_address).set(held, triggers)
        return held

    def reset_triggers(self, held: HeldPosition, triggers: TriggerPrices) -> None:
        """Take over when a position wants to be looked at."""
        self._index(held.position.token_address).set(held, triggers)

    def move(
        self,
        token: TokenAddress,
        moved: Sequence[tuple[HeldPosition, PositionTrail, TriggerPrices]],
    ) -> None:
        """Take over what one price did to positions of one token."""
        for held, trail, _ in moved:
            held.trail = trail
        self._index(token).move([held for held, *_ in moved], [triggers for *_, triggers in moved])

    def remove(self, position_id: PositionId) -> HeldPosition | None:
        """Forget a closed position."""
        held = self._by_id.pop(position_id, None)
        if held is None:
            return None
        of_agent = self._by_agent[held.position.agent_id]
        del of_agent[position_id]
        if not of_agent:
            del self._by_agent[held.position.agent_id]
        index = self._indexes[held.position.token_address]
        index.remove(held)
        if not index.held:
            del self._indexes[held.position.token_address]
        return held

    def concerned(
        self, token: TokenAddress, price_sol: Decimal, price: float, now_seconds: float = -math.inf
    ) -> list[HeldPosition]:
        """Return the positions a price may mean something to at a time, and note it as a possible new low.

        Without a time (seconds since 1970) no window has begun that begins at one.
        """
        index = self._indexes.get(token)
        if index is None:
            return []
        index.low.tick(price_sol)
        if index.low.full:
            for held in index.held:
                held.trail = self.current_trail(held)
                held.lows_from = index.low.next_sequence
            index.low.clear()
        return index.concerned(price, now_seconds)

    def current_trail(self, held: HeldPosition) -> PositionTrail:
        """Return the trail with the lowest price seen since the position was opened."""
        return self.with_lowest(held, held.trail)

    def with_lowest(self, held: HeldPosition, trail: PositionTrail) -> PositionTrail:
        """Return a trail of the position with the lowest price seen since it was opened."""
        index = self._indexes.get(held.position.token_address)
        low = index.low.since(held.lows_from) if index is not None else None
        if low is None or low >= trail.lowest_price_sol:
            return trail
        return replace(trail, lowest_price_sol=low)

    def trail_of(self, position: Position) -> PositionTrail:
        """Return what prices have done to a position by now: its base trail, where that is newer or it is not in the book."""
        held = self._by_id.get(position.id)
        trail = self.current_trail(held) if held is not None else position.base_trail
        return (
            trail if trail.position_version >= position.base_trail.position_version else position.base_trail
        )

    def _index(self, token: TokenAddress) -> TriggerIndex:
        index = self._indexes.get(token)
        if index is None:
            index = self._indexes[token] = TriggerIndex()
        return index


def age_ms(now: datetime, at: datetime) -> int:
    """Return how old a price is, in milliseconds, never negative."""
    return max(0, int((now - at).total_seconds() * 1000))
