"""Keep the book of open positions current: what trades, configurations and prices made of them, and when to look at them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook, TriggerPrices
from nexgent.domain.trading.book.triggers import triggers_of
from nexgent.domain.trading.orders.order_tasks import PositionOrderTasks
from nexgent.domain.trading.rules.precedence import PRECEDENCE
from nexgent.domain.trading.rules.rule import PositionOrderKind, PositionRule
from nexgent.domain.trading.rules.trail import tightest, with_configured_stop
from nexgent.domain.trading.watch.alarms import Alarms
from nexgent.domain.trading.watch.trail_keeper import TrailKeeper
from nexgent.shared.clock import Clock
from nexgent.shared.types import PositionId, TokenAddress

CLOSED_KNOWN = 10_000
"""Of so many closed positions, the newest, it is known that what comes late about them is over."""
Move = tuple[HeldPosition, PositionTrail, TriggerPrices]


class _Opened(NamedTuple):
    """A purchase and when to look at its position, under the rules of its agent."""

    position: Position
    config: TradingConfig
    automated: bool
    triggers: TriggerPrices

    def holds_for(self, position: Position, agent: Agent | None) -> bool:
        """Tell whether another purchase differs in nothing but whose it is."""
        return (
            agent is not None
            and self.config is agent.config
            and self.position.entry_price_sol == position.entry_price_sol
            and self.automated == agent.automated_in(position.wallet_address)
            and position
            == self.position.of_another(
                position.id, position.agent_id, position.wallet_address, position.purchase_transaction_id
            )
        )


class BookKeeper:
    """The one writer of the book. `rules` stand in their order of precedence."""

    def __init__(
        self,
        *,
        book: PositionBook,
        directory: AgentDirectory,
        trails: TrailKeeper,
        orders: PositionOrderTasks,
        clock: Clock,
        rules: Sequence[PositionRule] = PRECEDENCE,
        share: EngineShare | None = None,
    ) -> None:
        """Prices are held against the positions of agents in the `share`; the others are only known."""
        self.share = share or EngineShare()
        self.rules = tuple(rules)
        self._book = book
        self._directory = directory
        self._trails = trails
        self._orders = orders
        self._clock = clock
        self._alarms = Alarms()
        # Rules that call for an order, by their place. They rest where their order does, or another one is under way.
        self._order_kinds = [
            (place, rule.calls_for)
            for place, rule in enumerate(self.rules)
            if isinstance(rule.calls_for, PositionOrderKind)
        ]
        # A burst opens one position after another at the same price and, mostly, under the same rules.
        self._newest: _Opened | None = None
        self._closed: dict[PositionId, int] = {}
        orders.when_idle(self._look_anew)

    def on_opened(self, event: PositionOpened) -> None:
        """Start watching a new position. Its trail is in the journal with it, unless the configuration has changed meanwhile."""
        position, trail = event.position, event.trail
        known = self._book.get(position.id)
        # It may be told late: when it was looked up whether it is recorded, for one.
        if self._is_over(position) or (known is not None and known.position.version > position.version):
            return
        agent = self._directory.find(position.agent_id)
        is_new = trail is position.base_trail and known is None
        if is_new and self._newest is not None and self._newest.holds_for(position, agent):
            self._book.put(position, trail, self._newest.triggers)
            return
        held = self.watch(position, trail)
        if held.trail is not position.base_trail:
            # Of an agent that another engine acts for, that one stores it.
            if self.share.acts_for(position.agent_id):
                self._trails.keep([held.trail])
        elif is_new and agent is not None and held.triggers.later_seconds is None:
            automated = agent.automated_in(position.wallet_address)
            self._newest = _Opened(position, agent.config, automated, held.triggers)

    def on_updated(self, event: PositionUpdated) -> None:
        """Take over what a trade made of a position; what prices did to it meanwhile stays, unless the trade re-based it.

        Of an agent that another engine acts for, what prices did to it is heard and stored by that one.
        """
        held = self._book.get(event.position.id)
        if self._is_over(event.position):
            return
        if not self.share.acts_for(event.position.agent_id):
            if held is None or held.position.version <= event.position.version:
                self.watch(event.position, event.trail)
            return
        if held is not None and held.position.version >= event.position.version:
            return
        trail = event.trail if held is None else tightest(self._book.current_trail(held), event.trail)
        self._trails.keep([self.watch(event.position, trail).trail])

    def on_closed(self, event: PositionClosed) -> None:
        """Stop watching a position."""
        if len(self._closed) >= CLOSED_KNOWN:
            del self._closed[next(iter(self._closed))]
        self._closed[event.position_id] = event.version
        self._book.remove(event.position_id)
        self._alarms.forget(event.position_id)
        self._orders.forget(event.position_id)

    def _is_over(self, position: Position) -> bool:
        """Tell whether a position was closed after it was what is said of it.

        An engine that stood still says what it did before when another one has sold it.
        """
        return position.version < self._closed.get(position.id, 0)

    def on_agent_saved(self, event: AgentSaved) -> None:
        """Apply a changed configuration to the agent's open positions: the stop may tighten, never loosen."""
        tightened: list[tuple[Position, PositionTrail]] = []
        for held in self._book.of_agent(event.agent.id):
            before = held.trail
            if self.watch(held.position, before).trail != before:
                tightened.append((held.position, held.trail))
        if tightened and self.share.acts_for(event.agent.id):
            self._trails.moved(tightened)

    def watch(self, position: Position, trail: PositionTrail) -> HeldPosition:
        """Put a position into the book with the triggers its agent's configuration gives it."""
        agent = self._directory.find(position.agent_id)
        now = self._clock.now()
        if agent is not None:
            trail = with_configured_stop(trail, position, agent.config.stop_loss, now)
        return self._book.put(position, trail, self.triggers(position, trail, agent, now))

    def triggers(
        self, position: Position, trail: PositionTrail, agent: Agent | None, now: datetime
    ) -> TriggerPrices:
        """Return when to look at a position, and have it looked at anew when a rule has to wait until then."""
        looks = [rule.look(position, trail, agent) if agent is not None else None for rule in self.rules]
        for place, kind in self._order_kinds:
            look = looks[place]
            until = self._orders.resting_until(position.id, kind, now) if look is not None else None
            if look is not None and until is not None:
                looks[place] = look._replace(from_seconds=max(look.from_seconds, until.timestamp()))
        return self._awaited(position, triggers_of(looks, trail.peak_price_sol, now.timestamp()))

    def moved_triggers(
        self, held: HeldPosition, trail: PositionTrail, agent: Agent, now_seconds: float
    ) -> TriggerPrices:
        """Return when to look at a position whose trail a price has moved; what does not follow the trail stays."""
        position = held.position
        looks = [
            rule.look(position, trail, agent) if rule.follows_trail else look
            for rule, look in zip(self.rules, held.triggers.looks, strict=True)
        ]
        return self._awaited(position, triggers_of(looks, trail.peak_price_sol, now_seconds))

    def take_over(self, token: TokenAddress, moved: Sequence[Move]) -> None:
        """Note what one price did to positions of one token, and make it durable."""
        self._book.move(token, moved)
        self._trails.moved([(held.position, trail) for held, trail, _ in moved])

    def look_again(self) -> datetime:
        """Give rules back their triggers that had to wait until now; return now."""
        now = self._clock.now()
        for position_id in self._alarms.due(now.timestamp()):
            self._look_anew(position_id)
        return now

    def _look_anew(self, position_id: PositionId) -> None:
        held = self._book.get(position_id)
        if held is not None:
            agent = self._directory.find(held.position.agent_id)
            now = self._clock.now()
            self._book.reset_triggers(held, self.triggers(held.position, held.trail, agent, now))

    def _awaited(self, position: Position, triggers: TriggerPrices) -> TriggerPrices:
        if triggers.later_seconds is not None:
            self._alarms.set(position.id, triggers.later_seconds)
        return triggers
