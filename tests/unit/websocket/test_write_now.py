"""Frames are written to a client that keeps up without its writer, and never past what waits."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol, State

from nexgent.infrastructure.websocket import frames
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


async def test_prices_and_frames_keep_their_order() -> None:
    world, line = World(), _Line()
    client = world.hub.subscribe(world.agent_id)
    client.write_now = line.write
    world.open()
    world.prices((MINT, "0.002"))
    world.open(token_symbol="LATER")
    await asyncio.sleep(0)

    # What came behind a frame in line is merged, and left to the writer.
    kinds = [json.loads(frame)["type"] for frame in line.written]
    assert kinds == ["position_update", "position_update"]
    assert [price.token_address for price in client.take_prices()] == [MINT]
    world.prices((MINT, "0.003"))
    await asyncio.sleep(0)
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
