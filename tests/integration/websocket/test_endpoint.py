"""The endpoint, spoken to with a real client over a real connection."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psutil
import pytest
import uvloop
from websockets import ClientConnection, ConnectionClosed, InvalidStatus, connect

from nexgent.domain.users.models import TokenType
from nexgent.infrastructure.websocket.conversation import SocketTiming
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId
from tests.integration.websocket.conftest import Site
from tests.patience import PATIENCE_SECONDS, until
from tests.unit.websocket.parts import MINT


async def receive(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame: dict[str, Any] = json.loads(await connection.recv(), parse_float=Decimal)
    return frame


async def closing(connection: ClientConnection) -> tuple[int, str]:
    """Read to the end; return the close code and its reason."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        # Iterating ends quietly with 1000, and with an error for other codes.
        with suppress(ConnectionClosed):
            async for _ in connection:
                pass
        await connection.wait_closed()
    close = connection.protocol.close_rcvd
    assert close is not None, "the connection broke without a close frame"
    return close.code, close.reason


async def greeted(connection: ClientConnection) -> None:
    assert (await receive(connection))["type"] == "connected"
    assert (await receive(connection))["type"] == "initial_data"


async def refusal(address: str) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(address):
            pass
    return caught.value.response.status_code, caught.value.response.body.decode()


async def test_without_a_good_token_the_handshake_is_refused(site: Site) -> None:
    async with site.serve():
        base = f"ws://127.0.0.1:{site.port}/ws"
        agent = site.world.agent_id
        revoked = site.token()
        site.revoke(site.last_token_id)
        forged = site.token()[:-4] + "AAAA"

        missing = (401, "Missing token or agentId")
        invalid = (401, "Invalid or expired token")
        assert await refusal(base) == missing
        assert await refusal(f"{base}?agentId={agent}") == missing
        assert await refusal(f"{base}?token={site.token()}") == missing
        assert await refusal(f"{base}?token=&agentId={agent}") == missing
        assert await refusal(site.address("rubbish")) == invalid
        assert await refusal(site.address(forged)) == invalid
        assert await refusal(site.address(site.token(seconds=-10))) == invalid
        assert await refusal(site.address(site.token(kind=TokenType.REFRESH))) == invalid
        assert await refusal(site.address(revoked)) == invalid
        assert await refusal(site.address("nex_" + "a" * 34)) == invalid
        site.stopping = True
        assert await refusal(site.address()) == (503, "Shutting down")


@pytest.mark.parametrize("agent", ["foreign", "unknown", "not-an-id"])
async def test_an_agent_that_is_not_the_users_is_not_found(site: Site, agent: str) -> None:
    async with site.serve():
        token = site.token(user=UserId(new_id())) if agent == "foreign" else site.token()
        wanted = {"foreign": site.world.agent_id, "unknown": AgentId(new_id()), "not-an-id": "x"}[agent]
        async with connect(site.address(token, wanted)) as connection:
            assert await receive(connection) == {
                "type": "error",
                "data": {"message": "Agent not found or access denied"},
            }
            assert await closing(connection) == (1008, "Agent not found")
        assert site.world.hub.client_count == 0


async def test_a_connection_starts_with_a_greeting_and_a_snapshot_and_then_hears_everything(
    site: Site,
) -> None:
    position = site.world.open(version=3)
    async with site.serve(), connect(site.address()) as connection:
        assert (await receive(connection))["data"]["agentId"] == str(site.world.agent_id)
        snapshot = await receive(connection)
        assert snapshot["type"] == "initial_data"
        assert [(one["id"], one["version"]) for one in snapshot["data"]["positions"]] == [
            (str(position.id), 3)
        ]

        site.world.prices((MINT, "0.002"))
        site.world.update(replace(position, version=4))
        site.world.close(position)

        prices, updated, closed = [await receive(connection) for _ in range(3)]
        assert prices["data"]["updates"] == [
            {
                # The dashboard of old looks its positions up in lower case; whoever needs the address has it too.
                "tokenAddress": "mintinmixedcase",
                "mint": "MintInMixedCase",
                "price": Decimal("0.002"),
                "priceUsd": Decimal("0.300"),
            }
        ]
        assert updated["data"]["version"] == 4
        numbers = {"epoch": updated["data"]["epoch"], "seq": updated["data"]["seq"] + 1}
        assert closed["data"] == {
            "eventType": "position_closed",
            "positionId": str(position.id),
            "version": 4,
            **numbers,
        }


async def test_two_clients_of_an_agent_live_side_by_side(site: Site) -> None:
    async with site.serve(), connect(site.address()) as first, connect(site.address()) as second:
        await greeted(first)
        await greeted(second)
        site.world.open()
        assert (await receive(first)) == (await receive(second))
        await first.close()
        await until_clients(site, 1)
        site.world.open()
        assert (await receive(second))["type"] == "position_update"


async def test_what_clients_say_is_answered(site: Site) -> None:
    async with site.serve(), connect(site.address()) as connection:
        await greeted(connection)

        await connection.send('{"type":"ping","timestamp":1}')
        assert (await receive(connection))["type"] == "pong"
        await connection.send('{"type":"subscribe","data":{}}')
        assert await receive(connection) == {
            "type": "subscribed",
            "data": {"agentId": str(site.world.agent_id)},
        }
        await connection.send('{"type":"dance"}')
        await connection.send('{"type":"pong"}')
        for nonsense in (
            "not json",
            "",
            "[1]",
            "7",
            "null",
            '{"type":',
            "[" * 5000,
            b"\x00\xff",
            b'{"type":"ping"}',
        ):
            await connection.send(nonsense)
            assert await receive(connection) == {
                "type": "error",
                "data": {"message": "Invalid message format"},
            }
        await connection.send('{"type":"ping"}')
        assert (await receive(connection))["type"] == "pong"


