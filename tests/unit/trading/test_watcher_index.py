"""The trigger index against a plain loop: over random walks and mixed configurations both see the same, exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexgent.domain.agents.config import DcaConfig, TradingConfig, update_config
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.rules.dca import cooldown_until, dca_state, evaluate_dca
from nexgent.domain.trading.rules.rule import PositionOrderKind
from nexgent.domain.trading.rules.stale_trade import decide_stale_trade
from nexgent.domain.trading.rules.stop_loss import decide_stop_loss
from nexgent.domain.trading.rules.take_profit import evaluate_take_profit, take_profit_state
from nexgent.domain.trading.watch.book_keeper import BookKeeper
from nexgent.domain.trading.watch.watcher import PositionWatcher
from nexgent.shared.ids import derived_id
from nexgent.shared.types import PositionId
from tests.builders import TOKEN, a_position, a_price, an_agent
from tests.fakes.clock import FakeClock

Action = tuple[PositionId, str]


@dataclass
class Recorder:
    """Stands in for exits, operations and trails: notes what was started, and lets it never end."""

    actions: list[Action]

    def start(
        self, position: Position, action: CloseReason | PositionOrderKind, evidence: PriceEvidence | None
    ) -> bool:
        self.actions.append((position.id, action.value))
        return True

    def resting_until(self, position_id: PositionId, kind: object, now: datetime) -> datetime | None:
        return None

    def when_idle(self, listener: object) -> None:
        return None

    def forget(self, position_id: PositionId) -> None:
        return None

    def moved(self, moved: object) -> None:
        return None


def a_watcher(
    book: PositionBook, directory: AgentDirectory, clock: FakeClock, recorder: Recorder
) -> tuple[BookKeeper, PositionWatcher]:
    orders: Any = recorder
    keeper = BookKeeper(book=book, directory=directory, trails=orders, orders=orders, clock=clock)
    watcher = PositionWatcher(keeper=keeper, book=book, directory=directory, exits=orders, orders=orders)
    return keeper, watcher


def held_by(number: int, agent: Agent, entry: Decimal, opened_at: datetime, **changes: Any) -> Position:
    position_id = PositionId(derived_id("test", number))
    return a_position(
        id=position_id,
        agent_id=agent.id,
        wallet_address=agent.wallets[0].address,
        token_address=TOKEN,
        entry_price_sol=entry,
        invested_lamports=10**9,
        cost_basis_lamports=10**9,
        opened_at=opened_at,
        base_trail=PositionTrail(position_id, 1, entry, entry, Decimal(-32), opened_at),
        **changes,
    )


percents = st.integers(1, 60)


@st.composite
def configs(draw: st.DrawFn) -> TradingConfig:
    mode = draw(st.sampled_from(["fixed", "exponential", "zones"]))
    low = draw(st.integers(-30, 30))
    return update_config(
        TradingConfig(),
        {
            "stopLoss": {
                "enabled": draw(st.booleans()),
                "mode": mode,
                "defaultPercentage": -draw(st.integers(5, 60)),
            },
            "takeProfit": {
                "enabled": draw(st.booleans()),
                "mode": "custom",
                "levels": [
                    {"targetPercent": draw(percents), "sellPercent": 25},
                    {"targetPercent": draw(st.integers(61, 90)), "sellPercent": 25},
                ],
                "moonBag": {"enabled": False},
            },
            "dca": {
                "enabled": draw(st.booleans()),
                "mode": "custom",
                "levels": [{"dropPercent": -draw(percents), "buyPercent": 50}],
            },
            "staleTrade": {
                "enabled": draw(st.booleans()),
                "minHoldTimeMinutes": draw(st.integers(1, 30)),
                "minProfitPercent": low,
                "maxProfitPercent": low + draw(st.integers(0, 20)),
            },
        },
    )


# A grid of entries and moves: prices land exactly on stops, targets, levels and edges of bands again and again.
entries = st.sampled_from(
    [Decimal("0.001"), Decimal("0.0008"), Decimal("0.00125"), Decimal(1) / 3, Decimal("3E-11")]
)
moves = st.lists(
    st.tuples(st.integers(-40, 90), st.integers(0, 900), st.sampled_from([0, 0, 1, -1])),
    min_size=1,
    max_size=25,
)


class PlainLoop:
    """Every rule for every position on every tick."""

    def __init__(self, held: list[tuple[Position, TradingConfig]]) -> None:
        self.held = held
        self.trails = {position.id: position.base_trail for position, _ in held}

    def tick(self, price: Decimal, now: datetime) -> list[Action]:
        actions: list[Action] = []
        for position, config in self.held:
            action = self._rules(position, config, price, now)
            if action is not None:
                actions.append((position.id, action))
        return actions

    def _rules(self, position: Position, config: TradingConfig, price: Decimal, now: datetime) -> str | None:
        trail = self.trails[position.id]
        stop = decide_stop_loss(
            position.entry_price_sol, trail.peak_price_sol, trail.stop_loss_pct, price, config.stop_loss
        )
        self.trails[position.id] = replace(
            trail,
            peak_price_sol=max(trail.peak_price_sol, price),
            lowest_price_sol=min(trail.lowest_price_sol, price),
            stop_loss_pct=stop.stop_pct if config.stop_loss.enabled else trail.stop_loss_pct,
        )
        if stop.triggered:
            return "stop_loss"
        if evaluate_take_profit(take_profit_state(position), price, config.take_profit).should_execute:
            return "take_profit"
        if decide_stale_trade(
            position.opened_at, now, position.entry_price_sol, price, config.stale_trade
        ).close:
            return "stale_trade"
        if evaluate_dca(dca_state(position), price, now, config.dca).triggered:
            return "dca"
        return None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(configs(), entries, st.integers(0, 3_000), st.booleans(), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    entries,
    moves,
)
def test_the_index_sees_what_a_plain_loop_sees(
    holdings: list[tuple[TradingConfig, Decimal, int, bool, bool]],
    start: Decimal,
    walk: list[tuple[int, int, int]],
) -> None:
    clock = FakeClock()
    recorder = Recorder([])
    directory, book = AgentDirectory(), PositionBook()
    keeper, watcher = a_watcher(book, directory, clock, recorder)
    agents = [an_agent(config) for config, *_ in holdings]
    directory.load(agents)
    held: list[tuple[Position, TradingConfig]] = []
    for number, (agent, (config, entry, age, sold, cooling)) in enumerate(zip(agents, holdings, strict=True)):
        opened_at = clock.now() - timedelta(seconds=age)
        changes: dict[str, Any] = {"last_dca_at": clock.now()} if cooling else {}
        if sold:
            changes |= {"take_profit_levels_hit": 1, "quantity_raw": 7 * 10**8, "partially_sold": True}
        position = held_by(number, agent, entry, opened_at, **changes)
        keeper.watch(position, position.base_trail)
        held.append((position, config))
    loop = PlainLoop(held)

    for percent, seconds, nudge in walk:
        clock.advance(seconds)
        price = start + start * percent / 100
        price += price.scaleb(-12) * nudge
        recorder.actions.clear()
        watcher.on_prices(PricesChanged([a_price(price, clock.now())], clock.now()))
        assert sorted(recorder.actions) == sorted(loop.tick(price, clock.now()))
        for position, config in held:
            one = book.get(position.id)
            assert one is not None
            trail, plain = book.current_trail(one), loop.trails[position.id]
            assert (trail.peak_price_sol, trail.lowest_price_sol) == (
                plain.peak_price_sol,
                plain.lowest_price_sol,
            )
            if config.stop_loss.enabled:
                assert trail.stop_loss_pct == plain.stop_loss_pct


@settings(max_examples=60, deadline=None)
@given(configs(), moves)
def test_the_stop_never_loosens(config: TradingConfig, walk: list[tuple[int, int, int]]) -> None:
    clock = FakeClock()
    recorder = Recorder([])
    directory, book = AgentDirectory(), PositionBook()
    keeper, watcher = a_watcher(book, directory, clock, recorder)
    agent = an_agent(config)
    directory.load([agent])
    position = held_by(1, agent, Decimal("0.001"), clock.now())
    held = keeper.watch(position, position.base_trail)
    before = held.trail.stop_loss_pct
    assert before is not None

    for percent, seconds, _ in walk:
        clock.advance(seconds)
        price = Decimal("0.001") + Decimal("0.00001") * percent
        watcher.on_prices(PricesChanged([a_price(price, clock.now())], clock.now()))
        after = held.trail.stop_loss_pct
        assert after is not None
        assert after >= before
        before = after


@pytest.mark.parametrize("seconds", ["30", "30.0000005", "0.1", "0"])
def test_a_cooldown_is_over_at_the_first_instant_the_rule_says_so(seconds: str) -> None:
    config = DcaConfig.model_construct(cooldown_seconds=Decimal(seconds))
    clock = FakeClock()
    position = held_by(1, an_agent(TradingConfig()), Decimal("0.001"), clock.now(), last_dca_at=clock.now())

    until = cooldown_until(position, config)

    assert until is not None
    waited = (until - clock.now()) // timedelta(microseconds=1)
    # The rule: blocked while fewer microseconds have passed than the cooldown has.
    assert waited >= Decimal(seconds) * 1_000_000
    assert waited - 1 < Decimal(seconds) * 1_000_000
