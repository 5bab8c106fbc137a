"""Every way onto a socket, and every way a socket ends because the right to it does."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import structlog
from redis.asyncio import Redis
from websockets import InvalidStatus, Subprotocol, connect

from nexgent.domain.agents.events import AgentDeleted
from nexgent.domain.users.authenticate import RevokedTokens
from nexgent.domain.users.errors import NotAuthenticatedError
from nexgent.domain.users.models import TokenType
from nexgent.domain.users.sessions import Sessions
from nexgent.domain.users.socket_tickets import SocketTickets, TicketHolder
from nexgent.infrastructure.cache.impatient import ImpatientRedis, connect_for_requests
from nexgent.infrastructure.database.pool import PoolUse, create_pool
from nexgent.infrastructure.database.stores.users import PostgresUserRepository
from nexgent.infrastructure.logging.setup import configure_logging
from nexgent.infrastructure.websocket.conversation import SocketTiming
from nexgent.infrastructure.websocket.tickets import RedisTicketStore, TicketsUnavailableError
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.fakes.api import FakeRecords, FakeSessionStore, FakeUsers
from tests.fakes.clock import FakeClock
from tests.integration.websocket.conftest import Site
from tests.integration.websocket.test_endpoint import closing, greeted, receive
from tests.patience import until

NEVER_SECONDS = 3_600.0
"""For a look after connections that does not come: what ends then, has ended at once."""


def at(site: Site, query: str = "", agent: object = None) -> str:
    return f"ws://127.0.0.1:{site.port}/ws?agentId={agent or site.world.agent_id}{query}"


async def refused(address: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(address, **options):
            pass
    return caught.value.response.status_code, caught.value.response.body.decode()


async def looked_at(site: Site) -> None:
    """Wait until all callers have been looked at again."""
    enough = site.looks + 2 * site.world.hub.client_count

    async def reached() -> bool:
        return site.looks > enough or not site.world.hub.client_count

    await until(reached, "the callers were looked at again")


def protocols(*names: str) -> Sequence[Subprotocol]:
    return [Subprotocol(name) for name in names]


async def test_a_ticket_opens_one_connection(site: Site) -> None:
    async with site.serve():
        ticket = await site.tickets.issue(site.claims())
        address = at(site, f"&ticket={ticket.text}")

        async with connect(address) as connection:
            await greeted(connection)
        assert await refused(address) == (401, "Invalid or expired ticket")
        assert await refused(at(site, "&ticket=nonsense")) == (401, "Invalid or expired ticket")
        # A session has ended before its ticket was used.
        ended = site.claims()
        ticket = await site.tickets.issue(ended)
        site.revoke(ended.token_id)
        assert (await refused(at(site, f"&ticket={ticket.text}")))[0] == 401
        assert site.ticket_store.held == {}


async def test_a_ticket_opens_only_what_its_owner_may_see(site: Site) -> None:
    async with site.serve():
        ticket = await site.tickets.issue(site.claims(user=UserId(new_id())))
        async with connect(at(site, f"&ticket={ticket.text}")) as connection:
            assert (await receive(connection))["data"]["message"] == "Agent not found or access denied"
            assert await closing(connection) == (1008, "Agent not found")


async def test_tickets_are_refused_and_not_guessed_at_while_their_store_is_away(site: Site) -> None:
    async with site.serve():
        ticket = await site.tickets.issue(site.claims())
        site.ticket_store.away = True
        status, text = await refused(at(site, f"&ticket={ticket.text}"))
        assert status == 503
        assert "not available" in text
        site.ticket_store.away = False
        async with connect(at(site, f"&ticket={ticket.text}")) as connection:
            await greeted(connection)


async def test_a_token_beside_the_sub_protocol(site: Site) -> None:
    async with site.serve():
        offered = protocols("nexgent.v1", f"bearer.{site.token()}")
        async with connect(at(site), subprotocols=offered) as connection:
            await greeted(connection)
            assert connection.subprotocol == "nexgent.v1"
        key, _ = site.key("positions")
        async with connect(at(site), subprotocols=protocols(f"bearer.{key}", "nexgent.v1")) as connection:
            await greeted(connection)
            assert connection.subprotocol == "nexgent.v1"
        # The token alone is enough, but it is never sent back.
        async with connect(at(site), subprotocols=protocols(f"bearer.{site.token()}")) as connection:
            await greeted(connection)
            assert connection.subprotocol is None
        assert await refused(at(site), subprotocols=protocols("nexgent.v1")) == (
            401,
            "Missing token or agentId",
        )
        assert await refused(at(site), subprotocols=protocols("nexgent.v1", "bearer.x")) == (
            401,
            "Invalid or expired token",
        )


async def test_headers_of_clients_that_are_not_browsers(site: Site) -> None:
    async with site.serve():
        key, _ = site.key("positions")
        everything, _ = site.key("full_access")
        blind, _ = site.key("signals", "agents")
        for headers in (
            {"Authorization": f"Bearer {site.token()}"},
            {"Authorization": f"Bearer {key}"},
            {"X-API-Key": key},
            {"x-api-key": everything},
        ):
            async with connect(at(site), additional_headers=headers) as connection:
                await greeted(connection)
        missing = (401, "Missing token or agentId")
        invalid = (401, "Invalid or expired token")
        for headers, answer in (
            ({"Authorization": f"Basic {site.token()}"}, missing),
            ({"Authorization": "Bearer"}, missing),
            ({"Authorization": f"Bearer {site.token()}x"}, invalid),
            ({"Authorization": f"Bearer {site.token()} x"}, invalid),
            ({"Authorization": f"Bearer {site.token(kind=TokenType.REFRESH)}"}, invalid),
            ({"X-API-Key": "nex_" + "0" * 32}, invalid),
            ({"X-API-Key": blind}, (403, "Forbidden: API key missing required scope: positions")),
        ):
            assert await refused(at(site), additional_headers=headers) == answer
        # Addresses end up in logs: no keys there.
        assert await refused(at(site, f"&token={key}")) == invalid
        assert await refused(at(site, f"&ticket={key}")) == (401, "Invalid or expired ticket")


async def test_a_key_of_somebody_else_opens_nothing(site: Site) -> None:
    async with site.serve():
        key, _ = site.key("full_access")
        async with connect(at(site, agent=new_id()), additional_headers={"X-API-Key": key}) as connection:
            assert (await receive(connection))["type"] == "error"
            assert await closing(connection) == (1008, "Agent not found")


async def test_a_logout_ends_the_connections_of_the_session_and_no_others(site: Site) -> None:
    async with site.serve(timing=SocketTiming(check_seconds=NEVER_SECONDS)):
        claims, other = site.claims(), site.claims()
        token = site.codec.encode(claims)
        ticket = (await site.tickets.issue(claims)).text
        async with (
            connect(at(site, f"&token={token}")) as first,
            connect(at(site, f"&ticket={ticket}")) as second,
            connect(at(site, f"&token={site.codec.encode(other)}")) as third,
        ):
            for connection in (first, second, third):
                await greeted(connection)
            site.revoke(claims.token_id)
            assert await closing(first) == await closing(second) == (1008, "Session ended")
            site.world.open()
            assert (await receive(third))["type"] == "position_update"


async def test_a_connection_lives_as_long_as_its_session_and_not_as_its_token(site: Site) -> None:
    session = site.claims(kind=TokenType.REFRESH, seconds=86_400)
    claims = site.claims(session=session)
    async with site.serve(timing=SocketTiming(check_seconds=0.05)):
        shown = at(site, f"&token={site.codec.encode(claims)}")
        ticket = (await site.tickets.issue(claims)).text
        async with connect(shown) as by_token, connect(at(site, f"&ticket={ticket}")) as by_ticket:
            for connection in (by_token, by_ticket):
                await greeted(connection)
            site.clock.shift = timedelta(minutes=16)
            for connection in (by_token, by_ticket):
                # Several looks at the caller's right later they are still served.
                await looked_at(site)
                await connection.send('{"type":"ping"}')
                assert (await receive(connection))["type"] == "pong"
            assert await refused(shown) == (401, "Invalid or expired token")
            site.clock.shift = timedelta(hours=24, seconds=1)
            assert await closing(by_token) == await closing(by_ticket) == (1008, "Token expired")


async def test_a_logout_with_a_later_token_ends_what_an_earlier_one_of_the_session_opened(site: Site) -> None:
    session = site.claims(kind=TokenType.REFRESH, seconds=86_400)
    earlier, later = site.claims(session=session), site.claims(session=session)
    sessions = Sessions(
        users=FakeUsers(),
        tokens=site.codec,
        store=FakeSessionStore(),
        revoked=site.revoked,
        records=FakeRecords(),
        clock=site.clock,
    )
    async with site.serve(), connect(at(site, f"&token={site.codec.encode(earlier)}")) as connection:
        await greeted(connection)
        await sessions.log_out(later, None)
        assert await closing(connection) == (1008, "Session ended")
        assert (await refused(at(site, f"&token={site.codec.encode(earlier)}")))[0] == 401


async def test_a_new_password_ends_the_connections_of_before(site: Site) -> None:
    async with site.serve(timing=SocketTiming(check_seconds=0.05)), connect(site.address()) as connection:
        await greeted(connection)
        site.revoked.load_sessions({site.user_id: site.clock.now() + timedelta(seconds=2)})
        assert await closing(connection) == (1008, "Session ended")


async def test_the_connections_of_a_deleted_user_end(site: Site, database_url: str) -> None:
    pool = await create_pool(database_url, PoolUse(most=1))
    users = PostgresUserRepository(pool)
    await pool.execute("INSERT INTO users (id, email) VALUES ($1, 'user@example.com')", site.user_id)
    async with site.serve(timing=SocketTiming(check_seconds=0.05)), connect(site.address()) as connection:
        await greeted(connection)
        assert site.world.hub.user_ids() == {site.user_id}
        assert not await users.gone(site.world.hub.user_ids())
        await pool.execute("DELETE FROM users")
        site.revoked.load_gone(await users.gone(site.world.hub.user_ids()))
        assert await closing(connection) == (1008, "Session ended")
        assert (await refused(site.address()))[0] == 401
    await pool.close()


async def test_news_of_logouts_elsewhere_end_connections_too(site: Site) -> None:
    async with site.serve(timing=SocketTiming(check_seconds=0.05)), connect(site.address()) as connection:
        await greeted(connection)
        # As read from the store, without an event.
        site.revoked.load({site.last_token_id: 2**31})
        assert await closing(connection) == (1008, "Session ended")


async def test_a_deleted_agent_ends_its_connections(site: Site) -> None:
    async with (
        site.serve(timing=SocketTiming(check_seconds=NEVER_SECONDS)),
        connect(site.address()) as connection,
    ):
        await greeted(connection)
        event = AgentDeleted(site.world.agent_id)
        site.directory.on_deleted(event)
        site.world.hub.on_agent_deleted(event)
        assert await closing(connection) == (1008, "Agent deleted")


async def test_an_agent_that_is_gone_after_reading_everything_again_ends_its_connections(site: Site) -> None:
    async with site.serve(timing=SocketTiming(check_seconds=0.05)), connect(site.address()) as connection:
        await greeted(connection)
        site.directory.load([])
        assert await closing(connection) == (1008, "Agent deleted")


async def test_a_deleted_key_ends_its_connections(site: Site) -> None:
    async with site.serve():
        key, key_id = site.key("positions")
        async with (
            connect(at(site), additional_headers={"X-API-Key": key}) as connection,
            connect(site.address()) as other,
        ):
            await greeted(connection)
            await greeted(other)
            site.authenticator.forget_key(key_id)
            site.world.hub.on_key_deleted(key_id)
            assert await closing(connection) == (1008, "API key deleted")
            await other.send('{"type":"ping"}')
            assert (await receive(other))["type"] == "pong"


async def test_a_key_deleted_elsewhere_is_noticed(site: Site) -> None:
    async with site.serve(timing=SocketTiming(check_seconds=0.05)):
        key, key_id = site.key("positions")
        async with connect(at(site), additional_headers={"X-API-Key": key}) as connection:
            await greeted(connection)
            site.keys.by_hash.clear()
            # The few seconds for which a key is trusted without asking are over.
            site.authenticator.forget_key(key_id)
            assert await closing(connection) == (1008, "API key deleted")


async def test_coming_back_brings_what_was_missed(site: Site) -> None:
    async with site.serve():
        async with connect(site.address()) as connection:
            connected = await receive(connection)
            assert connected["data"]["resumed"] is False
            await receive(connection)
            site.world.open()
            last = (await receive(connection))["data"]
        position = site.world.open()
        site.world.close(position)
        place = f"&epoch={last['epoch']}&lastSeq={last['seq']}"

        async with connect(site.address() + place) as connection:
            connected = await receive(connection)
            assert connected["data"]["resumed"] is True
            assert connected["data"]["seq"] == last["seq"] + 2
            missed = [await receive(connection) for _ in range(2)]
            assert [frame["data"]["seq"] for frame in missed] == [last["seq"] + 1, last["seq"] + 2]
            assert [frame["data"]["version"] for frame in missed] == [1, 2]
            asked = {"type": "resume", "data": {"epoch": last["epoch"], "lastSeq": last["seq"] + 1}}
            await connection.send(json.dumps(asked))
            assert await receive(connection) == missed[1]
            for nonsense in ({}, {"data": 7}, {"data": {"epoch": "x", "lastSeq": []}}):
                await connection.send(json.dumps({"type": "resume", **nonsense}))
                assert (await receive(connection))["type"] == "initial_data"
        async with connect(site.address() + "&epoch=other&lastSeq=x") as connection:
            await greeted(connection)


async def test_tickets_in_a_real_redis_are_good_once_in_any_process(
    redis: Redis, request_redis: ImpatientRedis, redis_url: str
) -> None:
    another = connect_for_requests(redis_url, SystemClock(), patience_seconds=30)
    clock, revoked, claims = SystemClock(), RevokedTokens(), Site().claims()
    here = SocketTickets(store=RedisTicketStore(request_redis, "t:"), revoked=revoked, clock=clock)
    there = SocketTickets(store=RedisTicketStore(another, "t:"), revoked=revoked, clock=clock)
    try:
        ticket = await here.issue(claims)
        assert ticket.text not in repr(ticket)
        (name,) = await redis.keys("t:ws_ticket:*")
        assert ticket.text.encode() not in name
        assert 0 < await redis.ttl(name) <= 30
        takers = [place.redeem(ticket.text) for place in (here, there) for _ in range(4)]
        results = await asyncio.gather(*takers, return_exceptions=True)
        (holder,) = [one for one in results if isinstance(one, TicketHolder)]
        assert (holder.user_id, holder.token_id) == (claims.user_id, claims.token_id)
        assert [type(one) for one in results if one is not holder] == [NotAuthenticatedError] * 7
        assert await redis.keys("t:*") == []
    finally:
        await another.aclose()


async def test_a_ticket_has_an_end_even_where_redis_forgets_late(request_redis: ImpatientRedis) -> None:
    clock = FakeClock()
    tickets = SocketTickets(store=RedisTicketStore(request_redis, "t:"), revoked=RevokedTokens(), clock=clock)
    claims = Site().claims()
    ticket = await tickets.issue(claims)
    assert ticket.expires_at == clock.now() + timedelta(seconds=30)

    clock.advance(30)
    with pytest.raises(NotAuthenticatedError):
        await tickets.redeem(ticket.text)
    with pytest.raises(NotAuthenticatedError):
        await tickets.redeem("\ud800")


async def test_tickets_without_redis_are_unavailable(absent_redis: ImpatientRedis) -> None:
    store = RedisTicketStore(absent_redis, "t:")

    with pytest.raises(TicketsUnavailableError):
        await store.take("x")
    with pytest.raises(TicketsUnavailableError):
        await store.put("x", TicketHolder(UserId(new_id()), "t", 1, 1.0), timedelta(seconds=1))


async def test_refused_handshakes_are_no_errors_and_do_not_fill_the_log(site: Site) -> None:
    stream, root = io.BytesIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(level="info", json_lines=True, environment="test", stream=stream)
    try:
        async with site.serve():
            for _ in range(5):
                assert (await refused(at(site, "&token=nonsense")))[0] == 401
                assert (await refused(f"ws://127.0.0.1:{site.port}/ws"))[0] == 401
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    # What is left is that the server starts and stops.
    assert [line["msg"] for line in lines if line["level"] > 30] == []
    assert [line["msg"] for line in lines if "WebSocket" in line["msg"] or "handshake" in line["msg"]] == []
    assert len(lines) < 10
