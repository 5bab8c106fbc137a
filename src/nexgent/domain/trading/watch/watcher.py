"""Hold prices against the open positions and start what the rules call for. Decides from memory, never waits for a trade.

A price first moves peak and stop. Then the rules are asked in their order of precedence (`rules/precedence.py`), and the first
that acts ends the tick for a position. The lowest price is noted in any case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.models import CloseReason, PositionTrail
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import TokenPrice
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook, TriggerPrices, age_ms
from nexgent.domain.trading.orders.order_tasks import PositionOrderTasks
from nexgent.domain.trading.rules.rule import Moment, PositionOrderKind
from nexgent.domain.trading.rules.trail import following
from nexgent.domain.trading.watch.book_keeper import BookKeeper, Move
from nexgent.domain.trading.watch.exits import ExitTasks

log = structlog.get_logger(__name__)

Action = CloseReason | PositionOrderKind


class PositionWatcher:
    """Act on what prices mean."""

    def __init__(
        self,
        *,
        keeper: BookKeeper,
        book: PositionBook,
        directory: AgentDirectory,
        exits: ExitTasks,
        orders: PositionOrderTasks,
        on_evaluated: Callable[[str, float], None] | None = None,
        exits_need_automation: bool = False,
    ) -> None:
        """`exits_need_automation` is the reference's behaviour: with automated trading off in a wallet's mode, its positions
        are not looked at at all, not even their stops.
        """
        self._keeper = keeper
        self._book = book
        self._directory = directory
        self._exits = exits
        self._orders = orders
        self._on_evaluated = on_evaluated
        self._exits_need_automation = exits_need_automation

    def on_prices(self, event: PricesChanged) -> None:
        """Hold every accepted price against the positions it can concern."""
        now = self._keeper.look_again()
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
                if self._keeper.share.acts_for(held.position.agent_id) and _is_awake(
                    held, price.price_sol, now_seconds
                ):
                    self._decide_one(held, evidence, now, moved)
            except Exception:
                # Whatever is wrong with one position, the stops of the others hold.
                log.exception("watcher.position_failed", position_id=str(held.position.id))
        if moved:
            self._keeper.take_over(price.token_address, moved)

    def _decide_one(
        self, held: HeldPosition, evidence: PriceEvidence, now: datetime, moved: list[Move]
    ) -> None:
        started = time.perf_counter()
        agent = self._directory.find(held.position.agent_id)
        if agent is None or (
            self._exits_need_automation and not agent.automated_in(held.position.wallet_address)
        ):
            return
        trail, triggers = self._follow(held, evidence.price_sol, agent, now)
        action, triggers = self._ask(held, trail, triggers, agent, evidence, now)
        if trail is not held.trail:
            moved.append((held, trail, triggers))
        elif triggers is not held.triggers:
            self._book.reset_triggers(held, triggers)
        if self._on_evaluated is not None:
            outcome = "triggered" if action is CloseReason.STOP_LOSS else "held"
            self._on_evaluated(outcome, time.perf_counter() - started)

    def _follow(
        self, held: HeldPosition, price_sol: Decimal, agent: Agent, now: datetime
    ) -> tuple[PositionTrail, TriggerPrices]:
        """Return trail and triggers after a price: those the position has when the price moves neither peak nor stop."""
        trail = following(held.trail, held.position, price_sol, agent.config.stop_loss, now)
        if trail is held.trail:
            return trail, held.triggers
        trail = self._book.with_lowest(held, trail)
        return trail, self._keeper.moved_triggers(held, trail, agent, now.timestamp())

    def _ask(
        self,
        held: HeldPosition,
        trail: PositionTrail,
        triggers: TriggerPrices,
        agent: Agent,
        evidence: PriceEvidence,
        now: datetime,
    ) -> tuple[Action | None, TriggerPrices]:
        """Ask the rules that want to be; return what was done, and when to look again."""
        moment = Moment(held.position, trail, agent, evidence.price_sol, now)
        now_seconds = now.timestamp()
        for rule, look in zip(self._keeper.rules, triggers.looks, strict=True):
            if look is None or not look.covers(evidence.price_sol, now_seconds) or not rule.speaks(moment):
                continue
            action = rule.calls_for
            if isinstance(action, CloseReason):
                self._exits.start(held.position, action, evidence)
                return action, triggers
            started = self._orders.start(held.position, action, evidence)
            # It is under way now, or rests: the rule is not asked again before that is over.
            triggers = self._keeper.triggers(held.position, trail, agent, now)
            if started:
                return action, triggers
        return None, triggers


def _is_awake(held: HeldPosition, price_sol: Decimal, now_seconds: float) -> bool:
    """Tell whether a selected position has anything to decide: many are selected only because the price stands at their peak."""
    triggers = held.triggers
    if price_sol > held.trail.peak_price_sol or (triggers.lower is not None and price_sol <= triggers.lower):
        return True
    if triggers.above is not None and price_sol >= triggers.above:
        return True
    return triggers.window is not None and triggers.window.covers(price_sol, now_seconds)
