"""Answers that are sent piece by piece, at the pace of whoever reads them."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

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
