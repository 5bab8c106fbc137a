"""Hermes, Pyth's server of price updates: its stream, and its newest update."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nexgent.infrastructure.external.budget import Priority, RateBudget
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.pyth.sse import EventParser, EventTooLargeError
from nexgent.infrastructure.external.pyth.updates import SOL_USD_FEED_ID, normalized
from nexgent.infrastructure.external.upstream import Upstream
from nexgent.shared.clock import Clock

DEFAULT_BASE_URL = "https://hermes.pyth.network"
_KNOWN_SUFFIXES = ("/v2/updates/price/latest", "/v2/updates/price/stream", "/v2/updates/price", "/v2")
_TIMEOUT_SECONDS = 3.0
_CALLS_PER_TEN_SECONDS = 8
"""The limit is 10; the eleventh call would shut us out for a minute."""


class StreamEndedError(Exception):
    """The stream is over; the text says why."""


class HermesUpdates:
    """Updates of one feed, as the bytes they come in."""

    def __init__(
        self,
        *,
        http: HttpClient,
        clock: Clock,
        base_url: str = DEFAULT_BASE_URL,
        api_key: str | None = None,
        feed_id: str = SOL_USD_FEED_ID,
    ) -> None:
        """Raises `ValueError` when the base URL cannot be used."""
        self.feed_id = normalized(feed_id)
        self._upstream = Upstream(
            name="Pyth",
            http=http,
            base_url=base_url or DEFAULT_BASE_URL,
            budget=RateBudget("Pyth", limit=_CALLS_PER_TEN_SECONDS, window_seconds=10.0, clock=clock),
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            known_suffixes=_KNOWN_SUFFIXES,
        )

    @property
    def budget(self) -> RateBudget:
        """What may be asked of it."""
        return self._upstream.budget

    async def latest(self) -> bytes:
        """Return the newest update. Raises `UpstreamCallError`."""
        answer = await self._upstream.get(
            "/v2/updates/price/latest",
            self._query(),
            operation="latest",
            priority=Priority.PRICE,
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        return answer.body

    @asynccontextmanager
    async def stream(
        self, *, silence_seconds: float, planned_reconnect_seconds: float
    ) -> AsyncIterator[UpdateStream]:
        """Open a connection, which is closed after the reconnect seconds at the latest. Raises `UpstreamCallError`."""
        url = self._upstream.endpoint.url("/v2/updates/price/stream", self._query())
        async with self._upstream.http.stream(
            url,
            upstream="Pyth",
            operation="stream",
            content_type="text/event-stream",
            headers={**self._upstream.headers, "Accept": "text/event-stream"},
            timeout_seconds=_TIMEOUT_SECONDS,
        ) as chunks:
            yield UpdateStream(chunks, silence_seconds, planned_reconnect_seconds)

    def _query(self) -> list[tuple[str, str]]:
        return [("ids[]", self.feed_id), ("encoding", "base64"), ("parsed", "true")]


class UpdateStream:
    """The updates of one connection. It ends, always, with a `StreamEndedError` that says why."""

    def __init__(
        self, chunks: AsyncIterator[bytes], silence_seconds: float, planned_reconnect_seconds: float
    ) -> None:
        self._chunks = chunks
        self._silence_seconds = silence_seconds
        self._parser = EventParser()
        self._updates: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + planned_reconnect_seconds
        self.heard()

    def heard(self) -> None:
        """Note an update that was of use: whatever else a server sends, without those it is silent."""
        self._silent_at = self._loop.time() + self._silence_seconds

    def __aiter__(self) -> UpdateStream:
        """Return itself."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next update."""
        while not self._updates:
            self._read(await self._next_chunk())
        return self._updates.popleft()

    async def _next_chunk(self) -> bytes:
        try:
            async with asyncio.timeout_at(min(self._silent_at, self._ends)):
                return await anext(self._chunks)
        except TimeoutError:
            if self._loop.time() >= self._ends:
                raise StreamEndedError("planned reconnect") from None
            raise StreamEndedError(f"no update for {self._silence_seconds:g} s") from None
        except StopAsyncIteration:
            raise StreamEndedError("the server ended the stream") from None

    def _read(self, chunk: bytes) -> None:
        """Take the updates a chunk completes, of which there are none when it names an `error` event."""
        try:
            events = list(self._parser.feed(chunk))
        except EventTooLargeError as error:
            raise StreamEndedError(str(error)) from None
        if any(event.name == "error" for event in events):
            raise StreamEndedError("the server reported an error")
        self._updates.extend(event.data for event in events)
