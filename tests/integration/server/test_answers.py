"""How answers leave: whole, in order, and in as few pieces as they have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from nexgent.infrastructure.server.config import ServerConfig
from nexgent.infrastructure.server.connections import Connections
from nexgent.infrastructure.server.http_protocol import MOST_JOINED, HttpProtocol
from nexgent.infrastructure.server.limits import ServerLimits
from tests.integration.server.conftest import request

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Recorder(asyncio.Transport):
    """A transport that keeps each write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """Nothing comes in by itself."""

    def resume_reading(self) -> None:
        """Nothing comes in by itself."""


def answering(*pieces: bytes, length: int | None = None, fails: bool = False) -> Application:
    """Return an application that sends these pieces, with one more empty one at the end when there are several."""
    headers = [] if length is None else [(b"content-length", b"%d" % length)]
    last = b"" if len(pieces) > 1 else pieces[0]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if fails:
            raise RuntimeError("in the middle")
        for piece in pieces if len(pieces) > 1 else ():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": last})

    return app


async def writes_of(app: Application, *requests: bytes) -> Recorder:
    config = ServerConfig(app, Connections(ServerLimits()))
    config.load()
    state = ServerState()
    protocol = HttpProtocol(config, state, {}, asyncio.get_running_loop())
    transport = Recorder()
    protocol.connection_made(transport)
    for one in requests:
        protocol.data_received(one)
    while state.tasks:
        await asyncio.gather(*state.tasks)
        await asyncio.sleep(0)
    return transport


async def test_a_short_answer_leaves_in_one_piece() -> None:
    transport = await writes_of(answering(b"body", length=4), request() + request())
    assert [one.count(b"HTTP/1.1 200 OK") for one in transport.writes] == [1, 1]
    assert all(one.endswith(b"\r\n\r\nbody") for one in transport.writes)


@pytest.mark.parametrize("size", [MOST_JOINED, MOST_JOINED + 1])
async def test_a_long_body_arrives_whole(size: int) -> None:
    transport = await writes_of(answering(b"b" * size, length=size), request())
    assert b"".join(transport.writes).partition(b"\r\n\r\n")[2] == b"b" * size


async def test_a_stream_leaves_piece_by_piece() -> None:
    transport = await writes_of(answering(b"first", b"second"), request())
    head, chunk = transport.writes[0].split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert [chunk, *transport.writes[1:]] == [b"5\r\nfirst\r\n", b"6\r\nsecond\r\n", b"0\r\n\r\n"]


async def test_the_head_alone_answers_head() -> None:
    transport = await writes_of(answering(b"body", length=4), request(method="HEAD") + request())
    assert transport.writes[0].endswith(b"content-length: 4\r\n\r\n")
    assert transport.writes[1].endswith(b"\r\n\r\nbody")


async def test_to_go_on_is_told_before_the_answer() -> None:
    asked = request("/", "Expect: 100-continue", "Content-Length: 2", method="POST")
    transport = await writes_of(answering(b"body", length=4), asked, b"12")
    assert transport.writes[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert transport.writes[1].endswith(b"\r\n\r\nbody")


async def test_an_answer_that_fails_in_the_middle_is_cut_off_behind_its_head() -> None:
    transport = await writes_of(answering(b"a", b"b", length=2, fails=True), request())
    assert transport.closed
    assert transport.writes[0].endswith(b"content-length: 2\r\n\r\n")
