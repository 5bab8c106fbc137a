"""What one client may send, how many clients may come, and that the loop is everybody's meanwhile."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets import ClientConnection, connect
from websockets.frames import Frame, Opcode

from nexgent.infrastructure.server.limits import ServerLimits
from nexgent.infrastructure.websocket.places import SocketPlaces
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.integration.websocket.conftest import Site
from tests.integration.websocket.test_endpoint import closing, greeted, receive
from tests.integration.websocket.test_ways_in import refused
from tests.patience import PATIENCE_SECONDS

FRAMES = 30_000


def encoded(opcode: Opcode, data: bytes = b"x", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


async def longest_pause(until: asyncio.Task[Any]) -> float:
    """Return the longest time nobody else had a turn: of the loop's own work, as the machine may have other."""
    worst = 0.0
    while not until.done():
        before = time.thread_time()
        await asyncio.sleep(0.001)
        worst = max(worst, time.thread_time() - before)
    return worst


async def pour(connection: ClientConnection, data: bytes) -> None:
    """Send raw bytes, as far as they are taken."""
    try:
        for start in range(0, len(data), 65_536):
            connection.transport.write(data[start : start + 65_536])
            await asyncio.sleep(0)
        await asyncio.wait_for(connection.wait_closed(), PATIENCE_SECONDS)
    except (ConnectionError, RuntimeError):
        pass


FLOODS = {
    "text": encoded(Opcode.TEXT) * FRAMES,
    "binary": encoded(Opcode.BINARY) * FRAMES,
    "empty": encoded(Opcode.TEXT, b"") * FRAMES,
    "ping": encoded(Opcode.PING, b"p" * 100) * 2000,
    "pong": encoded(Opcode.PONG, b"") * FRAMES,
    "messages": encoded(Opcode.TEXT, b'{"type":"ping"}') * FRAMES,
    "fragments": encoded(Opcode.TEXT, b"", fin=False) + encoded(Opcode.CONT, b"", fin=False) * FRAMES,
    "bytes": encoded(Opcode.TEXT, b"y" * 60_000) * 50,
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_ends_with_a_reason_and_holds_nobody_up(site: Site, kind: str) -> None:
    async with site.serve(), connect(site.address()) as other, connect(site.address()) as connection:
        await greeted(connection)
        await greeted(other)
        pouring = asyncio.create_task(pour(connection, FLOODS[kind]))
        pause = asyncio.create_task(longest_pause(pouring))
        code, reason = await closing(connection)
        # Before, it was as long as the flood.
        assert await pause < 1.0
        assert code == 1008
        assert reason.startswith("Too m")
        await other.send('{"type":"ping"}')
        assert (await receive(other))["type"] == "pong"


async def test_whoever_behaves_is_not_bothered(site: Site) -> None:
    site.limits = ServerLimits(frames_per_second=1)
    async with site.serve(), connect(site.address(), max_size=None) as connection:
        await greeted(connection)
        for _ in range(9):
            await connection.send('{"type":"ping"}')
            assert (await receive(connection))["type"] == "pong"


async def test_frames_in_line_leave_the_loop_to_others(site: Site) -> None:
    # As many as are let in at once, with a budget that lets them all in.
    site.limits = ServerLimits(frames_per_second=10**6, frame_bytes_per_second=10**9)
    async with site.serve(), connect(site.address()) as connection:
        await greeted(connection)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        connection.transport.write(encoded(Opcode.TEXT, b"[]") * 2000)
        for _ in range(2000):
            await receive(connection)
        counting.cancel()
        assert turns > 2000


@pytest.mark.parametrize("per", ["user", "address"])
async def test_so_many_sockets_and_no_more(site: Site, per: str) -> None:
    places = SocketPlaces(**{f"per_{per}": 3})
    async with site.serve(places=places, address_of=lambda scope: scope["client"][0]):
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await greeted(await stack.enter_async_context(connect(site.address())))
            status, text = await refused(site.address())
            assert (status, text.split(":")[0]) == (429, "Too many connections")
            # Somebody else's are counted apart; what is refused later gives its place back.
            if per == "user":
                for _ in range(5):
                    async with connect(site.address(site.token(user=UserId(new_id())))) as stranger:
                        assert await closing(stranger) == (1008, "Agent not found")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    async with connect(site.address()) as again:
                        await greeted(again)
                        break
                except Exception:
                    await asyncio.sleep(0.01)
