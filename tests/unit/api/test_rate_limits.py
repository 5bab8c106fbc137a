"""Limits of requests: whose, how many, and what a client is told."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from starlette.requests import Request

from nexgent.api.app import ENDPOINTS
from nexgent.api.rate_limits import Limit, RateLimits
from nexgent.domain.agents.models import Agent
from nexgent.shared.errors import UnavailableError
from tests.fakes.api import FakeApi
from tests.fakes.clock import FakeClock

LOGIN = {"email": "nobody@example.com", "password": "wrong"}


class Counters:
    """Shared counters in a dict, which never end."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.away = False

    async def hit(self, name: str, seconds: int) -> tuple[int, float]:
        return (await self.add({name: (1, seconds)}))[name]

    async def add(self, counts: Mapping[str, tuple[int, int]]) -> Mapping[str, tuple[int, float]]:
        if self.away:
            raise UnavailableError("away")
        for name, (count, _) in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        return {name: (self.counts[name], seconds - 0.5) for name, (_, seconds) in counts.items()}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def limited(api: FakeApi, clock: FakeClock, counters: Counters) -> FakeApi:
    """The application with limits: 20 a minute for a user, 40 for an address."""
    limits = RateLimits(clock=clock, counters=counters, per_user=20, per_address=40)
    api.rate_limits.__dict__.update(limits.__dict__)
    return api


def test_what_is_worth_guarding_has_a_limit_of_its_own() -> None:
    guarded = [
        endpoint
        for endpoint in ENDPOINTS
        if (endpoint.path.startswith(("/admin/cache", "/wallets")) and endpoint.method != "GET")
        or endpoint.path.startswith(("/auth/login", "/auth/re"))
    ]

    assert len(guarded) == 20
    assert [f"{one.method} {one.path}" for one in guarded if one.limit is None] == []


