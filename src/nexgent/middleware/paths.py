"""Forgive spelling of paths: upper case, one slash too many; and answer HEAD wherever GET is answered."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class PathMiddleware:
    """Bring fixed segments to lower case and drop one trailing slash. What is not a fixed segment is an id or an address,
    whose case matters."""

    def __init__(self, app: ASGIApp, fixed_segments: Collection[str]) -> None:
        self._app = app
        self._fixed = frozenset(fixed_segments)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its usual path."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if len(path) > 1 and path[-1] == "/":
            path = path[:-1]
        if path != path.lower():
            path = "/".join(
                lowered if (lowered := segment.lower()) in self._fixed else segment
                for segment in path.split("/")
            )
        scope["original_path"] = scope["path"]
        scope["path"] = path
        if scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        scope["method"] = "GET"
        scope["original_method"] = "HEAD"

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app(scope, receive, without_body)
