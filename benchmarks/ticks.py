"""What a price costs with many open positions in memory."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from multiprocessing import get_context

from benchmarks.positions import bought
from benchmarks.table import Row, median_seconds
from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import CloseReason, PendingExit, Position, PositionTrail
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import PriceSource, TokenPrice
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.orders.order_tasks import PositionOrderTasks
from nexgent.domain.trading.rules.rule import PositionOrderKind
from nexgent.domain.trading.watch.book_keeper import BookKeeper
from nexgent.domain.trading.watch.exits import ExitTasks
from nexgent.domain.trading.watch.trail_keeper import TrailKeeper
from nexgent.domain.trading.watch.watcher import PositionWatcher
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.money import install_decimal_context
from nexgent.shared.types import (
    AgentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    UserId,
    WalletAddress,
)
from tests.fakes.engine import FakeEngine

PENDING_EXITS = 50
POSITIONS_A_WALLET = 25
T0 = datetime(2026, 1, 1, tzinfo=UTC)


class _NoExits(ExitTasks):
    """Counts what would be sold."""

    def __init__(self) -> None:
        self.started = 0

    def start(
        self,
        position: Position,
        reason: CloseReason,
        evidence: PriceEvidence | None,
        signal_id: SignalId | None = None,
    ) -> None:
        self.started += 1


class _NoTrails(TrailKeeper):
    """Keeps nothing."""

    def __init__(self) -> None:
        self.kept = 0

    def moved(self, moved: Sequence[tuple[Position, PositionTrail]]) -> None:
        self.kept += len(moved)


class _NoOrders(PositionOrderTasks):
    """Never busy, never resting, does nothing."""

    def __init__(self) -> None:
        self.started = 0

    def when_idle(self, listener: Callable[[PositionId], None]) -> None:
        """Nothing ever ends."""

    def resting_until(
        self, position_id: PositionId, kind: PositionOrderKind, now: datetime
    ) -> datetime | None:
        return None

    def start(self, position: Position, kind: PositionOrderKind, evidence: PriceEvidence) -> bool:
        self.started += 1
        return True


def a_watcher(agents: Sequence[Agent]) -> tuple[BookKeeper, PositionWatcher, PositionBook]:
    """Return a watcher over an empty book, and who keeps that."""
    directory = AgentDirectory()
    directory.load(agents)
    book = PositionBook()
    orders = _NoOrders()
    keeper = BookKeeper(
        book=book, directory=directory, trails=_NoTrails(), orders=orders, clock=SystemClock()
    )
    watcher = PositionWatcher(keeper=keeper, book=book, directory=directory, exits=_NoExits(), orders=orders)
    return keeper, watcher, book


def an_agent(config: TradingConfig | None = None) -> Agent:
    """Return an agent, without a configuration with the default one."""
    return Agent(
        AgentId(new_id()),
        UserId(new_id()),
        "A",
        TradingMode.SIMULATION,
        True,
        True,
        config or TradingConfig(),
        (),
        T0,
        T0,
    )


def a_position(agent_id: AgentId, token: TokenAddress, entry: Decimal) -> Position:
    """Return an open position bought at `entry`."""
    position_id = PositionId(new_id())
    return bought(
        position_id,
        agent_id,
        WalletAddress("sim_wallet"),
        token,
        symbol="T",
        transaction_id=TransactionId(position_id),
        price_sol=entry,
        quantity_raw=10**9,
        cost_lamports=10**9,
        at=T0,
    )


def prices(tokens: Sequence[TokenAddress], price: Decimal) -> PricesChanged:
    """Return one poll's event with the same price for all tokens."""
    now = datetime.now(UTC)
    return PricesChanged([TokenPrice(t, price, None, PriceSource("dexscreener"), now) for t in tokens], now)


def run(*, large: bool = True) -> list[Row]:
    """Measure."""
    agents = [an_agent() for _ in range(100)]
    keeper, watcher, _ = a_watcher(agents)
    token = TokenAddress("TokenMint1")
    for number in range(10_000):
        position = a_position(agents[number % 100].id, token, Decimal("0.001") + Decimal(number).scaleb(-9))
        keeper.watch(position, position.base_trail)
    calm = prices([token], Decimal("0.00099"))
    seconds = median_seconds(lambda: watcher.on_prices(calm), repeat=200)
    rows = [Row("tick, 10 000 positions on one token, nothing triggers", seconds * 1e6, "µs", 40_000_000, 50)]
    one_high = prices([token], Decimal("0.0010000005"))
    seconds = median_seconds(lambda: watcher.on_prices(one_high), repeat=50)
    rows.append(Row("tick, 10 000 positions on one token, price among the entries", seconds * 1e6, "µs"))
    if large:
        # Each in a process of its own: memory is a process's peak, and the two would share it.
        rows += _apart(_plain_million)
        rows += _apart(_mixed_million)
    return rows


