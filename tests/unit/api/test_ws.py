"""Tickets for the WebSocket over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

from nexgent.domain.users.errors import NotAuthenticatedError
from tests.builders import USER
from tests.fakes.api import FakeApi

PATH = "/api/v1/ws/ticket"


async def test_a_session_gets_a_ticket_that_is_good_once(api: FakeApi, client: httpx.AsyncClient) -> None:
    before = api.clock.now()
    response = await client.post(PATH)
    after = api.clock.now()

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert set(body) == {"ticket", "expiresAt"}
    made = datetime.fromisoformat(body["expiresAt"]) - timedelta(seconds=30)
    # Times in answers are of milliseconds, and may have been rounded.
    assert before - timedelta(seconds=1) <= made <= after + timedelta(seconds=1)
    assert body["ticket"] not in str(api.tickets.held)
    assert (await api.services.users.socket_tickets.redeem(body["ticket"])).user_id == USER
    with pytest.raises(NotAuthenticatedError):
        await api.services.users.socket_tickets.redeem(body["ticket"])


async def test_tickets_differ_and_end_with_the_session(api: FakeApi) -> None:
    token = api.token(seconds=20)
    async with api.client(None) as client:
        headers = {"Authorization": f"Bearer {token}"}
        first = (await client.post(PATH, headers=headers)).json()
        second = (await client.post(PATH, headers=headers)).json()
    assert first["ticket"] != second["ticket"]
    end = api.tokens.decode(token).expires_at
    assert datetime.fromisoformat(first["expiresAt"]).timestamp() == end


async def test_api_keys_get_no_tickets_and_need_none(api: FakeApi, anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.post(PATH, headers={"X-API-Key": "nex_" + "k" * 32})
    assert response.status_code == 401


async def test_without_redis_there_are_no_tickets(api: FakeApi, client: httpx.AsyncClient) -> None:
    api.tickets.away = True
    response = await client.post(PATH)
    assert response.status_code == 503
    assert "not available" in response.json()["error"]
