"""An id for each request, in its log lines and its response, and the trace its sender says it belongs to."""

from __future__ import annotations

import re
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from nexgent.shared.trace_context import TraceContext, enter_trace, parse_traceparent

_ACCEPTED = re.compile(rb"[A-Za-z0-9._:+/=@-]{1,128}")


class RequestIdMiddleware:
    """Take over the caller's `x-request-id` when it is harmless, else make one; send it back; bind it to the log.

    A `traceparent` (W3C) is bound as well: what follows from the request belongs to that trace.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = b""
        trace: TraceContext | None = None
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _ACCEPTED.fullmatch(value):
                request_id = value
            elif name == b"traceparent":
                trace = parse_traceparent(value.decode("latin-1").strip())
        if not request_id:
            request_id = str(uuid4()).encode()
        header = (b"x-request-id", request_id)

        async def add_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        clear_contextvars()
        bind_contextvars(request_id=request_id.decode("ascii"))
        enter_trace(trace)
        await self._app(scope, receive, add_header)