def _apart(measure: Callable[[], list[Row]]) -> list[Row]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure).result()


def _plain_million() -> list[Row]:
    install_decimal_context()
    rows, book = _million([an_agent() for _ in range(100)], "1 000 000 positions over 10 000 tokens")
    return rows + recovery_rows([held.position for token in book.tokens() for held in book.holders(token)])


def recovery_rows(positions: Sequence[Position]) -> list[Row]:
    """Measure what recovery costs beside that many positions, a few of which wait for their exit."""
    engine = FakeEngine()
    waiting = PendingExit(CloseReason.STOP_LOSS, 1, T0)
    states = list[WalletState]()
    for start in range(0, len(positions), POSITIONS_A_WALLET):
        held = list(positions[start : start + POSITIONS_A_WALLET])
        if len(states) < PENDING_EXITS:
            held[0] = replace(held[0], pending_exit=waiting)
        wallet = WalletAddress(f"sim_{len(states)}")
        states.append(WalletState(wallet, held[0].agent_id, positions={one.id: one for one in held}))
    started = time.perf_counter()
    engine.ledger.load(states, 0)
    loading = time.perf_counter() - started
    assert len(engine.ledger.unfinished()) == min(PENDING_EXITS, len(states))
    with asyncio.Runner() as runner:
        ticking = median_seconds(lambda: runner.run(engine.recovery.tick()), repeat=100)
    name = f"{len(positions):,}".replace(",", " ")
    return [
        Row(
            f"recovery, every 2 s beside {name} positions, {PENDING_EXITS} exits pending",
            ticking * 1000,
            "ms",
        ),
        Row(f"recovery, once at start, beside {name} positions", loading * 1000, "ms"),
    ]


def _mixed_million() -> list[Row]:
    install_decimal_context()
    agents = [an_agent(config) for config in mixed_configs() for _ in range(4)]
    rows, _ = _million(agents, "the same, mixed stop modes, take profit, DCA, stale close")
    return rows


def mixed_configs() -> list[TradingConfig]:
    """Return every stop mode with take profit on and off, DCA on and off, stale close on and off, and no stop at all."""
    levels = [
        {"change": 200, "stopLoss": 150},
        {"change": 100, "stopLoss": 60},
        {"change": 50, "stopLoss": 20},
    ]
    stops: list[dict[str, object]] = [{"mode": mode} for mode in ("fixed", "zones", "exponential")]
    stops += [{"mode": "custom", "trailingLevels": levels}, {"enabled": False}]
    return [
        update_config(
            TradingConfig(),
            {
                "stopLoss": stop,
                "takeProfit": {"enabled": take_profit, "mode": "moderate"},
                "dca": {"enabled": dca, "mode": "moderate"},
                "staleTrade": {"enabled": stale},
            },
        )
        for stop, take_profit, dca, stale in product(stops, *[(True, False)] * 3)
    ]


def _million(agents: Sequence[Agent], name: str) -> tuple[list[Row], PositionBook]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    keeper, watcher, book = a_watcher(agents)
    tokens = [TokenAddress(f"TokenMint{number:05}") for number in range(10_000)]
    for number in range(1_000_000):
        entry = Decimal("0.001") + Decimal(number % 1_000).scaleb(-9)
        # Ten thousand tokens are a multiple of the agents: shifted each round, every token has all kinds of agents.
        agent = agents[(number + number // len(tokens)) % len(agents)]
        position = a_position(agent.id, tokens[number % len(tokens)], entry)
        keeper.watch(position, position.base_trail)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calm = prices(tokens, Decimal("0.00099"))
    seconds = median_seconds(lambda: watcher.on_prices(calm), repeat=20)
    assert len(book) == 1_000_000
    rows = [
        Row(f"poll, {name}", seconds * 1000, "ms", None, 50),
        Row(f"memory per position, {name}", (after - before) * 1024 / 1_000_000, "bytes"),
    ]
    return rows, book
