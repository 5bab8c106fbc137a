"""The hub hands each event to the right clients, newest state only where that loses nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.infrastructure.websocket import frames, hub
from nexgent.infrastructure.websocket.client import MAX_FRAMES, SHUTDOWN, TOO_SLOW
from nexgent.infrastructure.websocket.hub import BURST, REPEAT_SECONDS, YOUNG_SECONDS, WebSocketHub
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, PositionId
from tests.builders import a_position
from tests.fakes.clock import FakeClock
from tests.patience import PATIENCE_SECONDS
from tests.unit.websocket.parts import MINT, World, taken


async def test_a_greeting_holds_everything_so_far_and_the_line_everything_after() -> None:
    world = World()
    early = world.open(token_symbol="EARLY")

    client = world.hub.subscribe(world.agent_id)
    late = world.open(token_symbol="LATE")
    world.close(early)
    connected, snapshot = map(json.loads, world.hub.greet(client, None))
    later = world.open(token_symbol="LATER")

    assert (connected["data"]["seq"], connected["data"]["resumed"]) == (2, False)
    assert [one["id"] for one in snapshot["data"]["positions"]] == [str(late.id)]
    (created,) = taken(client)
    assert (created["data"]["eventType"], _subject(created)) == ("position_created", str(later.id))
    assert [frame["data"]["seq"] for frame in (snapshot, created)] == [2, 3]
    assert len({frame["data"]["epoch"] for frame in (connected, snapshot, created)}) == 1


async def test_a_snapshot_values_positions_and_names_their_version() -> None:
    world = World()
    world.open(version=7)
    world.prices((MINT, "0.002"))

    (view,) = world.hub.snapshot(world.agent_id)

    assert view["version"] == 7
    assert view["tokenAddress"] == MINT
    assert view["currentPrice"] == Decimal("0.002")
    assert view["currentPriceUsd"] == Decimal("0.3")


async def test_position_frames_carry_the_whole_state_and_its_version() -> None:
    world = World()
    client = world.hub.subscribe(world.agent_id)
    position = world.open()
    world.update(replace(position, version=2, quantity_raw=1_000_000, partially_sold=True))

    created, updated = taken(client)

    assert created["type"] == updated["type"] == "position_update"
    assert (created["data"]["eventType"], created["data"]["version"]) == ("position_created", 1)
    assert (updated["data"]["eventType"], updated["data"]["version"]) == ("position_updated", 2)
    assert updated["data"]["position"]["remainingAmount"] == 1
    assert updated["data"]["position"]["tokenAddress"] == "MintInMixedCase"


async def test_nobody_hears_of_another_agents_positions_and_prices() -> None:
    world = World()
    stranger = world.hub.subscribe(AgentId(new_id()))
    position = world.open()
    world.prices((MINT, "0.002"))
    world.close(position)

    assert taken(stranger) == []
    assert stranger.take_prices() == []


async def test_one_frame_holds_the_prices_an_agent_is_concerned_with() -> None:
    world = World()
    world.open()
    world.open(token_address="OtherMint")
    client = world.hub.subscribe(world.agent_id)

    world.prices((MINT, "0.002"), ("Foreign", "1"), ("OtherMint", "0.00000000001234"))

    (frame,) = taken(client)
    updates = {one["mint"]: (one["price"], one["priceUsd"]) for one in frame["data"]["updates"]}
    assert updates == {
        "MintInMixedCase": (Decimal("0.002"), Decimal("0.3")),
        "OtherMint": (Decimal("0.00000000001234"), Decimal("0.000000001851")),
    }


async def test_an_unchanged_price_is_repeated_only_after_two_seconds() -> None:
    clock = FakeClock()
    world = World(clock=clock)
    world.open()
    client = world.hub.subscribe(world.agent_id)
    world.prices((MINT, "0.002"))
    assert len(taken(client)) == 1

    clock.advance(1.9)
    world.prices((MINT, "0.002"))
    assert taken(client) == []

    clock.advance(0.1)
    world.prices((MINT, "0.002"))
    assert len(taken(client)) == 1

    world.prices((MINT, "0.0021"))
    assert len(taken(client)) == 1


async def test_a_client_that_lags_gets_only_the_newest_price_of_each_token() -> None:
    world = World()
    world.open()
    world.open(token_address="OtherMint")
    client = world.hub.subscribe(world.agent_id)

    for step in range(1, 500):
        world.prices((MINT, f"0.00{step:03}"), ("OtherMint", f"0.10{step:03}"))

    assert len(taken(client)) == 1
    newest = {price.token_address: price.price_sol for price in client.take_prices()}
    assert newest == {MINT: Decimal("0.00499"), "OtherMint": Decimal("0.10499")}
    assert client.take_prices() == []
    assert client.closing is None


async def test_a_burst_of_one_poll_closes_nobody_but_falling_further_behind_does() -> None:
    world = World()
    slow, quick = world.hub.subscribe(world.agent_id), world.hub.subscribe(world.agent_id)
    position = a_position(agent_id=world.agent_id)
    for _ in range(MAX_FRAMES):
        world.update(position)
    assert not slow.ended.is_set()
    assert len(taken(quick)) == MAX_FRAMES

    world.update(position)
    world.update(position)

    assert slow.closing == TOO_SLOW
    assert slow.ended.is_set()
    assert (TOO_SLOW.code, TOO_SLOW.reason) == (1013, "Client too slow")
    assert taken(slow) == []
    assert quick.closing is None
    assert len(taken(quick)) == 2


async def test_the_first_reason_to_close_stays_and_nothing_more_is_queued() -> None:
    world = World()
    client = world.hub.subscribe(world.agent_id)
    client.close(TOO_SLOW)
    client.close(SHUTDOWN)
    world.open()
    world.prices((MINT, "0.002"))

    assert client.closing == TOO_SLOW
    assert taken(client) == []
    assert client.take_prices() == []


async def test_clients_are_counted_and_their_end_is_reported_once() -> None:
    world = World()
    first, second = world.hub.subscribe(world.agent_id), world.hub.subscribe(world.agent_id)
    assert world.hub.client_count == 2

    second.close(TOO_SLOW)
    for client in (first, first, second):
        world.hub.unsubscribe(client)

    assert world.hub.client_count == 0
    assert world.reasons == ["client", "Client too slow"]


async def test_closing_the_hub_ends_every_client_and_does_not_wait_without_need() -> None:
    world = World(clock=SystemClock())
    assert isinstance(world.hub, WebSocketHub)
    await world.hub.close_all()
    client = world.hub.subscribe(world.agent_id)
    world.hub.unsubscribe(client)
    other = world.hub.subscribe(world.agent_id)
    other.close(SHUTDOWN)
    world.hub.unsubscribe(other)

    await world.hub.close_all()

    assert world.reasons == ["client", "Server shutdown"]


async def test_prices_of_tokens_long_gone_are_forgotten() -> None:
    clock = FakeClock()
    world = World(clock=clock)
    world.open()
    client = world.hub.subscribe(world.agent_id)
    for number in range(100):
        world.prices((f"Gone{number}", "1"))
    clock.advance(REPEAT_SECONDS)

    world.prices((MINT, "0.002"))
    world.prices((MINT, "0.002"))

    assert world.hub._sent == {MINT: Decimal("0.002")}
    assert len(taken(client)) == 1


async def test_prices_that_come_in_a_burst_wait_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PRICES_WAIT_SECONDS", 0.001)
    world = World()
    client = world.hub.subscribe(world.agent_id)
    for number in range(BURST):
        world.open(token_address=f"Mint{number}")
    opened = taken(client)

    world.prices(("Mint0", "0.002"), ("Mint1", "0.003"))
    world.prices(("Mint0", "0.004"))

    assert len(opened) == BURST
    assert taken(client) == []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (told := taken(client)):
            await asyncio.sleep(0.001)
    [frame] = told
    updates = {one["mint"]: one["price"] for one in frame["data"]["updates"]}
    assert updates == {"Mint0": Decimal("0.004"), "Mint1": Decimal("0.003")}
    world.prices(("Mint0", "0.005"))
    assert len(taken(client)) == 1


@pytest.mark.parametrize(("opened", "ago"), [(BURST - 1, 0.0), (BURST, YOUNG_SECONDS)])
async def test_prices_wait_neither_for_some_positions_nor_for_a_burst_that_is_over(
    opened: int, ago: float
) -> None:
    clock = FakeClock()
    world = World(clock=clock)
    for number in range(opened):
        world.open(token_address=f"Mint{number}")
    client = world.hub.subscribe(world.agent_id)
    clock.advance(ago)

    world.prices(("Mint0", "0.002"))

    assert len(taken(client)) == 1


def test_frames_have_the_shape_of_the_contract() -> None:
    now = FakeClock().now()
    position_id, agent_id = PositionId(new_id()), AgentId(new_id())
    stamp = "2026-01-01T12:00:00.000Z"

    numbers = {"epoch": "e", "seq": 7}
    assert json.loads(frames.connected(agent_id, now, "e", 7, resumed=False)) == {
        "type": "connected",
        "data": {"agentId": str(agent_id), "timestamp": stamp, "resumed": False, **numbers},
    }
    assert json.loads(frames.initial_data([], now, "e", 7)) == {
        "type": "initial_data",
        "data": {"positions": [], "timestamp": stamp, **numbers},
    }
    assert json.loads(frames.position_closed(position_id, 3, "e", 7)) == {
        "type": "position_update",
        "data": {"eventType": "position_closed", "positionId": str(position_id), "version": 3, **numbers},
    }
    assert json.loads(frames.ping(now)) == {"type": "ping", "timestamp": stamp}
    assert json.loads(frames.pong(now)) == {"type": "pong", "timestamp": stamp}
    assert json.loads(frames.subscribed(agent_id)) == {
        "type": "subscribed",
        "data": {"agentId": str(agent_id)},
    }
    assert json.loads(frames.error("no")) == {"type": "error", "data": {"message": "no"}}


def _subject(frame: dict[str, dict[str, object]]) -> object:
    data = frame["data"]
    position = data.get("position")
    return position["id"] if isinstance(position, dict) else data["positionId"]
