"""An id for each request, in its log lines and its response."""

from __future__ import annotations

import re
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

_ACCEPTED = re.compile(rb"[A-Za-z0-9._:+/=@-]{1,128}")


class RequestIdMiddleware:
    """Take over the caller's `x-request-id` when it is harmless, else make one; send it back; bind it to the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _ACCEPTED.fullmatch(value):
                request_id = value
        if not request_id:
            request_id = str(uuid4()).encode()
        header = (b"x-request-id", request_id)

        async def add_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        clear_contextvars()
        bind_contextvars(request_id=request_id.decode("ascii"))
        await self._app(scope, receive, add_header)