async def test_a_frame_of_64_kib_is_taken_and_a_larger_one_ends_the_connection(site: Site) -> None:
    async with site.serve(), connect(site.address()) as connection:
        await greeted(connection)
        frame = '{"type":"ping","pad":"' + "x" * 70_000
        await connection.send(frame[: 65_536 - 2] + '"}')
        assert (await receive(connection))["type"] == "pong"

        await connection.send(frame + '"}')

        code, _ = await closing(connection)
        assert code == 1009
        await until_clients(site, 0)


async def test_a_client_that_never_answers_is_taken_for_dead(site: Site) -> None:
    async with (
        site.serve(timing=SocketTiming(ping_seconds=0.01, silence_seconds=PATIENCE_SECONDS)),
        connect(site.address()) as silent,
        connect(site.address()) as lively,
    ):
        await greeted(silent)
        await greeted(lively)
        assert (await receive(silent))["type"] == "ping"

        async def answer() -> None:
            async for text in lively:
                assert json.loads(text)["type"] == "ping"
                # So many in line do not make it silent, however busy the machine is.
                site.clock.ahead_seconds += PATIENCE_SECONDS / 20
                await lively.send('{"type":"pong"}')

        answering = asyncio.create_task(answer())
        assert await closing(silent) == (1000, "Connection timeout")
        assert site.world.hub.client_count == 1
        assert not answering.done()
        answering.cancel()
    assert "Connection timeout" in site.world.reasons


async def test_a_token_that_runs_out_ends_the_connection(site: Site) -> None:
    async with site.serve(timing=SocketTiming(check_seconds=0.05)), connect(site.address()) as connection:
        await greeted(connection)
        site.clock.shift = timedelta(minutes=16)
        assert await closing(connection) == (1008, "Token expired")
    assert site.world.reasons == ["Token expired"]


async def test_a_shutdown_says_goodbye_to_everybody(site: Site) -> None:
    async with site.serve(), connect(site.address()) as first, connect(site.address()) as second:
        await greeted(first)
        await greeted(second)
        ends = asyncio.gather(closing(first), closing(second))
        await site.world.hub.close_all()
        assert list(await ends) == [(1000, "Server shutdown")] * 2
        assert site.world.hub.client_count == 0


async def test_a_mistake_of_ours_is_said_and_not_shown(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(agent_id: AgentId) -> list[dict[str, object]]:
        raise KeyError(f"secret detail of {agent_id}")

    monkeypatch.setattr(site.world.hub, "snapshot", broken)
    async with site.serve(), connect(site.address()) as connection:
        assert await receive(connection) == {"type": "error", "data": {"message": "Connection failed"}}
        assert await closing(connection) == (1011, "Internal server error")
    assert site.world.hub.client_count == 0


async def test_a_client_that_reads_nothing_is_closed_and_holds_nobody_up(site: Site) -> None:
    position = site.world.open()
    async with site.serve(), connect(site.address()) as quick:
        await greeted(quick)
        with _deaf(site) as deaf:
            await until_clients(site, 2)
            sent = received = 0
            while site.world.hub.client_count == 2:
                assert sent < 200_000, "the client that reads nothing was never closed"
                for _ in range(100):
                    site.world.update(position)
                sent += 100
                while received < sent:
                    assert (await receive(quick))["type"] == "position_update"
                    received += 1
            assert site.world.reasons == ["Client too slow"]
            site.world.update(position)
            assert (await receive(quick))["type"] == "position_update"
            assert deaf.fileno() >= 0


@pytest.mark.parametrize("fast_loop", [False, True], ids=["asyncio", "uvloop"])
def test_a_connection_that_nobody_reads_does_not_stay_open(site: Site, fast_loop: bool) -> None:
    async def overrun() -> None:
        position = site.world.open()
        async with site.serve(timing=SocketTiming(linger_seconds=0.2)):
            with _deaf(site) as deaf:

                def dropped() -> bool:
                    ours = psutil.Process().net_connections("tcp")
                    return not any(one.raddr == deaf.getsockname() for one in ours)

                await until_clients(site, 1)
                assert not dropped()
                while site.world.hub.client_count:
                    for _ in range(100):
                        site.world.update(position)
                    await asyncio.sleep(0)
                await until(dropped, "the connection is dropped")

    if fast_loop:
        uvloop.run(overrun())
    else:
        asyncio.run(overrun())


async def test_a_client_that_wakes_up_in_time_learns_why_it_was_closed(site: Site) -> None:
    position = site.world.open()
    async with site.serve(), connect(site.address(), max_queue=1) as connection:
        await greeted(connection)
        while "Client too slow" not in site.world.reasons and not _ended(site):
            for _ in range(500):
                site.world.update(position)
            await asyncio.sleep(0)
        assert await closing(connection) == (1013, "Client too slow")


async def until_clients(site: Site, count: int) -> None:
    async def reached() -> bool:
        return site.world.hub.client_count == count

    await until(reached, f"{count} clients")


def _ended(site: Site) -> bool:
    stream = site.world.hub._streams.find(site.world.agent_id)
    return stream is not None and any(client.ended.is_set() for client in stream.clients)


def _deaf(site: Site) -> socket.socket:
    """Connect by hand and never read, not even the answer to the handshake."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", site.port))
    path = site.address().partition(f":{site.port}")[2]
    deaf.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return deaf
