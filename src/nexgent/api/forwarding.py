"""Requests that the engine of an agent carries out: sent there as they came, answered as it answers.

Who calls, limits and the client's place are this process's matter, and the request is told to the engine as it came in. There it
passes what comes after: who calls is checked again, the `Idempotency-Key` is heeded, the audit log is written. A request
that was forwarded is forwarded no further.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Scope
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from nexgent.api.http.requests import ApiRequest
from nexgent.api.rate_limits import CLIENT_IP_KEY
from nexgent.domain.forwarding.errors import OutcomeUnknownError
from nexgent.domain.forwarding.forward_command import ForwardCommand
from nexgent.domain.forwarding.models import Answer, Command, NotBegun
from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.shared.trace_context import enter_trace, parse_traceparent

FORWARDED_KEY = "nexgent.forwarded"
"""Stands in the scope of a request that another process has forwarded."""
ELSEWHERE_KEY = "nexgent.elsewhere"
"""Stands in the scope of such a request once it is clear that it belongs to yet another one."""
ANSWERED_KEY = "nexgent.answered_elsewhere"
"""Stands in the scope of a request that another process has answered, and noted."""

_KEY, _TAG = b"idempotency-key", b"if-none-match"
_SENT_HEADERS = frozenset({b"authorization", b"x-api-key", b"content-type", b"traceparent", _KEY, _TAG})
_UNFORWARDED_HEADERS = frozenset({b"content-length", b"date", b"server"})
_UNKNOWN_CODES = (b"IDEMPOTENCY_OUTCOME_UNKNOWN", b"IDEMPOTENCY_IN_PROGRESS")


async def forwarded(
    request: ApiRequest, elsewhere: EngineElsewhereError, forward: ForwardCommand
) -> Response:
    """Return what the engine of the agent answers to a request.

    Raises `elsewhere` itself when nobody trades for the agent at present, and what `ForwardCommand` raises.
    """
    scope = request.scope
    command = command_of(request, scope["path"], await request.as_sent().body())
    has_key = any(name == _KEY for name, _ in command.headers)
    if not has_key and scope["method"] == "POST":
        # Redis may forget that the command was taken: what then is sent a second time is not done a second time.
        made = (_KEY, b"forwarded-" + uuid4().hex.encode())
        command = replace(command, headers=(*command.headers, made))
    answer = await forward.execute(command, elsewhere.agent_id)
    if answer is None:
        raise elsewhere
    if not has_key and answer.status == 409 and any(code in answer.body for code in _UNKNOWN_CODES):
        raise OutcomeUnknownError
    scope[ANSWERED_KEY] = True
    response = Response(answer.body, answer.status)
    length = [(name, value) for name, value in response.raw_headers if name == b"content-length"]
    response.raw_headers = [
        *((name, value) for name, value in answer.headers if name not in _UNFORWARDED_HEADERS),
        *length,
    ]
    return response


def command_of(request: Request, path: str, body: bytes, *, tagged: bool = True) -> Command:
    """Return what is asked of an engine in the name of whoever sent a request. What they have already is not `tagged` at another
    path."""
    scope = request.scope
    sent = _SENT_HEADERS if tagged else _SENT_HEADERS - {_TAG}
    return Command(
        method=scope["method"],
        path=path,
        query=scope["query_string"],
        headers=tuple((name, value) for name, value in scope["headers"] if name in sent),
        body=body,
        address=str(scope.get(CLIENT_IP_KEY, "")),
        request_id=str(get_contextvars().get("request_id", "")),
    )


@dataclass(slots=True)
class _Collected:
    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    async def send(self, message: Message) -> None:
        """Take a part of the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = tuple((bytes(name), bytes(value)) for name, value in message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class ForwardedRequests:
    """Carries out in this process what others have forwarded. `app` is what stands behind the middleware of connections."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def carry_out(self, command: Command) -> Answer | NotBegun:
        """Return the answer, or that this process does not trade for the agent either.

        For a task of its own: what the log says of it, and its trace, are those of the request.
        """
        clear_contextvars()
        bind_contextvars(request_id=command.request_id)
        trace = next((value for name, value in command.headers if name == b"traceparent"), b"")
        enter_trace(parse_traceparent(trace.decode("latin-1").strip()))
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": command.method,
            "path": command.path,
            "raw_path": command.path.encode(),
            "root_path": "",
            "query_string": command.query,
            "headers": list(command.headers),
            "client": None,
            "server": None,
            "state": {},
            CLIENT_IP_KEY: command.address,
            FORWARDED_KEY: True,
        }
        collected, left = _Collected(), [command.body]

        async def receive() -> Message:
            if left:
                return {"type": "http.request", "body": left.pop(), "more_body": False}
            return {"type": "http.disconnect"}

        await self._app(scope, receive, collected.send)
        if ELSEWHERE_KEY in scope:
            return NotBegun.ELSEWHERE
        return Answer(collected.status, collected.headers, collected.body)