async def test_the_sixth_login_of_a_minute_is_refused(
    limited: FakeApi, anonymous: httpx.AsyncClient, counters: Counters
) -> None:
    answers = [await anonymous.post("/api/v1/auth/login", json=LOGIN) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    refused = answers[5]
    assert refused.json()["retryAfter"] == 60
    assert set(refused.json()) == {"error", "retryAfter"}
    assert refused.json()["error"].startswith("Too many requests")
    names = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after")
    assert [refused.headers[name] for name in names] == ["5", "0", "60", "60"]
    assert list(counters.counts) == ["POST:/api/v1/auth/login:127.0.0.1"]
    # The limit comes before the body is looked at.
    assert (await anonymous.post("/api/v1/auth/login", json={})).status_code == 429


async def test_windows_end_and_each_process_counts_alone_while_the_store_is_away(
    limited: FakeApi, anonymous: httpx.AsyncClient, clock: FakeClock, counters: Counters
) -> None:
    counters.away = True

    async def login(email: str = LOGIN["email"]) -> int:
        return (await anonymous.post("/api/v1/auth/login", json={**LOGIN, "email": email})).status_code

    assert [await login() for _ in range(6)] == [401] * 5 + [429]
    clock.advance(59)
    assert await login() == 429
    clock.advance(2)
    # One account is locked for longer than the window.
    assert await login() == 423
    assert await login("another@example.com") == 401


async def test_a_user_has_a_general_limit_and_signals_one_per_key(
    limited: FakeApi, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, counters: Counters
) -> None:
    answers = [await client.get("/api/v1/agents") for _ in range(21)]

    assert [answer.status_code for answer in answers] == [200] * 20 + [429]
    assert answers[0].headers["ratelimit-limit"] == "20"
    # Somebody without a session is told so, and supervisors are never refused.
    assert (await anonymous.get("/api/v1/agents")).status_code == 401
    live = [await anonymous.get("/api/v1/health/live") for _ in range(100)]
    assert {answer.status_code for answer in live} == {200}
    assert "ratelimit-limit" not in live[0].headers
    # An address that guesses tokens is stopped before they are looked at.
    guesses = [await anonymous.get("/api/v1/agents") for _ in range(40)]
    assert guesses[-1].status_code == 429
    assert not counters.counts


async def test_limits_of_wallets_are_per_address_of_the_wallet(
    limited: FakeApi, client: httpx.AsyncClient, agent: Agent, counters: Counters
) -> None:
    first, other = f"/api/v1/wallets/{agent.wallets[0].address}/reset", "/api/v1/wallets/sim_other/reset"

    statuses = [(await client.post(first, json={})).status_code for _ in range(6)]

    assert statuses == [400] * 5 + [429]
    assert (await client.post(other, json={})).status_code == 400
    assert len(counters.counts) == 2


def a_request(path: str = "/", address: str = "10.0.0.1") -> Request:
    return Request(
        {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [],
            "query_string": b"",
            "client_ip": address,
        }
    )


async def test_processes_tell_each_other_what_they_counted(clock: FakeClock, counters: Counters) -> None:
    one, two = (RateLimits(clock=clock, counters=counters, per_address=10) for _ in range(2))
    for limits in (one, two):
        for _ in range(6):
            assert not limits.of_address(a_request()).exceeded
    assert not counters.counts

    await one.share()
    await two.share()

    assert counters.counts == {"a:10.0.0.1": 12}
    assert two.of_address(a_request()).exceeded
    # The first one learns it with the next request it tells.
    assert not one.of_address(a_request()).exceeded
    await one.share()
    assert one.of_address(a_request()).used == 14


async def test_what_could_not_be_told_is_told_later_and_not_twice(
    clock: FakeClock, counters: Counters
) -> None:
    limits = RateLimits(clock=clock, counters=counters, per_address=10)
    counters.away = True
    limits.of_address(a_request())
    await limits.share()
    limits.of_address(a_request())
    await limits.share()
    counters.away = False

    await limits.share()
    await limits.share()

    assert counters.counts == {"a:10.0.0.1": 2}
    assert limits.of_address(a_request()).used == 3


async def test_a_store_that_was_emptied_lets_nobody_off(clock: FakeClock, counters: Counters) -> None:
    limits, limit = RateLimits(clock=clock, counters=counters), Limit(5)
    for _ in range(5):
        assert not (await limits.of_endpoint(a_request("/login"), None, limit)).exceeded
    counters.counts.clear()
    clock.advance(30)

    refused = await limits.of_endpoint(a_request("/login"), None, limit)

    # Nor does it make them wait longer.
    assert (refused.exceeded, refused.reset_seconds) == (True, 29.5)


async def test_signals_wait_for_no_store(
    limited: FakeApi, client: httpx.AsyncClient, counters: Counters
) -> None:
    counters.away = True

    answers = [await client.post("/api/v1/trading-signals", json={}) for _ in range(21)]

    assert {answer.status_code for answer in answers} == {400}
    assert answers[20].headers["ratelimit-limit"] == "120"
    (own,) = [one for one in ENDPOINTS if (one.method, one.path) == ("POST", "/trading-signals")]
    assert own.limit == Limit(120, by_key=True, exact=False)
    assert not counters.counts


async def test_names_have_a_bounded_length(clock: FakeClock, counters: Counters) -> None:
    limits = RateLimits(clock=clock, counters=counters)
    paths = ["/" + "x" * 60_000, "/" + "x" * 59_999 + "y"]

    used = [(await limits.of_endpoint(a_request(path), None, Limit(5))).used for path in paths]

    assert used == [1, 1]
    assert max(len(name) for name in (*limits._windows, *counters.counts)) <= 200


async def test_an_ipv6_network_is_one_customer_and_forgotten_windows_make_room(clock: FakeClock) -> None:
    limits = RateLimits(clock=clock, counters=None, per_address=1)

    def ask(address: str) -> bool:
        return limits.of_address(a_request(address=address)).exceeded

    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8:0:1::1")] == [False, True, False]
    assert [ask("::ffff:10.0.0.1"), ask("10.0.0.1"), ask("nonsense"), ask("")] == [False, True, False, False]
    for number in range(60_000):
        ask(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
    assert len(limits._windows) <= 50_000
