"""The sandbox as one ASGI application: routing, faults, limits, the log of requests."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from uuid import uuid4

from nexgent.sandbox import control_api, dexscreener, jupiter, pyth, rpc
from nexgent.sandbox.faults import CONTENT_KINDS, SSE_KINDS, TRANSPORT_KINDS, FaultRule, first
from nexgent.sandbox.http import (
    HTML_TYPE,
    AsgiApp,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    json_reply,
    read_body,
    send_reply,
    text_reply,
    wait_for_disconnect,
)
from nexgent.sandbox.rate_limits import LimitState
from nexgent.sandbox.settings import SandboxSettings
from nexgent.sandbox.state import SandboxState
from nexgent.shared.clock import Clock, SystemClock

# The server puts a function that cuts the connection under this name into the ASGI extensions.
ABORT_EXTENSION = "nexgent.abort"

_Handler = Callable[[SandboxState, Request], Reply]
_STREAM_PATH = "/v2/updates/price/stream"
_EXACT: dict[str, tuple[str, str, _Handler]] = {
    "/price/v3": ("price", "GET", jupiter.price),
    "/tokens/v2/search": ("tokens", "GET", jupiter.tokens),
    "/swap/v2/order": ("order", "GET", jupiter.order),
    "/ultra/v1/order": ("order", "GET", jupiter.order),
    "/swap/v2/execute": ("execute", "POST", jupiter.execute),
    "/ultra/v1/execute": ("execute", "POST", jupiter.execute),
    "/v2/updates/price/latest": ("pyth", "GET", pyth.latest),
    _STREAM_PATH: ("pyth", "GET", pyth.latest),
    "/rpc": ("rpc", "POST", rpc.handle),
    "/rpc/second": ("rpc", "POST", rpc.handle_second),
    "/": ("rpc", "POST", rpc.handle),
}
_PREFIXES = ("/tokens/v1/", "/latest/dex/tokens/", "/token-pairs/v1/")
_JUPITER = frozenset({"order", "execute", "price", "tokens"})
_HTML = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body>cloudflare</body></html>"
_INFO = {
    "name": "nexgent sandbox",
    "baseUrlFor": ["DEXSCREENER_BASE_URL", "JUPITER_BASE_URL", "PYTH_HERMES_URL", "SOLANA_RPC_URL"],
    "control": "/control/state",
}


class Sandbox:
    """Serve one sandbox; instances share nothing."""

    def __init__(self, settings: SandboxSettings, clock: Clock) -> None:
        self.state = SandboxState(settings, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or follow the lifespan."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "lifespan":
                await _follow_lifespan(receive, send)
            case _:
                # Only subscriptions of the RPC are WebSockets, and this node offers none.
                await send({"type": "websocket.close", "code": 1003})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        received = b"" if method in ("GET", "HEAD") else await read_body(receive)
        if received is None:
            return
        body = received
        request = Request(method, path, scope["query_string"], scope["headers"], body)
        if path.startswith("/control/"):
            await send_reply(send, control_api.handle(self.state, request))
            return
        found = _route(request)
        if isinstance(found, Reply):
            await send_reply(send, found)
            return
        endpoint, handler = found
        rpc_method = rpc.method_of(body) if endpoint == "rpc" else None
        await self._answer(endpoint, rpc_method, handler, request, scope, receive, send)

    async def _answer(
        self,
        endpoint: str,
        rpc_method: str | None,
        handler: _Handler,
        request: Request,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        state = self.state
        log = self._log(endpoint, rpc_method, request)
        transport, request.faults = self._strike(endpoint, rpc_method, request)
        reply = await self._before(endpoint, transport, scope, receive)
        if reply is None and first(transport, "drop_before", "timeout") and not _cut_after(transport):
            return
        limit = state.limits.take(endpoint) if reply is None else None
        if reply is None and limit is not None and not limit.allowed:
            reply = self._limited(endpoint, limit)
        if reply is None and request.path == _STREAM_PATH:
            reply = pyth.refuse_stream(request)
            if reply is None:
                log["status"] = 200
                await pyth.stream(state, request, receive, send)
                return
        if reply is None:
            reply = handler(state, request)
            late = await self._after(endpoint, transport, scope, receive)
            if first(transport, "drop_after") or (late is None and _cut_after(transport)):
                return
            reply = late or reply
        if endpoint in _JUPITER:
            reply.headers.append((b"x-api-gateway-request-id", uuid4().hex.encode()))
            if limit is not None and limit.allowed:
                reply.headers.extend(state.limits.headers(limit))
        log["status"] = reply.status
        await send_reply(send, reply)

    def _strike(
        self, endpoint: str, rpc_method: str | None, request: Request
    ) -> tuple[list[FaultRule], list[FaultRule]]:
        """Return the rules that strike the transport and those that strike the content of a request.

        A request that a transport rule keeps from being served does not use up a content rule, nor does opening a
        stream: its updates are struck one by one.
        """
        if not self.state.faults.rules:
            return [], []
        text = f"{request.path}?{request.query_string.decode('latin-1')}\n{request.body.decode('latin-1')}"
        transport = self.state.faults.strike(endpoint, rpc_method, text, TRANSPORT_KINDS)
        if request.path == _STREAM_PATH or any(_prevents(rule) for rule in transport):
            return transport, []
        return transport, self.state.faults.strike(endpoint, rpc_method, text, CONTENT_KINDS - SSE_KINDS)

    async def _before(
        self, endpoint: str, rules: list[FaultRule], scope: Scope, receive: Receive
    ) -> Reply | None:
        """Let faults work before the request takes effect; returns the answer of one that answers."""
        for rule in rules:
            match rule.kind:
                case "delay" if not rule.after:
                    await asyncio.sleep(1.0 if rule.seconds is None else rule.seconds)
                case "drop_before":
                    await _cut(scope, receive)
                    return None
                case "timeout" if not rule.after:
                    await _hang(rule, scope, receive)
                    return None
                case "rate_limit":
                    seconds = 1.0 if rule.seconds is None else rule.seconds
                    reply = self._limited(endpoint, LimitState(False, 0, 60, seconds))
                    return _with_headers(reply, rule)
                case "status" | "html_error" if not rule.after:
                    return _status_reply(endpoint, rule)
        return None

    async def _after(
        self, endpoint: str, rules: list[FaultRule], scope: Scope, receive: Receive
    ) -> Reply | None:
        """Let faults work after the request took effect."""
        for rule in rules:
            match rule.kind:
                case "delay" if rule.after:
                    await asyncio.sleep(1.0 if rule.seconds is None else rule.seconds)
                case "drop_after":
                    await _cut(scope, receive)
                    return None
                case "timeout" if rule.after:
                    await _hang(rule, scope, receive)
                    return None
                case "status" | "html_error" if rule.after:
                    return _status_reply(endpoint, rule)
        return None

    def _limited(self, endpoint: str, limit: LimitState) -> Reply:
        wait = math.ceil(limit.reset_seconds)
        if endpoint in _JUPITER:
            reply = json_reply({"code": 429, "message": "[API Gateway] Too many requests"}, 429)
            reply.headers.extend(self.state.limits.headers(limit))
            return reply
        if endpoint == "rpc":
            message = "Too many requests for a specific RPC call"
            reply = json_reply(
                {"jsonrpc": "2.0", "error": {"code": 429, "message": message}, "id": None}, 429
            )
            reply.headers.append((b"retry-after", str(wait).encode()))
            return reply
        return text_reply("Too Many Requests", 429)

    def _log(self, endpoint: str, rpc_method: str | None, request: Request) -> dict[str, object]:
        requests = self.state.requests
        requests.counts[endpoint] += 1
        if rpc_method is not None:
            requests.counts[f"rpc.{rpc_method}"] += 1
        entry: dict[str, object] = {
            "endpoint": endpoint,
            "method": rpc_method or request.method,
            "path": request.path,
            "status": None,
            "atSeconds": self.state.clock.now().timestamp(),
        }
        requests.last.append(entry)
        return entry


def create_sandbox(settings: SandboxSettings, clock: Clock | None = None) -> AsgiApp:
    """Return a sandbox as an ASGI application."""
    return Sandbox(settings, clock or SystemClock())


def _route(request: Request) -> tuple[str, _Handler] | Reply:
    exact = _EXACT.get(request.path)
    if request.path == "/" and request.method == "GET":
        return json_reply(_INFO)
    if exact is None and request.path.startswith(_PREFIXES):
        exact = ("dexscreener", "GET", dexscreener.handle)
    if exact is None:
        return json_reply({"error": "Not found"}, 404)
    endpoint, method, handler = exact
    if request.method != method:
        return json_reply({"error": f"Method not allowed, only {method}"}, 405)
    return endpoint, handler


def _prevents(rule: FaultRule) -> bool:
    """Say whether a transport rule keeps a request from taking effect."""
    return rule.kind in ("drop_before", "rate_limit") or (
        rule.kind in ("timeout", "status", "html_error") and not rule.after
    )


def _cut_after(rules: list[FaultRule]) -> bool:
    rule = first(rules, "drop_before", "timeout")
    return rule is not None and rule.kind == "timeout" and rule.after


async def _cut(scope: Scope, receive: Receive) -> None:
    """Cut the connection without an answer, and return when it is gone."""
    extension = scope.get("extensions", {}).get(ABORT_EXTENSION)
    if extension is not None:
        extension["abort"]()
        await wait_for_disconnect(receive)


async def _hang(rule: FaultRule, scope: Scope, receive: Receive) -> None:
    """Say nothing for some time, or until the client gives up, and cut the connection."""
    try:
        async with asyncio.timeout(60.0 if rule.seconds is None else rule.seconds):
            await wait_for_disconnect(receive)
    except TimeoutError:
        await _cut(scope, receive)


def _status_reply(endpoint: str, rule: FaultRule) -> Reply:
    if rule.kind == "html_error":
        return _with_headers(Reply(rule.status or 503, _HTML, HTML_TYPE), rule)
    status = rule.status or 500
    known = {
        401: "Unauthorized",
        403: "API key does not have access to this endpoint",
        429: "Too many requests",
    }
    message = rule.message or known.get(status, "Internal Server Error")
    if endpoint in ("dexscreener", "pyth"):
        return _with_headers(text_reply(message, status), rule)
    if endpoint == "rpc":
        body: dict[str, object] = {
            "jsonrpc": "2.0",
            "error": {"code": -32603, "message": message},
            "id": None,
        }
    elif endpoint == "execute" and status >= 500:
        body = {"error": message}
    else:
        body = {"code": status, "message": message}
    return _with_headers(json_reply(body, status), rule)


def _with_headers(reply: Reply, rule: FaultRule) -> Reply:
    given = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in rule.headers.items()
    ]
    names = {name for name, _ in given}
    reply.headers = [header for header in reply.headers if header[0] not in names] + given
    return reply


async def _follow_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
