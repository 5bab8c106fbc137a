"""Watch prices for the open positions: raise stops, start exits. Decides from memory and never waits for a trade."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from nexgent.domain.agents.config import TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason, Position, PositionMark
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import TokenPrice
from nexgent.domain.trading.exits import ExitTasks
from nexgent.domain.trading.mark_keeper import MarkKeeper
from nexgent.domain.trading.position_book import HeldPosition, PositionBook, WakePrices, age_ms
from nexgent.domain.trading.stop_loss import decide_stop_loss, stop_price
from nexgent.shared.clock import Clock

Move = tuple[HeldPosition, PositionMark, Decimal | None, WakePrices]


class PositionWatcher:
    """Keep the book current and act on what prices mean."""

    def __init__(
        self,
        *,
        book: PositionBook,
        directory: AgentDirectory,
        exits: ExitTasks,
        marks: MarkKeeper,
        clock: Clock,
        on_evaluated: Callable[[str, float], None] | None = None,
    ) -> None:
        self._book = book
        self._directory = directory
        self._exits = exits
        self._marks = marks
        self._clock = clock
        self._on_evaluated = on_evaluated

    def on_opened(self, event: PositionOpened) -> None:
        """Start watching a new position."""
        self.watch(event.position, event.mark)
        self._marks.keep([event.mark])

    def on_updated(self, event: PositionUpdated) -> None:
        """Take over what a trade made of a position."""
        held = self._book.get(event.position.id)
        if held is None or held.position.version < event.position.version:
            self.watch(event.position, event.mark)
            self._marks.keep([event.mark])

    def on_closed(self, event: PositionClosed) -> None:
        """Stop watching a position."""
        self._book.remove(event.position_id)

    def on_agent_saved(self, event: AgentSaved) -> None:
        """Apply a changed configuration to the agent's open positions: the stop may tighten, never loosen."""
        for held in self._book.of_agent(event.agent.id):
            self.watch(held.position, held.mark)

    def watch(self, position: Position, mark: PositionMark) -> HeldPosition:
        """Put a position into the book with the stop its agent's configuration gives it."""
        config = self._config(position)
        if config is not None and config.stop_loss.enabled and mark.stop_loss_pct is None:
            mark = PositionMark(
                mark.position_id,
                mark.position_version,
                mark.peak_price_sol,
                mark.lowest_price_sol,
                config.stop_loss.default_percentage,
                self._clock.now(),
            )
        stop = _stop_price(position, mark, config)
        return self._book.put(position, mark, stop, _wake(mark, stop))

    def on_prices(self, event: PricesChanged) -> None:
        """Hold every accepted price against the positions it can concern."""
        for price in event.prices:
            concerned = self._book.concerned(price.token_address, price.price_sol, float(price.price_sol))
            if concerned:
                self._decide(price, concerned)

    def _decide(self, price: TokenPrice, concerned: Sequence[HeldPosition]) -> None:
        now = self._clock.now()
        evidence = PriceEvidence(
            price_sol=price.price_sol, source=price.source.value, age_ms=age_ms(now, price.observed_at)
        )
        moved: list[Move] = []
        for held in concerned:
            started = time.perf_counter()
            config = self._config(held.position)
            if config is None:
                continue
            mark = held.mark
            decision = decide_stop_loss(
                held.position.entry_price_sol,
                mark.peak_price_sol,
                mark.stop_loss_pct,
                price.price_sol,
                config.stop_loss,
            )
            if decision.triggered:
                self._exits.start(held.position, CloseReason.STOP_LOSS, evidence)
            peak = decision.peak_price_sol if decision.peak_price_sol is not None else mark.peak_price_sol
            peak = max(peak, price.price_sol)
            stop_pct = decision.stop_pct if config.stop_loss.enabled else mark.stop_loss_pct
            if peak != mark.peak_price_sol or stop_pct != mark.stop_loss_pct:
                changed = PositionMark(
                    mark.position_id,
                    mark.position_version,
                    peak,
                    self._book.current_mark(held).lowest_price_sol,
                    stop_pct,
                    now if stop_pct != mark.stop_loss_pct else mark.stop_updated_at,
                )
                stop = _stop_price(held.position, changed, config)
                moved.append((held, changed, stop, _wake(changed, stop)))
            if self._on_evaluated is not None:
                self._on_evaluated(
                    "triggered" if decision.triggered else "held", time.perf_counter() - started
                )
        if moved:
            self._book.move(price.token_address, moved)
            self._marks.moved([(held.position, mark) for held, mark, _, _ in moved])

    def _config(self, position: Position) -> TradingConfig | None:
        agent = self._directory.find(position.agent_id)
        return agent.config if agent is not None else None


def _stop_price(position: Position, mark: PositionMark, config: TradingConfig | None) -> Decimal | None:
    if config is None or not config.stop_loss.enabled or mark.stop_loss_pct is None:
        return None
    return stop_price(position.entry_price_sol, mark.stop_loss_pct)


def _wake(mark: PositionMark, stop_price_sol: Decimal | None) -> WakePrices:
    return WakePrices(lower=stop_price_sol, upper=mark.peak_price_sol)
