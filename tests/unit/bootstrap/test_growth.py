"""Nothing that a running engine keeps grows with what was traded: each container has a bound or an end.

`docs/architecture.md` lists them. Here hundreds of tokens are signalled, bought, priced, sold and heard of once more, and every
container that can be reached from the parts is measured on the way: what grows with the trades is named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from nexgent.api.v1.positions.views import PositionFragments
from nexgent.bootstrap import observers
from nexgent.bootstrap.observers import EngineObserver
from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.signals.events import SignalProcessed
from nexgent.domain.trading.events import ExitAttemptFailed, TradeFinished
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.process_signal import REMEMBERED_SIGNALS
from nexgent.domain.trading.watch.book_keeper import CLOSED_KNOWN
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.mirror_state import MirrorState
from nexgent.infrastructure.cache.writes import WriteBatch
from nexgent.infrastructure.metrics.metrics import Metrics
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.infrastructure.websocket.stream import FRAMES_PER_AGENT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.builders import a_signal, an_agent
from tests.fakes.engine import FakeEngine

TRADES = 160
EACH = 8
BOUNDS = {
    # Ids of signals and positions, so that nothing makes them come back.
    "ProcessSignal._taken": REMEMBERED_SIGNALS,
    "MirrorState._closed": 10_000,
    "BookKeeper._closed": CLOSED_KNOWN,
    # Frames for clients that come back.
    "AgentStream.frames": 2 * FRAMES_PER_AGENT,
    "Streams._order": 4 * FRAMES_PER_AGENT,
}
"""What may grow in the short time of a test, and how far."""
_CONTAINERS = (dict, list, set, deque)


class Trading:
    """An engine with everything that listens to it but people and servers."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.mirror = MirrorState(CacheKeys())
        self.hub = WebSocketHub(
            book=self.engine.book,
            latest_prices=self.engine.latest_prices,
            sol_price=self.engine.sol_price,
            clock=self.engine.clock,
        )
        self.observer = EngineObserver(Metrics())
        self.fragments = PositionFragments()
        bus, hub, mirror = self.engine.bus, self.hub, self.mirror
        bus.on(EntriesRecorded, mirror.absorb)
        bus.on(AgentSaved, mirror.absorb)
        bus.on(PositionOpened, hub.on_position_opened, mirror.absorb, self.observer.on_position_opened)
        bus.on(PositionUpdated, hub.on_position_updated, mirror.absorb)
        bus.on(PositionClosed, hub.on_position_closed, mirror.absorb, self.observer.on_position_closed)
        bus.on(PricesChanged, hub.on_prices, mirror.absorb)
        bus.on(SignalProcessed, self.observer.on_signal_processed)
        bus.on(TradeFinished, self.observer.on_trade_finished)
        self.roots: list[object] = [
            self.engine.parts,
            self.engine.protections,
            self.mirror,
            self.hub,
            self.observer,
            self.fragments,
        ]

    async def start(self) -> Trading:
        config = {
            "protections": {"tokenCooldownMinutes": 10, "maxTradesPerHour": 10_000},
            # Days away: nothing that waits for it is to outlive the position.
            "staleTrade": {"enabled": True, "minHoldTimeMinutes": 5_000},
        }
        self.agents = [
            await self.engine.add_agent(an_agent(update_config(TradingConfig(), config)), Decimal(10_000)),
            await self.engine.add_agent(an_agent(), Decimal(10_000)),
        ]
        self.clients = [self.hub.subscribe(agent.id) for agent in self.agents]
        return self

    async def trade(self, number: int) -> None:
        """Have a token of its own bought on a signal by all agents, priced, and sold."""
        engine, token = self.engine, TokenAddress(f"{number:044d}")
        engine.swaps.price_sol = Decimal("0.001")
        await engine.parts.process_signal.execute(a_signal(number + 1, token_address=token), 0.0)
        engine.move_to(Decimal("0.0011"), token)
        for agent in self.agents:
            (held,) = engine.book.of_agent(agent.id)
            self.fragments.get(held, engine.latest_prices.get(token), Decimal(150))
            self.fragments.tidy(engine.book)
            position = held.position
            request = ClosePositionRequest(
                wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
            )
            await engine.sales.execute(request)
            # A sale that was refused when the position was gone already, and a price that was under way.
            engine.bus.publish(ExitAttemptFailed(position.id, CloseReason.MANUAL, 1, "NO_ROUTE", 0.0))
        engine.price(Decimal("0.0012"), token)
        for step in (engine.dead_tokens.tick, engine.recovery.tick, engine.poller.tick):
            await step()
        engine.keeper.look_again()
        await engine.settle(5)
        for client in self.clients:
            client.take_prices()
            while client.next_frame() is not None:
                pass
        while len(self.mirror):
            self.mirror.take(100, WriteBatch())
        engine.clock.advance(90)
        # What the test itself keeps.
        engine.events.clear()
        engine.journal.entries.clear()


def sizes(roots: Iterable[object]) -> dict[str, int]:
    """Return how many items the containers hold that can be reached, by the type and attribute that hold them."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    todo: list[tuple[str, object]] = [(type(root).__name__, root) for root in roots]
    while todo:
        label, value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, _CONTAINERS):
            found[label] = found.get(label, 0) + len(value)
            items = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
            todo += [(f"{label}[]", item) for item in items]
        elif isinstance(value, tuple):
            todo += [(label, item) for item in value]
        elif type(value).__module__.startswith("nexgent."):
            todo += [(f"{type(value).__name__}.{name}", item) for name, item in _attributes(value)]
        elif hasattr(value, "__self__") and not isinstance(value, type):
            todo.append((label, value.__self__))
        elif closure := getattr(value, "__closure__", None):
            todo += [(label, cell.cell_contents) for cell in closure]
    return found


def _attributes(value: object) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for one in type(value).__mro__:
        for name in getattr(one, "__slots__", ()):
            if hasattr(value, name):
                yield name, getattr(value, name)


def test_the_measure_finds_what_grows() -> None:
    protections = FakeEngine().protections
    before = sizes([protections])

    protections.being_read([])
    protections.not_read(WalletAddress(f"sim_{number}") for number in range(30))

    assert sizes([protections])["ProtectionState._incomplete"] == before["ProtectionState._incomplete"] + 30


async def test_nothing_grows_with_what_was_traded(monkeypatch: pytest.MonkeyPatch) -> None:
    # A tenth of a second after a position is many trades later here.
    monkeypatch.setattr(observers, "LINE_DELAY_SECONDS", 0.0)
    trading = await Trading().start()
    highest: list[dict[str, int]] = [{}, {}]
    for number in range(TRADES):
        await trading.trade(number)
        if number % EACH == EACH - 1:
            half = highest[number >= TRADES // 2]
            for name, size in sizes(trading.roots).items():
                half[name] = max(half.get(name, 0), size)
    first, second = highest

    assert len(trading.engine.book) == 0
    assert {"Ledger._streams", "Alarms._queue", "ProtectionState._records", "MirrorState._prices"} <= set(
        second
    )
    growing = {
        name: (first.get(name, 0), size)
        for name, size in second.items()
        if size > max(1.2 * first.get(name, 0) + EACH, BOUNDS.get(name, 0))
    }
    assert growing == {}
