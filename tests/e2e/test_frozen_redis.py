"""Valkey stops answering without going away: everybody gets an answer in a moment, and trading goes on."""

from __future__ import annotations

import asyncio
import time

import httpx

from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, Product, until

AWAY = {
    "SESSIONS_UNAVAILABLE": "Sessions are not available at present; try again shortly",
    "TICKETS_UNAVAILABLE": "WebSocket tickets are not available at present; try again shortly",
    "CACHE_UNAVAILABLE": "The cache is not available at present; try again shortly",
}


async def test_requests_are_answered_while_valkey_is_frozen(product: Product) -> None:
    await product.login()
    began = time.monotonic()
    session = await product.call("POST", "/auth/login", {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
    usual = time.monotonic() - began
    agent = await product.call("POST", "/agents", {"name": "Frozen"}, expect=201)
    token = (await product.tokens())[0]["mint"]
    signal = {"tokenAddress": token, "signalType": "TEST", "signalStrength": 3}
    valkey = product.redis()
    headers = {"Authorization": f"Bearer {session['accessToken']}"}

    async def ask(method: str, path: str, body: object = None) -> tuple[httpx.Response, float]:
        started = time.monotonic()
        response = await product.http.request(
            method, f"{product.url}/api/v1{path}", json=body, headers=headers
        )
        return response, time.monotonic() - started

    credentials = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    needing = [
        ("POST", "/auth/login", credentials, "SESSIONS_UNAVAILABLE"),
        ("POST", "/ws/ticket", None, "TICKETS_UNAVAILABLE"),
        ("POST", "/admin/cache/warm", None, "CACHE_UNAVAILABLE"),
    ]
    valkey.suspend()
    try:
        # The very first one has to find out; those behind it do not wait. The old way took three tries of three seconds.
        for method, path, body, code in needing:
            response, seconds = await ask(method, path, body)
            assert (response.status_code, response.json().get("code")) == (503, code), response.text
            assert response.json()["error"] == AWAY[code]
            assert response.headers["retry-after"]
            # Looking at a password is work of the processor, which others may be using.
            assert seconds < 9 + 3 * usual, (path, seconds, usual)
        status, _ = await ask("GET", "/admin/cache/status")
        assert (status.status_code, status.json()["connected"]) == (200, False)
        answers = await asyncio.gather(*(ask("POST", "/ws/ticket") for _ in range(50)))
        assert {response.status_code for response, _ in answers} == {503}
        # What needs no Redis does not notice.
        made, _ = await ask("POST", "/trading-signals", signal)
        assert made.status_code == 201, made.text
        renewed, _ = await ask("POST", "/auth/refresh", {"refreshToken": session["refreshToken"]})
        assert renewed.status_code == 200, renewed.text
        listed, _ = await ask("GET", "/agents")
        assert agent["id"] in listed.text
        live, _ = await ask("GET", "/health/live")
        ready, _ = await ask("GET", "/health/ready")
        health, _ = await ask("GET", "/health")
        assert (live.status_code, ready.status_code, health.status_code) == (200, 200, 200)
        assert ready.json()["degraded"] is True
        assert health.json()["services"]["redis"] == {"status": "unhealthy"}
        assert health.json()["status"] == "degraded"
    finally:
        valkey.resume()

    async def logged_in() -> bool:
        response, _ = await ask("POST", "/auth/login", credentials)
        return response.status_code == 200

    await until(logged_in, "somebody can log in again")
