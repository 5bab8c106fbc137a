"""Frames are written to a client that keeps up without its writer, and never past what waits."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol, State

from nexgent.infrastructure.websocket import frames, hub
from nexgent.infrastructure.websocket.client import SHUTDOWN, Client
from nexgent.infrastructure.websocket.outbox import CLIENTS_AT_ONCE, Outbox
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId
from tests.patience import PATIENCE_SECONDS
from tests.unit.websocket.parts import MINT, World


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_on_the_wire_is_read_as_the_text_it_was(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    reader = Protocol(CLIENT, state=State.OPEN)

    reader.receive_data(frames.on_the_wire(text))

    (frame,) = reader.events_received()
    assert isinstance(frame, Frame)
    assert frame.opcode is Opcode.TEXT
    assert frame.fin
    assert bytes(frame.data).decode() == text


async def test_a_client_that_keeps_up_gets_its_frames_in_the_next_turn() -> None:
    line = _Line()
    client = line.client()

    client.push("one")
    client.push("two")
    assert line.written == []
    await asyncio.sleep(0)

    assert line.written == ["one", "two"]
    assert client.next_frame() is None


async def test_nothing_overtakes_what_could_not_be_written() -> None:
    line = _Line()
    client = line.client()
    line.is_free = False
    client.push("one")
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await client.wait()
    client.sending_since = 1.0
    assert client.next_frame() == "one"
    line.is_free = True
    client.push("two")
    await asyncio.sleep(0)

    assert line.written == []
    assert client.next_frame() == "two"


async def test_prices_wait_for_frames_in_line_and_are_shared_by_those_who_keep_up() -> None:
    world = World()
    lines = [_Line(), _Line(), _Line()]
    clients = [world.hub.subscribe(world.agent_id) for _ in lines]
    for client, line in zip(clients, lines, strict=True):
        client.write_now = line.write
    lines[2].is_free = False
    world.open()
    world.prices((MINT, "0.002"))
    world.open(token_symbol="LATER")
    world.prices((MINT, "0.003"))
    for _ in range(3):
        await asyncio.sleep(0)

    for line in lines[:2]:
        told = [json.loads(frame) for frame in line.written]
        assert [frame["type"] for frame in told] == [*["position_update"] * 2, "price_update_batch"]
        assert [one["price"] for one in told[-1]["data"]["updates"]] == [0.003]
    assert lines[0].written[-1] is lines[1].written[-1]
    # Whoever does not keep up has a frame of its own, made by its writer.
    assert [price.token_address for client in clients for price in client.take_prices()] == [MINT]
    world.prices((MINT, "0.004"))
    await asyncio.sleep(0)
    assert [json.loads(line.written[-1])["data"]["updates"][0]["price"] for line in lines[:2]] == [0.004] * 2


async def test_prices_wait_for_frames_in_line_no_longer_than_for_a_burst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "PRICES_WAIT_SECONDS", 0.001)
    world, line = World(), _Line()
    busy = [world.hub.subscribe(AgentId(new_id())) for _ in range(2)]

    def pass_on(to: Client, frame: str) -> bool:
        to.push(frame)
        return True

    for one, other in (busy, busy[::-1]):
        one.write_now = partial(pass_on, other)
    client = world.hub.subscribe(world.agent_id)
    client.write_now = line.write
    world.open()
    busy[0].push("to and fro")
    world.prices((MINT, "0.002"))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(line.written) < 2:
            await asyncio.sleep(0)
    for one in busy:
        one.close(SHUTDOWN)

    assert json.loads(line.written[-1])["type"] == "price_update_batch"


async def test_a_thousand_clients_leave_others_their_turn() -> None:
    outbox, line = Outbox(), _Line()
    clients = [line.client(outbox) for _ in range(3 * CLIENTS_AT_ONCE + 1)]
    for client in clients:
        client.push("one")
    after = []
    while len(line.written) < len(clients):
        await asyncio.sleep(0)
        after.append(len(line.written))

    assert after == [CLIENTS_AT_ONCE, 2 * CLIENTS_AT_ONCE, 3 * CLIENTS_AT_ONCE, len(clients)]


async def test_a_client_that_is_closed_gets_nothing_more() -> None:
    line = _Line()
    client = line.client()
    client.push("one")
    client.close(SHUTDOWN)
    client.push("two")
    await asyncio.sleep(0)

    assert line.written == []


class _Line:
    """What a server writes to, as long as it is free."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.is_free = True

    def client(self, outbox: Outbox | None = None) -> Client:
        client = Client(AgentId(new_id()), outbox=outbox)
        client.write_now = self.write
        return client

    def write(self, frame: str) -> bool:
        if self.is_free:
            self.written.append(frame)
        return self.is_free
