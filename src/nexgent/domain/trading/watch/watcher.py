"""Watch prices for the open positions: raise stops, start what the rules call for. Decides from memory, never waits for a trade.

For each position the rules are asked in this order, and the first that acts ends the tick for it: stop loss, take profit, stale
close, DCA. The lowest price is noted in any case.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import count

import structlog

from nexgent.domain.agents.config import StopLossConfig, TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import TokenPrice
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook, TriggerPrices, age_ms
from nexgent.domain.trading.book.triggers import dca_cooldown_until, moved_triggers, trigger_prices
from nexgent.domain.trading.orders.average_down import automated_in, dca_state
from nexgent.domain.trading.orders.order_tasks import PositionOrderKind, PositionOrderTasks
from nexgent.domain.trading.orders.take_profit_sale import take_profit_state
from nexgent.domain.trading.rules.dca import evaluate_dca
from nexgent.domain.trading.rules.stale_trade import decide_stale_trade
from nexgent.domain.trading.rules.stop_loss import decide_stop_loss, stop_price
from nexgent.domain.trading.rules.take_profit import evaluate_take_profit
from nexgent.domain.trading.watch.exits import ExitTasks
from nexgent.domain.trading.watch.trail_keeper import TrailKeeper
from nexgent.shared.clock import Clock
from nexgent.shared.types import PositionId

log = structlog.get_logger(__name__)

Move = tuple[HeldPosition, PositionTrail, Decimal | None, TriggerPrices]


class PositionWatcher:
    """Keep the book current and act on what prices mean."""

    def __init__(
        self,
        *,
        book: PositionBook,
        directory: AgentDirectory,
        exits: ExitTasks,
        trails: TrailKeeper,
        clock: Clock,
        on_evaluated: Callable[[str, float], None] | None = None,
        operations: PositionOrderTasks | None = None,
        exits_need_automation: bool = False,
    ) -> None:
        """Without `operations` nothing is sold in parts and nothing bought.

        `exits_need_automation` is the reference's behaviour: with automated trading off in a wallet's mode, its positions are
        not looked at at all, not even their stops.
        """
        self._book = book
        self._directory = directory
        self._exits = exits
        self._trails = trails
        self._clock = clock
        self._on_evaluated = on_evaluated
        self._operations = operations
        self._exits_need_automation = exits_need_automation
        # When to look again at positions one of whose rules may not act for a while.
        self._alarms: list[tuple[datetime, int, PositionId]] = []
        self._alarm_of: dict[PositionId, datetime] = {}
        self._alarm_numbers = count()
        if operations is not None:
            operations.when_idle(self._on_idle)

    def on_opened(self, event: PositionOpened) -> None:
        """Start watching a new position."""
        held = self.watch(event.position, event.trail)
        self._trails.keep([held.trail])

    def on_updated(self, event: PositionUpdated) -> None:
        """Take over what a trade made of a position; what prices did to it meanwhile stays, unless the trade re-based it."""
        held = self._book.get(event.position.id)
        if held is not None and held.position.version >= event.position.version:
            return
        trail = event.trail if held is None else _tightest(self._book.current_trail(held), event.trail)
        self._trails.keep([self.watch(event.position, trail).trail])

    def on_closed(self, event: PositionClosed) -> None:
        """Stop watching a position."""
        self._book.remove(event.position_id)
        self._alarm_of.pop(event.position_id, None)
        if self._operations is not None:
            self._operations.forget(event.position_id)

    def on_agent_saved(self, event: AgentSaved) -> None:
        """Apply a changed configuration to the agent's open positions: the stop may tighten, never loosen."""
        tightened: list[tuple[Position, PositionTrail]] = []
        for held in self._book.of_agent(event.agent.id):
            before = held.trail
            if self.watch(held.position, before).trail != before:
                tightened.append((held.position, held.trail))
        if tightened:
            self._trails.moved(tightened)

    def watch(self, position: Position, trail: PositionTrail) -> HeldPosition:
        """Put a position into the book with the triggers its agent's configuration gives it."""
        agent = self._directory.find(position.agent_id)
        config = agent.config if agent is not None else None
        now = self._clock.now()
        if config is not None and config.stop_loss.enabled:
            trail = _with_configured_stop(position, trail, config.stop_loss, now)
        stop = _stop_price(position, trail, config)
        return self._book.put(position, trail, stop, self._triggers(position, trail, stop, agent, now))

    def on_prices(self, event: PricesChanged) -> None:
        """Hold every accepted price against the positions it can concern."""
        now = self._clock.now()
        if self._alarms and self._alarms[0][0] <= now:
            self._look_again(now)
        now_seconds = now.timestamp()
        for price in event.prices:
            try:
                concerned = self._book.concerned(
                    price.token_address, price.price_sol, float(price.price_sol), now_seconds
                )
                if concerned:
                    self._decide(price, concerned, now)
            except Exception:
                log.exception("watcher.token_failed", token_address=price.token_address)

    def _decide(self, price: TokenPrice, concerned: Sequence[HeldPosition], now: datetime) -> None:
        evidence = PriceEvidence(
            price_sol=price.price_sol, source=price.source, age_ms=age_ms(now, price.observed_at)
        )
        now_seconds = now.timestamp()
        moved: list[Move] = []
        for held in concerned:
            try:
                if _is_awake(held, price.price_sol, now_seconds):
                    self._decide_one(held, evidence, now, moved)
            except Exception:
                # Whatever is wrong with one position, the stops of the others hold.
                log.exception("watcher.position_failed", position_id=str(held.position.id))
        if moved:
            self._book.move(price.token_address, moved)
            self._trails.moved([(held.position, trail) for held, trail, _, _ in moved])

    def _decide_one(
        self, held: HeldPosition, evidence: PriceEvidence, now: datetime, moved: list[Move]
    ) -> None:
        started = time.perf_counter()
        agent = self._directory.find(held.position.agent_id)
        if agent is None or (
            self._exits_need_automation and not automated_in(agent, held.position.wallet_address)
        ):
            return
        stopped, move = self._stop_loss(held, agent.config, evidence, now)
        if stopped:
            self._exits.start(held.position, CloseReason.STOP_LOSS, evidence)
        else:
            self._other_rules(held, agent, evidence, now)
        if move is not None:
            trail, stop = move
            moved.append((held, trail, stop, moved_triggers(held.triggers, trail, stop)))
        if self._on_evaluated is not None:
            self._on_evaluated("triggered" if stopped else "held", time.perf_counter() - started)

    def _stop_loss(
        self, held: HeldPosition, config: TradingConfig, evidence: PriceEvidence, now: datetime
    ) -> tuple[bool, tuple[PositionTrail, Decimal | None] | None]:
        """Return whether the stop fires, and the trail with its stop price when the price moved them."""
        trail, price_sol = held.trail, evidence.price_sol
        decision = decide_stop_loss(
            held.position.entry_price_sol,
            trail.peak_price_sol,
            trail.stop_loss_pct,
            price_sol,
            config.stop_loss,
        )
        peak = decision.peak_price_sol if decision.peak_price_sol is not None else trail.peak_price_sol
        peak = max(peak, price_sol)
        stop_pct = decision.stop_pct if config.stop_loss.enabled else trail.stop_loss_pct
        if peak == trail.peak_price_sol and stop_pct == trail.stop_loss_pct:
            return decision.triggered, None
        changed = PositionTrail(
            trail.position_id,
            trail.position_version,
            peak,
            self._book.current_trail(held).lowest_price_sol,
            stop_pct,
            now if stop_pct != trail.stop_loss_pct else trail.stop_updated_at,
        )
        return decision.triggered, (changed, _stop_price(held.position, changed, config))

    def _other_rules(self, held: HeldPosition, agent: Agent, evidence: PriceEvidence, now: datetime) -> None:
        """Ask the rules after the stop loss in their order; the first that acts is the last that is asked."""
        if self._takes_profit(held, agent, evidence, now):
            return
        position, price_sol = held.position, evidence.price_sol
        stale = held.triggers.stale
        if stale is not None and stale.low_sol <= price_sol <= stale.high_sol:
            decision = decide_stale_trade(
                position.opened_at, now, position.entry_price_sol, price_sol, agent.config.stale_trade
            )
            if decision.close:
                self._exits.start(position, CloseReason.STALE_TRADE, evidence)
                return
        self._averages_down(held, agent, evidence, now)

    def _takes_profit(self, held: HeldPosition, agent: Agent, evidence: PriceEvidence, now: datetime) -> bool:
        target, operations = held.triggers.take_profit_from, self._operations
        if operations is None or target is None or evidence.price_sol < target:
            return False
        decision = evaluate_take_profit(
            take_profit_state(held.position), evidence.price_sol, agent.config.take_profit
        )
        if not decision.should_execute:
            return False
        started = operations.take_profit(held.position, evidence)
        self._rewake(held, now)
        return started

    def _averages_down(
        self, held: HeldPosition, agent: Agent, evidence: PriceEvidence, now: datetime
    ) -> None:
        level, operations = held.triggers.dca_until, self._operations
        if operations is None or level is None or evidence.price_sol > level:
            return
        if evaluate_dca(dca_state(held.position), evidence.price_sol, now, agent.config.dca).triggered:
            operations.average_down(held.position, evidence)
            self._rewake(held, now)

    def _on_idle(self, position_id: PositionId) -> None:
        held = self._book.get(position_id)
        if held is not None:
            self._rewake(held, self._clock.now())

    def _rewake(self, held: HeldPosition, now: datetime) -> None:
        agent = self._directory.find(held.position.agent_id)
        triggers = self._triggers(held.position, held.trail, held.stop_price_sol, agent, now)
        self._book.reset_triggers(held, triggers)

    def _triggers(
        self,
        position: Position,
        trail: PositionTrail,
        stop_price_sol: Decimal | None,
        agent: Agent | None,
        now: datetime,
    ) -> TriggerPrices:
        """Return when to look at a position, and set an alarm for rules that may not act at present."""
        if agent is None:
            return trigger_prices(position, trail, stop_price_sol, None, take_profit=False, dca=False)
        config, operations = agent.config, self._operations
        take_profit = operations is not None and config.take_profit.enabled
        dca = operations is not None and config.dca.enabled and automated_in(agent, position.wallet_address)
        if operations is not None and take_profit:
            rested = operations.resting_until(position.id, PositionOrderKind.TAKE_PROFIT, now)
            take_profit = not self._wait(position.id, rested, now)
        if operations is not None and dca:
            rested = operations.resting_until(position.id, PositionOrderKind.DCA, now)
            cooled = dca_cooldown_until(position, config.dca)
            dca = not (self._wait(position.id, rested, now) or self._wait(position.id, cooled, now))
        return trigger_prices(position, trail, stop_price_sol, config, take_profit=take_profit, dca=dca)

    def _wait(self, position_id: PositionId, until: datetime | None, now: datetime) -> bool:
        if until is None or until <= now:
            return False
        known = self._alarm_of.get(position_id)
        if known is None or until < known:
            self._alarm_of[position_id] = until
            heapq.heappush(self._alarms, (until, next(self._alarm_numbers), position_id))
        return True

    def _look_again(self, now: datetime) -> None:
        """Give rules back their triggers that had to wait."""
        due: list[PositionId] = []
        while self._alarms and self._alarms[0][0] <= now:
            at, _, position_id = heapq.heappop(self._alarms)
            if self._alarm_of.get(position_id) == at:
                del self._alarm_of[position_id]
                due.append(position_id)
        for position_id in due:
            held = self._book.get(position_id)
            if held is not None:
                self._rewake(held, now)


