"""A hub over a real book and latest_prices, with a clock the test moves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.domain.trading.book.position_book import PositionBook, TriggerPrices
from nexgent.infrastructure.websocket.client import Client
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.infrastructure.websocket.stream import Resume
from nexgent.shared.clock import Clock
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, TokenAddress
from tests.builders import a_position, a_price
from tests.fakes.clock import FakeClock

MINT = TokenAddress("MintInMixedCase")


class FixedSolPrice:
    """SOL at 150 USD."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def current(self, now: datetime) -> SolPrice | None:
        return SolPrice(Decimal(150), now, PriceSource("pyth"))

    def latest(self) -> SolPrice | None:
        return self.current(self._clock.now())


@dataclass
class World:
    """The hub and what it reads."""

    clock: Clock = field(default_factory=FakeClock)
    reasons: list[str] = field(default_factory=list)
    agent_id: AgentId = field(default_factory=lambda: AgentId(new_id()))

    def __post_init__(self) -> None:
        self.book = PositionBook()
        self.latest_prices = LatestPrices()
        self.hub = WebSocketHub(
            book=self.book,
            latest_prices=self.latest_prices,
            sol_price=FixedSolPrice(self.clock),
            clock=self.clock,
            on_closed=self.reasons.append,
        )

    def open(self, **changes: object) -> Position:
        """Open a position of the agent, as the engine does: first the book, then the hub."""
        position = a_position(**{"agent_id": self.agent_id, **changes})
        self.book.put(position, position.base_trail, TriggerPrices())
        self.hub.on_position_opened(PositionOpened(position, position.base_trail))
        return position

    def update(self, position: Position) -> None:
        """Announce a changed position."""
        self.hub.on_position_updated(PositionUpdated(position, position.base_trail))

    def change(self, position: Position) -> Position:
        """Change a position, as a trade does: a newer version, in the book and announced."""
        position = replace(position, version=position.version + 1)
        self.book.put(position, position.base_trail, TriggerPrices())
        self.update(position)
        return position

    def versions(self) -> dict[str, int]:
        """Return the agent's open positions and their versions: what a client should know."""
        held = self.book.of_agent(self.agent_id)
        return {str(one.position.id): one.position.version for one in held}

    def close(self, position: Position) -> None:
        """Close a position."""
        self.book.remove(position.id)
        self.hub.on_position_closed(
            PositionClosed(
                position.id,
                position.agent_id,
                position.wallet_address,
                position.token_address,
                CloseReason.STOP_LOSS,
                position.version + 1,
            )
        )

    def prices(self, *prices: tuple[str, str]) -> None:
        """Announce prices: token and SOL."""
        now = self.clock.now()
        event = PricesChanged(
            [a_price(Decimal(price), now, TokenAddress(token)) for token, price in prices],
            now,
        )
        self.latest_prices.on_prices(event)
        self.hub.on_prices(event)


@dataclass
class Viewer:
    """A client's side: what it knows, and where it stopped. Objects to a number that is not the next one."""

    epoch: str | None = None
    last_seq: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    snapshots: int = 0
    resumptions: int = 0
    frames: int = 0

    @property
    def place(self) -> Resume | None:
        """Where to go on."""
        return Resume.parse(self.epoch, self.last_seq)

    def see(self, frame: dict[str, Any]) -> None:
        """Take a frame in."""
        data = frame.get("data")
        match frame["type"]:
            case "connected":
                assert isinstance(data, dict)
                if data["resumed"]:
                    assert data["epoch"] == self.epoch
                    assert data["seq"] >= self.last_seq
                    self.resumptions += 1
            case "initial_data":
                assert isinstance(data, dict)
                self.snapshots += 1
                self.epoch, self.last_seq = data["epoch"], int(data["seq"])
                self.versions = {one["id"]: int(one["version"]) for one in data["positions"]}
            case "position_update":
                assert isinstance(data, dict)
                assert (data["epoch"], data["seq"]) == (self.epoch, self.last_seq + 1)
                self.last_seq += 1
                self.frames += 1
                self._apply(data)

    def _apply(self, data: dict[str, Any]) -> None:
        version = int(data["version"])
        if data["eventType"] == "position_closed":
            assert version > self.versions.pop(data["positionId"])
            return
        position_id = data["position"]["id"]
        assert version > self.versions.get(position_id, 0)
        self.versions[position_id] = version


def taken(client: Client) -> list[dict[str, Any]]:
    """Return all frames a client has in line."""
    frames = []
    while (frame := client.next_frame()) is not None:
        frames.append(json.loads(frame, parse_float=Decimal, parse_int=Decimal))
    return frames
