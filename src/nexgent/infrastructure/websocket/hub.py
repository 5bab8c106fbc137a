"""The hub: hands events to the clients of the agent they belong to. Publishing never waits for a socket.

A frame is encoded once for all its receivers. Prices may be merged to the newest per token; position frames are numbered and
never dropped: a client that falls too far behind is closed, comes back naming the last number it has seen and gets what it
missed, or, when that is gone, a snapshot, the same path as a first connection.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from uuid import UUID

from nexgent.domain.agents.events import AgentDeleted
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.positions.views import enriched_position_view
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.prices.models import TokenPrice
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.users.events import TokenRevoked
from nexgent.infrastructure.websocket import frames
from nexgent.infrastructure.websocket.caller import SocketCaller
from nexgent.infrastructure.websocket.client import (
    AGENT_DELETED,
    KEY_DELETED,
    REVOKED,
    SHUTDOWN,
    Client,
    Closing,
)
from nexgent.infrastructure.websocket.outbox import Outbox
from nexgent.infrastructure.websocket.stream import AgentStream, Resume, Streams
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, TokenAddress, UserId

REPEAT_SECONDS = 2.0
"""After this long all prices are sent again, those that have not changed as well."""
CLOSE_SECONDS = 3.0
BURST = 50
"""So many positions that were opened since prices came last are a burst, as long as the newest of them is young."""
YOUNG_SECONDS = 0.1
PRICES_WAIT_SECONDS = 0.3
"""So long prices wait that come in the middle of a burst, which is as long as a thousand agents take: a frame for each of them
would hold up the trades of the others. And so long at most while frames are in line, so that those who keep up share a frame of
prices: each that has something in line would be told in one of its own."""


class WebSocketHub:
    """Clients by agent, and what they are told."""

    def __init__(
        self,
        *,
        book: PositionBook,
        latest_prices: LatestPrices,
        sol_price: SolPriceFeed,
        clock: Clock,
        on_closed: Callable[[str], None] | None = None,
    ) -> None:
        self._book = book
        self._latest_prices = latest_prices
        self._sol_price = sol_price
        self._clock = clock
        self._on_closed = on_closed
        self._streams = Streams(clock.monotonic)
        self._outbox = Outbox()
        # The prices that were sent since all were, which is done again at a time.
        self._sent: dict[TokenAddress, Decimal] = {}
        self._send_all_at = -math.inf
        # Positions that were opened since prices came last, when the newest was, and prices that wait for the end of the burst.
        self._opened = 0
        self._opened_at = -math.inf
        self._waiting: list[PricesChanged] = []
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0

    @property
    def client_count(self) -> int:
        """How many clients are connected."""
        return self._count

    def subscribe(self, agent_id: AgentId, caller: SocketCaller | None = None) -> Client:
        """Add a client. From here on it hears everything."""
        client = Client(agent_id, caller, self._outbox)
        self._streams.join(client)
        self._count += 1
        return client

    def has_stream(self, agent_id: AgentId) -> bool:
        """Tell whether frames of an agent are numbered: somebody listens, or did a moment ago and may come back."""
        return self._streams.find(agent_id) is not None

    def unsubscribe(self, client: Client) -> None:
        """Forget a client."""
        if not self._streams.leave(client):
            return
        self._count -= 1
        if self._on_closed is not None:
            self._on_closed(client.closing.reason if client.closing is not None else "client")

    def greet(self, client: Client, place: Resume | None) -> list[str]:
        """Return what a new client gets first: the greeting, then either what it has missed or a snapshot.

        Nothing can happen between the two and what is put in line for the client afterwards.
        """
        stream, now = self._stream_of(client), self._clock.now()
        missed = stream.missed(place)
        greeting = frames.connected(
            client.agent_id, now, stream.epoch, stream.seq, resumed=missed is not None
        )
        client.start_over()
        return [greeting, *(missed if missed is not None else [self._initial_data(stream)])]

    def catch_up(self, client: Client, place: Resume | None) -> None:
        """Put in line what a connected client says it has missed, or a snapshot."""
        stream = self._stream_of(client)
        missed = stream.missed(place)
        for frame in missed if missed is not None else [self._initial_data(stream)]:
            client.push(frame)

    def resync(self) -> None:
        """Send everybody a snapshot under a new epoch: memory was filled anew, and what changed was not announced."""
        for stream in self._streams.restart():
            frame = self._initial_data(stream)
            for client in tuple(stream.clients):
                client.push(frame)

    def sol_usd(self) -> Decimal | None:
        """Return USD per SOL for display, the last known one if need be."""
        return newest_sol_usd(self._sol_price, self._clock.now())

    def snapshot(self, agent_id: AgentId) -> list[dict[str, object]]:
        """Return the agent's open positions with what they are worth, newest first."""
        sol_usd = self.sol_usd() or Decimal(0)
        views = []
        for held in self._book.of_agent(agent_id):
            price = self._latest_prices.get(held.position.token_address)
            trail = self._book.current_trail(held)
            price_sol = price.price_sol if price is not None else None
            price_usd = price.price_usd if price is not None else None
            view = enriched_position_view(held.position, trail, price_sol, price_usd, sol_usd)
            view["version"] = held.position.version
            views.append(view)
        return views

    def on_position_opened(self, event: PositionOpened) -> None:
        """Tell about a new position."""
        self._opened += 1
        self._opened_at = self._clock.monotonic()
        self._tell("position_created", event.position, event.trail)

    def on_position_updated(self, event: PositionUpdated) -> None:
        """Tell about a changed position."""
        self._tell("position_updated", event.position, event.trail)

    def on_position_closed(self, event: PositionClosed) -> None:
        """Tell about a closed position."""
        self._announce(event.agent_id, partial(frames.position_closed, event.position_id, event.version))

    def on_agent_deleted(self, event: AgentDeleted) -> None:
        """End the connections to an agent that is gone."""
        stream = self._streams.find(event.agent_id)
        for client in tuple(stream.clients) if stream is not None else ():
            client.close(AGENT_DELETED)

    def on_token_revoked(self, event: TokenRevoked) -> None:
        """End the connections of a session that is over."""
        self._close_where(lambda caller: caller.session_id == event.token_id, REVOKED)

    def user_ids(self) -> set[UserId]:
        """Return whose connections there are."""
        clients = (client for stream in self._streams.watched() for client in stream.clients)
        return {client.caller.user_id for client in clients if client.caller is not None}

    def on_key_deleted(self, key_id: UUID) -> None:
        """End the connections of an API key that is gone."""
        self._close_where(lambda caller: caller.key_id == key_id, KEY_DELETED)

    def on_prices(self, event: PricesChanged) -> None:
        """Tell each agent's clients the changed prices of what it holds, in one frame; in a burst, or while frames are in line, a
        moment later.
        """
        opened, self._opened = self._opened, 0
        if not self._count:
            return
        if self._waiting:
            self._waiting.append(event)
        elif opened >= BURST and self._clock.monotonic() - self._opened_at < YOUNG_SECONDS:
            self._have_wait(event)
        elif self._outbox.is_busy:
            self._have_wait(event)
            self._outbox.once_empty(self._tell_waiting_prices)
        else:
            self._tell_prices(event)

    def _have_wait(self, event: PricesChanged) -> None:
        self._waiting.append(event)
        self._timer = asyncio.get_running_loop().call_later(PRICES_WAIT_SECONDS, self._tell_waiting_prices)

    def _tell_waiting_prices(self) -> None:
        if not self._waiting:
            return
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, []
        newest = {price.token_address: price for event in waiting for price in event.prices}
        self._tell_prices(PricesChanged(list(newest.values()), waiting[-1].at))

    def _tell_prices(self, event: PricesChanged) -> None:
        now = self._clock.monotonic()
        if now >= self._send_all_at:
            self._sent = {}
            self._send_all_at = now + REPEAT_SECONDS
        changed: dict[TokenAddress, TokenPrice] = {}
        for price in event.prices:
            if self._sent.get(price.token_address) != price.price_sol:
                self._sent[price.token_address] = price.price_sol
                changed[price.token_address] = price
        if not changed:
            return
        sol_usd = self.sol_usd()
        # Agents of one user mostly hold the same tokens.
        encoded: dict[tuple[TokenAddress, ...], tuple[str, list[TokenPrice]]] = {}
        streams = {stream.agent_id: stream for stream in self._streams.watched()}
        for agent_id, tokens in self._book.tokens_of(streams, changed).items():
            if tokens not in encoded:
                prices = [changed[token] for token in tokens]
                encoded[tokens] = frames.price_update_batch(prices, sol_usd, event.at), prices
            frame, prices = encoded[tokens]
            for client in tuple(streams[agent_id].clients):
                client.push_prices(frame, prices)

    async def close_all(self) -> None:
        """End all connections and wait a moment for them to go."""
        for stream in self._streams.watched():
            for client in tuple(stream.clients):
                client.close(SHUTDOWN)
        deadline = self._clock.monotonic() + CLOSE_SECONDS
        while self._count and self._clock.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def _tell(self, event: str, position: Position, trail: PositionTrail) -> None:
        self._announce(position.agent_id, partial(frames.position_update, event, position, trail))

    def _announce(self, agent_id: AgentId, encode: Callable[[str, int], str]) -> None:
        stream = self._streams.find(agent_id)
        if stream is None:
            return
        frame = self._streams.number(stream, encode)
        for client in tuple(stream.clients):
            client.push(frame)

    def _initial_data(self, stream: AgentStream) -> str:
        positions = self.snapshot(stream.agent_id)
        return frames.initial_data(positions, self._clock.now(), stream.epoch, stream.seq)

    def _stream_of(self, client: Client) -> AgentStream:
        stream = self._streams.find(client.agent_id)
        assert stream is not None
        return stream

    def _close_where(self, concerned: Callable[[SocketCaller], bool], closing: Closing) -> None:
        for stream in self._streams.watched():
            for client in tuple(stream.clients):
                if client.caller is not None and concerned(client.caller):
                    client.close(closing)
