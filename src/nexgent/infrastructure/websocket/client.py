"""One connected client: a bounded queue of frames, and the newest prices it has not seen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from nexgent.domain.prices.models import TokenPrice
from nexgent.shared.types import AgentId, TokenAddress

MAX_FRAMES = 4_096
"""Frames a client may be behind; position frames are never dropped, so further ones close it.

One poll may move the stop of every position an agent has, and all those frames are put in line before a writer gets its turn.
"""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a connection is to be ended."""

    code: int
    reason: str


TOO_SLOW = Closing(1013, "Client too slow")
SHUTDOWN = Closing(1000, "Server shutdown")
TIMEOUT = Closing(1000, "Connection timeout")
EXPIRED = Closing(1008, "Token expired")
FAILED = Closing(1011, "Internal server error")


class Client:
    """Fed by the hub, emptied by the connection's own writer."""

    __slots__ = ("_awake", "_frames", "_prices", "agent_id", "closing", "ended")

    def __init__(self, agent_id: AgentId) -> None:
        self.agent_id = agent_id
        self.closing: Closing | None = None
        self.ended = asyncio.Event()
        """Set together with `closing`, for whoever waits beside a writer that is stuck in a send."""
        self._frames: deque[str] = deque()
        self._prices: dict[TokenAddress, TokenPrice] = {}
        self._awake = asyncio.Event()

    def push(self, frame: str) -> None:
        """Put a frame in line that must not be lost; a client that is too far behind is closed instead."""
        if self.closing is not None:
            return
        if len(self._frames) >= MAX_FRAMES:
            self.close(TOO_SLOW)
            return
        self._frames.append(frame)
        self._awake.set()

    def push_prices(self, frame: str, prices: Sequence[TokenPrice]) -> None:
        """Offer prices: as the shared frame when the client keeps up, else merged into what it has not seen yet."""
        if self.closing is not None:
            return
        if not self._frames and not self._prices:
            self.push(frame)
            return
        for price in prices:
            self._prices[price.token_address] = price
        self._awake.set()

    def close(self, closing: Closing) -> None:
        """Ask the writer to end the connection; what waits is dropped, the client starts again from a snapshot."""
        if self.closing is None:
            self.closing = closing
            self.ended.set()
            self._frames.clear()
            self._prices.clear()
            self._awake.set()

    async def wait(self) -> None:
        """Return when there is something to send or to do."""
        await self._awake.wait()
        self._awake.clear()

    def next_frame(self) -> str | None:
        """Take the oldest frame."""
        return self._frames.popleft() if self._frames else None

    def take_prices(self) -> list[TokenPrice]:
        """Take the newest prices the client has not seen."""
        prices = list(self._prices.values())
        self._prices.clear()
        return prices
