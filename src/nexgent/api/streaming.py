"""Answers that are sent piece by piece, at the pace of whoever reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from nexgent.api.encoding import JSON_TYPE, json_array

SEND_SECONDS = 60.0


class Streamed(StreamingResponse):
    """Ends when the client is gone, or takes nothing any more. HEAD gets the headers and costs no reading."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("original_method") == "HEAD":
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await send({"type": "http.response.body", "body": b""})
            return
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self.body_iterator:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                raise ClientDisconnect from None
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def long_json_array(pieces: Sequence[bytes]) -> Response:
    """Return encoded items as a JSON array. Each piece is one item or more, with commas between them.

    More than one is sent as it is: a megabyte that is put together takes a millisecond in which nobody else has a turn.
    """
    if len(pieces) <= 1:
        return json_array(pieces)
    size = len("[]") + sum(map(len, pieces)) + len(pieces) - 1
    return Streamed(_between_brackets(pieces), headers={"content-length": str(size)}, media_type=JSON_TYPE)


async def _between_brackets(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    before = b"["
    for piece in pieces:
        yield before + piece
        before = b","
    yield b"]"
