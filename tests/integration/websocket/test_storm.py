"""Many clients come, go and come back over real connections while positions move: nobody loses a frame."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import suppress
from decimal import Decimal

import pytest
import uvloop
from websockets import ConnectionClosed, connect

from nexgent.domain.positions.models import Position
from tests.integration.websocket.conftest import Site
from tests.patience import PATIENCE_SECONDS
from tests.unit.websocket.parts import MINT, Viewer

CLIENTS = 40
STORM_SECONDS = 2.5


def _move(site: Site, positions: list[Position], dice: random.Random, step: int) -> None:
    """Open, change or close a position, or let a price change."""
    match dice.choice(["open", "change", "change", "change", "close", "price"]):
        case "open" if len(positions) < 20:
            positions.append(site.world.open(token_symbol=f"T{step}"))
        case "change" if positions:
            place = dice.randrange(len(positions))
            positions[place] = site.world.change(positions[place])
        case "close" if positions:
            site.world.close(positions.pop(dice.randrange(len(positions))))
        case "price":
            site.world.prices((MINT, str(Decimal(step + 1).scaleb(-6))))


async def _visit(site: Site, token: str, viewer: Viewer, dice: random.Random) -> None:
    """Connect where the viewer stopped, read for a while, hang up: politely, or by tearing the connection."""
    place = f"&epoch={viewer.epoch}&lastSeq={viewer.last_seq}" if viewer.epoch else ""
    connection = await connect(site.address(token) + place, max_queue=None)
    try:
        async with asyncio.timeout(dice.uniform(0.001, 0.3)):
            while True:
                viewer.see(json.loads(await connection.recv(), parse_float=Decimal))
    except TimeoutError:
        pass
    finally:
        if dice.random() < 0.5:
            connection.transport.abort()
        else:
            await connection.close()


async def _settle(site: Site, token: str, viewer: Viewer, last_seq: int) -> None:
    """Connect once more and read up to the newest frame."""
    place = f"&epoch={viewer.epoch}&lastSeq={viewer.last_seq}" if viewer.epoch else ""
    async with asyncio.timeout(PATIENCE_SECONDS), connect(site.address(token) + place) as connection:
        viewer.see(json.loads(await connection.recv()))
        while viewer.last_seq < last_seq:
            viewer.see(json.loads(await connection.recv(), parse_float=Decimal))


async def _storm(site: Site, seed: int) -> None:
    dice = random.Random(seed)
    token = site.token()
    viewers = [Viewer() for _ in range(CLIENTS)]
    positions: list[Position] = []
    earliest, latest = time.monotonic() + STORM_SECONDS, time.monotonic() + PATIENCE_SECONDS
    step = 0

    def over() -> bool:
        """Tell whether enough has happened, which takes longer on a machine that has other work."""
        now, resumptions = time.monotonic(), [viewer.resumptions for viewer in viewers]
        enough = step > 200 and min(resumptions) > 0 and sum(resumptions) > CLIENTS
        return now > latest or (now > earliest and enough)

    async def come_and_go(viewer: Viewer, dice: random.Random) -> None:
        while not over():
            with suppress(ConnectionClosed):
                await _visit(site, token, viewer, dice)

    async with site.serve():
        clients = [
            asyncio.create_task(come_and_go(viewer, random.Random(f"{seed}-{number}")))
            for number, viewer in enumerate(viewers)
        ]
        while not over():
            for _ in range(dice.randint(1, 5)):
                _move(site, positions, dice, step)
                step += 1
            await asyncio.sleep(dice.uniform(0, 0.01))
        await asyncio.gather(*clients)
        stream = site.world.hub._streams.find(site.world.agent_id)
        assert stream is not None
        for viewer in viewers:
            await _settle(site, token, viewer, stream.seq)
    assert step > 200
    for viewer in viewers:
        assert viewer.versions == site.world.versions()
        assert viewer.resumptions > 0
    assert sum(viewer.resumptions for viewer in viewers) > CLIENTS
    # Whoever had a snapshot once saw every frame from there on, unless more were missed than are kept.
    assert sum(viewer.snapshots for viewer in viewers) < sum(viewer.resumptions for viewer in viewers)


@pytest.mark.parametrize("fast_loop", [False, True], ids=["asyncio", "uvloop"])
def test_a_storm_of_real_connections_loses_no_frame(site: Site, fast_loop: bool) -> None:
    run = uvloop.run if fast_loop else asyncio.run
    run(_storm(site, 7 + fast_loop))