def _stop_price(position: Position, trail: PositionTrail, config: TradingConfig | None) -> Decimal | None:
    if config is None or not config.stop_loss.enabled or trail.stop_loss_pct is None:
        return None
    return stop_price(position.entry_price_sol, trail.stop_loss_pct)


def _is_awake(held: HeldPosition, price_sol: Decimal, now_seconds: float) -> bool:
    """Tell whether a selected position has anything to decide: many are selected only because the price stands at their peak."""
    triggers = held.triggers
    if price_sol > held.trail.peak_price_sol or (triggers.lower is not None and price_sol <= triggers.lower):
        return True
    if triggers.take_profit_from is not None and price_sol >= triggers.take_profit_from:
        return True
    stale = triggers.stale
    return (
        stale is not None
        and now_seconds >= stale.from_seconds
        and stale.low_sol <= price_sol <= stale.high_sol
    )


def _with_configured_stop(
    position: Position, trail: PositionTrail, config: StopLossConfig, now: datetime
) -> PositionTrail:
    """Return the trail with the stop that the configuration gives to its peak, where that is tighter."""
    peak = trail.peak_price_sol
    stop_pct = decide_stop_loss(position.entry_price_sol, peak, trail.stop_loss_pct, peak, config).stop_pct
    if stop_pct == trail.stop_loss_pct:
        return trail
    return replace(trail, stop_loss_pct=stop_pct, stop_updated_at=now)


def _tightest(one: PositionTrail, other: PositionTrail) -> PositionTrail:
    """Return two trails of a position as one: the newer base wins, on the same base nothing that was reached is lost."""
    if one.position_version != other.position_version:
        newer, older = (one, other) if one.position_version > other.position_version else (other, one)
        return replace(newer, lowest_price_sol=min(newer.lowest_price_sol, older.lowest_price_sol))
    tighter = one if _stop_of(one) >= _stop_of(other) else other
    return replace(
        tighter,
        peak_price_sol=max(one.peak_price_sol, other.peak_price_sol),
        lowest_price_sol=min(one.lowest_price_sol, other.lowest_price_sol),
    )


def _stop_of(trail: PositionTrail) -> Decimal:
    return trail.stop_loss_pct if trail.stop_loss_pct is not None else Decimal("-Infinity")
