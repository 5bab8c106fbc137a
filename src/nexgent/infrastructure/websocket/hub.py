"""The hub: hands events to the clients of the agent they belong to. Publishing never waits for a socket.

A frame is encoded once for all its receivers. Prices may be merged to the newest per token; position frames are never
dropped: a client that falls too far behind is closed and starts again from a snapshot, the same path as a first connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import Position, PositionMark
from nexgent.domain.positions.views import enriched_position_view
from nexgent.domain.prices.board import PriceBoard
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import TokenPrice
from nexgent.domain.prices.ports import SolPriceFeed
from nexgent.domain.trading.position_book import PositionBook
from nexgent.infrastructure.websocket import frames
from nexgent.infrastructure.websocket.client import SHUTDOWN, Client
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, TokenAddress

REPEAT_SECONDS = 2.0
"""An unchanged price is sent again after this long."""
CLOSE_SECONDS = 3.0
SPARE_PRICES = 1_000
"""Prices of tokens that nobody holds any more which may be remembered before they are forgotten."""


class WebSocketHub:
    """Clients by agent."""

    def __init__(
        self,
        *,
        book: PositionBook,
        board: PriceBoard,
        sol_price: SolPriceFeed,
        clock: Clock,
        on_closed: Callable[[str], None] | None = None,
    ) -> None:
        self._book = book
        self._board = board
        self._sol_price = sol_price
        self._clock = clock
        self._on_closed = on_closed
        self._clients: dict[AgentId, set[Client]] = {}
        self._sent: dict[TokenAddress, tuple[Decimal, float]] = {}
        self._count = 0

    @property
    def client_count(self) -> int:
        """How many clients are connected."""
        return self._count

    def subscribe(self, agent_id: AgentId) -> Client:
        """Add a client. From here on it hears everything; read the snapshot after this."""
        client = Client(agent_id)
        self._clients.setdefault(agent_id, set()).add(client)
        self._count += 1
        return client

    def unsubscribe(self, client: Client) -> None:
        """Forget a client."""
        clients = self._clients.get(client.agent_id)
        if clients is None or client not in clients:
            return
        clients.discard(client)
        self._count -= 1
        if not clients:
            del self._clients[client.agent_id]
        if self._on_closed is not None:
            self._on_closed(client.closing.reason if client.closing is not None else "client")

    def sol_usd(self) -> Decimal | None:
        """Return USD per SOL for display, the last known one if need be."""
        price = self._sol_price.current(self._clock.now()) or self._sol_price.latest()
        return price.price_usd if price is not None else None

    def snapshot(self, agent_id: AgentId) -> list[dict[str, object]]:
        """Return the agent's open positions with what they are worth, newest first."""
        sol_usd = self.sol_usd() or Decimal(0)
        views = []
        for held in self._book.of_agent(agent_id):
            price = self._board.get(held.position.token_address)
            mark = self._book.current_mark(held)
            price_sol = price.price_sol if price is not None else None
            price_usd = price.price_usd if price is not None else None
            view = enriched_position_view(held.position, mark, price_sol, price_usd, sol_usd)
            view["version"] = held.position.version
            views.append(view)
        return views

    def on_position_opened(self, event: PositionOpened) -> None:
        """Tell about a new position."""
        self._tell("position_created", event.position, event.mark)

    def on_position_updated(self, event: PositionUpdated) -> None:
        """Tell about a changed position."""
        self._tell("position_updated", event.position, event.mark)

    def on_position_closed(self, event: PositionClosed) -> None:
        """Tell about a closed position."""
        clients = self._clients.get(event.agent_id)
        if clients:
            frame = frames.position_closed(event.position_id)
            for client in tuple(clients):
                client.push(frame)

    def on_prices(self, event: PricesChanged) -> None:
        """Tell each agent's clients the changed prices of what it holds, in one frame."""
        if not self._clients:
            return
        now = self._clock.monotonic()
        changed: dict[TokenAddress, TokenPrice] = {}
        for price in event.prices:
            before = self._sent.get(price.token_address)
            if before is None or before[0] != price.price_sol or now - before[1] >= REPEAT_SECONDS:
                self._sent[price.token_address] = (price.price_sol, now)
                changed[price.token_address] = price
        if len(self._sent) > len(event.prices) + SPARE_PRICES:
            present = {price.token_address for price in event.prices}
            self._sent = {token: sent for token, sent in self._sent.items() if token in present}
        if not changed:
            return
        sol_usd = self.sol_usd()
        for agent_id, clients in self._clients.items():
            held = dict.fromkeys(self._book.tokens_of(agent_id))
            prices = [changed[token] for token in held if token in changed]
            if not prices:
                continue
            frame = frames.price_update_batch(prices, sol_usd, event.at)
            for client in tuple(clients):
                client.push_prices(frame, prices)

    async def close_all(self) -> None:
        """End all connections and wait a moment for them to go."""
        for clients in list(self._clients.values()):
            for client in tuple(clients):
                client.close(SHUTDOWN)
        deadline = self._clock.monotonic() + CLOSE_SECONDS
        while self._count and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def _tell(self, event: str, position: Position, mark: PositionMark) -> None:
        clients = self._clients.get(position.agent_id)
        if clients:
            frame = frames.position_update(event, position, mark)
            for client in tuple(clients):
                client.push(frame)
