"""The short way to an endpoint: match method and path, call it.

FastAPI's and Starlette's own way through routers, exit stacks and exception handlers costs several times what most endpoints here
do. Everything that is not matched here (documentation, HEAD, unknown paths, wrong methods) goes to them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nexgent.api.http.route import PREFIX, ApiRoute

Run = Callable[[Request], Awaitable[Response]]
_STACKS = ("fastapi_inner_astack", "fastapi_function_astack", "fastapi_middleware_astack")
_Pattern = tuple[tuple[str | None, ...], tuple[str, ...], Run]


class Dispatcher:
    """An ASGI application in front of a FastAPI one, serving the same endpoints."""

    def __init__(self, app: FastAPI, endpoints: Sequence[ApiRoute]) -> None:
        self._app = app
        self._fixed: dict[tuple[str, str], Run] = {}
        self._patterns: dict[tuple[str, int], list[_Pattern]] = {}
        for endpoint in endpoints:
            self._add(endpoint)

    def _add(self, endpoint: ApiRoute) -> None:
        path = PREFIX + endpoint.path
        parts = path.split("/")
        run = endpoint.get_route_handler()
        if "{" not in path:
            self._fixed.setdefault((endpoint.method, path), run)
            return
        fixed = tuple(None if part.startswith("{") else part for part in parts)
        names = tuple(part[1:-1] for part in parts if part.startswith("{"))
        self._patterns.setdefault((endpoint.method, len(parts)), []).append((fixed, names, run))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        run = self._match(scope) if scope["type"] == "http" else None
        if run is None:
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        # Of the exit stacks that FastAPI's own way would have made: it insists on them, and nothing uses them.
        async with AsyncExitStack() as stack:
            for name in _STACKS:
                scope[name] = stack
            response = await run(Request(scope, receive, send))
        await response(scope, receive, send)

    def _match(self, scope: Scope) -> Run | None:
        method, path = scope["method"], scope["path"]
        run = self._fixed.get((method, path))
        if run is not None:
            scope["path_params"] = {}
            return run
        parts = path.split("/")
        for fixed, names, candidate in self._patterns.get((method, len(parts)), ()):
            values = []
            for wanted, part in zip(fixed, parts, strict=True):
                if wanted is None:
                    values.append(part)
                elif wanted != part:
                    break
            else:
                if all(values):
                    scope["path_params"] = dict(zip(names, values, strict=True))
                    return candidate
        return None
