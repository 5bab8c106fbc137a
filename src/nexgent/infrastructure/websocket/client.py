"""One connected client: a bounded queue of frames, and the newest prices it has not seen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nexgent.domain.prices.models import TokenPrice
from nexgent.infrastructure.websocket.caller import SocketCaller
from nexgent.infrastructure.websocket.outbox import Outbox
from nexgent.shared.types import AgentId, TokenAddress

MAX_FRAMES = 4_096
"""Frames a client may be behind; position frames are never dropped, so further ones close it.

One poll may move the stop of every position an agent has, and all those frames are put in line before a writer gets its turn.
"""
MAX_BYTES = 8 * 1024 * 1024
"""What may wait for a client, unless it is one frame alone."""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a connection is to be ended."""

    code: int
    reason: str


TOO_SLOW = Closing(1013, "Client too slow")
SHUTDOWN = Closing(1000, "Server shutdown")
TIMEOUT = Closing(1000, "Connection timeout")
EXPIRED = Closing(1008, "Token expired")
REVOKED = Closing(1008, "Session ended")
KEY_DELETED = Closing(1008, "API key deleted")
AGENT_DELETED = Closing(1008, "Agent deleted")
FAILED = Closing(1011, "Internal server error")


class Client:
    """Fed by the hub, emptied through the outbox, or by the connection's own writer while that has to wait."""

    __slots__ = (
        "_awake",
        "_bytes",
        "_frames",
        "_in_outbox",
        "_outbox",
        "_prices",
        "_sleeper",
        "agent_id",
        "caller",
        "closing",
        "ended",
        "sending_since",
        "write_now",
    )

    def __init__(
        self, agent_id: AgentId, caller: SocketCaller | None = None, outbox: Outbox | None = None
    ) -> None:
        self._outbox = outbox if outbox is not None else Outbox()
        self._in_outbox = False
        self.agent_id = agent_id
        self.caller = caller
        self.sending_since: float | None = None
        """Since when (monotonic) the writer has been busy with one frame, for whoever looks after clients that read nothing."""
        self.write_now: Callable[[str], bool] | None = None
        """Writes a frame to a client that keeps up, without its writer; None before the greeting, and where a server cannot."""
        self.closing: Closing | None = None
        self.ended = asyncio.Event()
        """Set together with `closing`, for whoever waits beside a writer that is stuck in a send."""
        self._frames: deque[str] = deque()
        self._bytes = 0
        self._prices: dict[TokenAddress, TokenPrice] = {}
        self._awake = False
        self._sleeper: asyncio.Future[None] | None = None

    def push(self, frame: str) -> None:
        """Put a frame in line that must not be lost; a client that is too far behind is closed instead."""
        if self.closing is not None:
            return
        if len(self._frames) >= MAX_FRAMES or (self._frames and self._bytes + len(frame) > MAX_BYTES):
            self.close(TOO_SLOW)
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        if self.write_now is None:
            self._wake()
        elif not self._in_outbox:
            self._in_outbox = True
            self._outbox.add(self)

    def flush(self) -> None:
        """Write what is in line to a client that keeps up; for one that does not, its writer waits."""
        self._in_outbox = False
        # A writer that is busy goes on with what is behind the frame it is busy with.
        while self._frames and self.write_now is not None and self.sending_since is None:
            if not self.write_now(self._frames[0]):
                self._wake()
                return
            self.next_frame()

    def push_prices(self, frame: str, prices: Sequence[TokenPrice]) -> None:
        """Offer prices: as the shared frame when the client keeps up, else merged into what it has not seen yet."""
        if self.closing is not None:
            return
        if not self._frames and not self._prices:
            self.push(frame)
            return
        for price in prices:
            self._prices[price.token_address] = price
        self._wake()

    def close(self, closing: Closing) -> None:
        """Ask the writer to end the connection; what waits is dropped, the client starts again from a snapshot."""
        if self.closing is None:
            self.closing = closing
            self.ended.set()
            self.start_over()
            self._wake()

    def start_over(self) -> None:
        """Forget what waits: whatever comes next contains it."""
        self._frames.clear()
        self._prices.clear()
        self._bytes = 0

    async def wait(self) -> None:
        """Return when there is something to send or to do."""
        if not self._awake:
            self._sleeper = asyncio.get_running_loop().create_future()
            try:
                await self._sleeper
            finally:
                self._sleeper = None
        self._awake = False

    def _wake(self) -> None:
        # By hand, as every price wakes every client, and an `asyncio.Event` costs twice as much.
        if not self._awake:
            self._awake = True
            if self._sleeper is not None and not self._sleeper.done():
                self._sleeper.set_result(None)

    def next_frame(self) -> str | None:
        """Take the oldest frame."""
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def take_prices(self) -> list[TokenPrice]:
        """Take the newest prices the client has not seen."""
        prices = list(self._prices.values())
        self._prices.clear()
        return prices
