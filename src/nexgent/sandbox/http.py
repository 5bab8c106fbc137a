"""Requests and answers of the sandbox, as thin as ASGI allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from nexgent.sandbox.faults import FaultRule

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON_TYPE = b"application/json; charset=utf-8"
TEXT_TYPE = b"text/plain; charset=utf-8"
HTML_TYPE = b"text/html; charset=utf-8"


@dataclass(slots=True)
class Request:
    """One request with the faults that strike its content."""

    method: str
    path: str
    query_string: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    faults: list[FaultRule] = field(default_factory=list)

    def query_pairs(self) -> list[tuple[str, str]]:
        """Return the query parameters in order."""
        return parse_qsl(self.query_string.decode("latin-1"), keep_blank_values=True)

    def query(self) -> dict[str, str]:
        """Return the query parameters; the last of several of the same name wins."""
        return dict(self.query_pairs())


@dataclass(slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    content_type: bytes = JSON_TYPE
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


def json_reply(value: object, status: int = 200) -> Reply:
    """Return an answer with a JSON body."""
    return Reply(status, orjson.dumps(value))


def text_reply(text: str, status: int) -> Reply:
    """Return an answer with a text body."""
    return Reply(status, text.encode(), TEXT_TYPE)


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a whole answer."""
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def read_body(receive: Receive) -> bytes | None:
    """Return the whole body, None when the client has gone."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
