"""A client that comes back gets what it has missed, or a snapshot; whatever happens, it ends up knowing the book."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from decimal import Decimal

import pytest

from nexgent.domain.agents.events import AgentDeleted
from nexgent.domain.positions.models import Position
from nexgent.domain.users.events import TokenRevoked
from nexgent.infrastructure.websocket.caller import SocketCaller
from nexgent.infrastructure.websocket.client import (
    AGENT_DELETED,
    KEY_DELETED,
    MAX_BYTES,
    REVOKED,
    TOO_SLOW,
    Client,
)
from nexgent.infrastructure.websocket.stream import (
    FRAMES_PER_AGENT,
    IDLE_AGENTS,
    IDLE_SECONDS,
    Resume,
    Streams,
)
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId
from tests.fakes.clock import FakeClock
from tests.unit.websocket.parts import MINT, Viewer, World, taken


def enter(world: World, viewer: Viewer) -> Client:
    """Connect, going on where the viewer stopped."""
    client = world.hub.subscribe(world.agent_id)
    see(viewer, map(json.loads, world.hub.greet(client, viewer.place)))
    return client


def see(viewer: Viewer, frames: Iterable[dict[str, object]]) -> None:
    for frame in frames:
        viewer.see(frame)


def test_what_was_missed_is_sent_again_with_its_numbers() -> None:
    world, viewer = World(), Viewer()
    first = enter(world, viewer)
    position = world.open()
    see(viewer, taken(first))
    world.hub.unsubscribe(first)

    position = world.change(position)
    world.prices((MINT, "0.002"))
    world.close(position)
    other = world.open()
    second = enter(world, viewer)

    assert (viewer.snapshots, viewer.resumptions, viewer.last_seq) == (1, 1, 4)
    assert viewer.versions == {str(other.id): 1}
    assert taken(second) == []


def test_whoever_has_missed_nothing_gets_nothing() -> None:
    world, viewer = World(), Viewer()
    client = enter(world, viewer)
    world.open()
    see(viewer, taken(client))

    assert len(world.hub.greet(world.hub.subscribe(world.agent_id), viewer.place)) == 1


def test_frames_that_are_gone_are_made_up_for_by_a_snapshot() -> None:
    world, viewer = World(), Viewer()
    world.hub.unsubscribe(enter(world, viewer))
    position = world.open()
    for _ in range(FRAMES_PER_AGENT):
        position = world.change(position)

    enter(world, viewer)

    assert (viewer.snapshots, viewer.resumptions) == (2, 0)
    assert viewer.versions == world.versions()
    assert viewer.last_seq == FRAMES_PER_AGENT + 1


def test_an_agent_nobody_has_listened_to_for_long_starts_another_epoch() -> None:
    clock = FakeClock()
    world, viewer = World(clock=clock), Viewer()
    world.hub.unsubscribe(enter(world, viewer))
    world.open()
    epoch = viewer.epoch

    clock.advance(IDLE_SECONDS - 0.1)
    world.hub.unsubscribe(enter(world, viewer))
    assert (viewer.epoch, viewer.resumptions, viewer.last_seq) == (epoch, 1, 1)

    clock.advance(IDLE_SECONDS)
    enter(world, viewer)
    assert viewer.epoch != epoch
    assert (viewer.resumptions, viewer.last_seq) == (1, 0)
    assert viewer.versions == world.versions()


def test_memory_that_was_filled_anew_is_told_as_a_snapshot_of_another_epoch() -> None:
    world, viewer, away = World(), Viewer(), Viewer()
    client = enter(world, viewer)
    world.hub.unsubscribe(enter(world, away))
    lost = world.open()
    # What happened in another process and was not heard of here.
    world.book.remove(lost.id)

    world.hub.resync()
    see(viewer, taken(client))
    enter(world, away)
    after = world.open()
    see(viewer, taken(client))

    assert viewer.versions == {str(after.id): 1}
    assert (viewer.snapshots, away.snapshots) == (2, 2)
    assert away.epoch == viewer.epoch
    assert away.versions == {}


def test_a_connected_client_may_ask_again() -> None:
    world, viewer = World(), Viewer()
    client = enter(world, viewer)
    world.open()
    taken(client)

    world.hub.catch_up(client, viewer.place)
    see(viewer, taken(client))
    world.hub.catch_up(client, None)
    see(viewer, taken(client))

    assert (viewer.frames, viewer.snapshots) == (1, 2)
    assert viewer.versions == world.versions()


def test_asking_again_and_again_without_reading_ends_the_connection() -> None:
    world = World()
    for number in range(100):
        world.open(token_symbol=f"T{number}")
    client = world.hub.subscribe(world.agent_id)
    size = len(world.hub.greet(client, None)[1])

    for asked in range(1, 10_000):
        world.hub.catch_up(client, None)
        if client.closing is not None:
            break
        assert asked * size <= MAX_BYTES

    assert client.closing == TOO_SLOW
    assert taken(client) == []


def test_one_frame_larger_than_the_bound_is_still_sent() -> None:
    client = Client(AgentId(new_id()))
    client.push("x" * (MAX_BYTES + 1))
    assert client.closing is None
    assert client.next_frame() is not None
    client.push("y")
    assert client.closing is None


@pytest.mark.parametrize(
    ("epoch", "last_seq"),
    [
        (None, None),
        ("e", None),
        (None, "1"),
        ("e", "-1"),
        ("e", ""),
        ("e", "1.0"),
        ("e", "\u0661"),
        ("e", True),
        ("e", 1.5),
        ("e", "9" * 400),
        (7, 7),
        ("e", [1]),
    ],
)
def test_what_is_not_a_place_means_a_snapshot(epoch: object, last_seq: object) -> None:
    assert Resume.parse(epoch, last_seq) is None


@pytest.mark.parametrize("last_seq", [2, 10**17])
def test_a_number_from_the_future_means_a_snapshot(last_seq: int) -> None:
    world, viewer = World(), Viewer()
    client = enter(world, viewer)
    world.open()
    assert viewer.epoch is not None
    assert Resume.parse(viewer.epoch, str(last_seq)) == Resume(viewer.epoch, last_seq)

    _, snapshot = world.hub.greet(client, Resume(viewer.epoch, last_seq))

    assert json.loads(snapshot)["type"] == "initial_data"


def test_kept_frames_are_bounded_over_all_agents() -> None:
    streams = Streams(FakeClock().monotonic, bytes_in_all=1_000)
    clients = [Client(AgentId(new_id())) for _ in range(5)]
    for client in clients:
        streams.join(client)

    for number in range(5_000):
        stream = streams.find(clients[number % 5].agent_id)
        assert stream is not None
        streams.number(stream, lambda epoch, seq: f"{seq:010}")
        assert sum(len(frame) for one in streams.watched() for frame in one.frames) <= 1_000

    stream = streams.find(clients[0].agent_id)
    assert stream is not None
    assert stream.seq == 1_000
    assert stream.missed(Resume(stream.epoch, 990)) == [f"{seq:010}" for seq in range(991, 1_001)]
    assert stream.missed(Resume(stream.epoch, 900)) is None
    assert sum(len(one.frames) for one in streams.watched()) == 100
    assert len(streams._order) <= 10 * FRAMES_PER_AGENT


def test_streams_nobody_listens_to_are_bounded_in_number_and_give_their_bytes_back() -> None:
    streams = Streams(FakeClock().monotonic)
    for _ in range(IDLE_AGENTS + 50):
        client = Client(AgentId(new_id()))
        streams.number(streams.join(client), lambda epoch, seq: "x")
        assert streams.leave(client)
        assert not streams.leave(client)

    kept = [frame for one in streams._by_agent.values() for frame in one.frames]
    assert len(streams) == len(kept) == streams._kept_bytes == IDLE_AGENTS


def test_nothing_is_kept_for_agents_nobody_has_asked_for() -> None:
    world = World()
    world.change(world.open())

    assert len(world.hub._streams) == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_storm_of_clients_loses_no_frame(seed: int) -> None:
    dice = random.Random(seed)
    world = World()
    viewers = [Viewer() for _ in range(12)]
    connected: dict[int, Client] = {}
    positions: list[Position] = []
    # Some storms fill memory anew in between, and read so rarely that frames are gone.
    rough = seed % 4 == 0
    for step in range(3_000):
        match dice.choices(
            ["open", "change", "close", "enter", "leave", "read", "resync", "price"],
            [3, 12, 3, 4, 3, 8, 0.05 if rough else 0, 1],
        )[0]:
            case "open" if len(positions) < 30:
                positions.append(world.open(token_symbol=f"T{step}"))
            case "change" if positions:
                place = dice.randrange(len(positions))
                positions[place] = world.change(positions[place])
            case "close" if positions:
                world.close(positions.pop(dice.randrange(len(positions))))
            case "enter":
                number = dice.randrange(len(viewers))
                if number not in connected:
                    connected[number] = enter(world, viewers[number])
            case "leave" if connected:
                # The connection breaks in the middle of what was on its way.
                number = dice.choice(list(connected))
                client = connected.pop(number)
                arrived = taken(client)
                see(viewers[number], arrived[: dice.randint(0, len(arrived))])
                world.hub.unsubscribe(client)
            case "read" if connected:
                number = dice.choice(list(connected))
                see(viewers[number], taken(connected[number]))
            case "resync":
                world.hub.resync()
            case "price":
                world.prices((MINT, str(Decimal(step).scaleb(-6))))
    for number, viewer in enumerate(viewers):
        client = connected.get(number) or enter(world, viewer)
        see(viewer, taken(client))
        assert viewer.versions == world.versions()
        assert viewer.frames > 100
        if not rough:
            # One snapshot for the first visit; from there on every single frame.
            assert viewer.snapshots == 1
    assert sum(viewer.resumptions for viewer in viewers) > 50


def test_connections_of_what_has_ended_are_closed() -> None:
    world = World()
    key_id = new_id()
    user = UserId(new_id())
    session = world.hub.subscribe(world.agent_id, SocketCaller(user, 1e12, session_id="one"))
    other = world.hub.subscribe(world.agent_id, SocketCaller(user, 1e12, session_id="two"))
    key = world.hub.subscribe(world.agent_id, SocketCaller(user, 1e12, key_id=key_id))
    elsewhere = world.hub.subscribe(AgentId(new_id()), SocketCaller(user, 1e12, session_id="one"))

    world.hub.on_token_revoked(TokenRevoked("one", 2**31))
    assert [one.closing for one in (session, elsewhere, other, key)] == [REVOKED, REVOKED, None, None]
    world.hub.on_key_deleted(key_id)
    assert [one.closing for one in (other, key)] == [None, KEY_DELETED]
    world.hub.on_agent_deleted(AgentDeleted(world.agent_id))
    assert other.closing == AGENT_DELETED
    world.hub.on_agent_deleted(AgentDeleted(AgentId(new_id())))
