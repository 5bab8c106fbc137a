"""Every text and number of every good request, replaced by what nobody means, sent to the real service with its real servers.

Whatever comes: never a 500, an error is a JSON error of the contract, and the books are right afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contract.contract import Contract
from tests.contract.service import Service, running_service, some_address
from tests.contract.test_endpoints import CONTRACTS
from tests.contract.world import PREFIX, World
from tests.patience import PATIENCE_SECONDS

TEXTS = [
    "\0",
    "a\0b",
    "\uff11\uff12",
    "\u0661",
    "1_0",
    "1e400",
    "1e-400",
    "-0",
    "9" * 400,
    "-1",
    "",
    " ",
    "x" * 20_000,
    "'; DROP TABLE users; --",
    "../..",
    "%2F+%00",
    "\U0001f980" * 300,
    "\u202e",
    "NaN",
    "0000-00-00",
    "9999999999999",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "+275760-09-13",
    "0" * 44,
    "2147483648",
    "true",
]
# As JSON, since half a surrogate pair cannot be written otherwise.
OTHERS = [
    '"\\ud800"',
    '"\\u0000"',
    "null",
    "true",
    "0",
    "-1",
    "-0.0",
    "1.5",
    "1e-300",
    "1e300",
    "9223372036854775808",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "[]",
    "{}",
    '{"":{"":[]}}',
    "[" * 150 + "]" * 150,
    '{"\\u0000":1}',
]
HEADERS: list[dict[str, str | bytes]] = [
    {"authorization": b"Bearer \xff\xfe"},
    {"authorization": "Bearer " + "x" * 8_000},
    {"authorization": "Bearer a.b.c"},
    {"x-api-key": b"nex_" + b"\xff" * 32},
    {"x-api-key": "nex_" + "\u00e9" * 32},
    {"idempotency-key": b"\xff"},
    {"idempotency-key": "x" * 256},
    {"if-none-match": b'W/"\xff", *'},
    {"x-forwarded-for": b"\xff, ::1%eth0, " + b"1" * 300},
    {"x-request-id": b"\xff" * 200},
    {"content-type": b"application/json; charset=utf-16"},
    {"content-type": b"\xff/json"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "multipart/form-data; boundary=x"},
    {"origin": b"\xff"},
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("hostile"), NOTIFY_PRIVATE_ADDRESSES="true") as made:
        yield made


@pytest.fixture(scope="module")
def world(service: Service) -> World:
    # One for each purchase: an agent holds a token once.
    httpx.post(f"{service.product.sandbox_url}/control/tokens", json={"generate": 40}).raise_for_status()
    answer = httpx.get(f"{service.product.sandbox_url}/control/tokens").json()
    tokens = answer["tokens"] if isinstance(answer, dict) else answer
    return World(service, [token["mint"] for token in tokens])


class Request:
    """A good request, and ways to spoil it."""

    def __init__(self, contract: Contract, world: World) -> None:
        self.method = contract.method
        self.template = contract.path
        ids = {name: str(world.fill(value)) for name, value in contract.ids.items()}
        self.ids = {name: value for name, value in ids.items() if "{" + name + "}" in contract.path}
        # Ids that are in no place of the path are in the query.
        others = {name: value for name, value in ids.items() if name not in self.ids}
        self.query = {**others, **{name: str(world.fill(value)) for name, value in contract.query.items()}}
        self.body = world.fill(contract.body) if contract.body is not None else None

    def url(self, ids: dict[str, str] | None = None, query: str | None = None) -> str:
        path = self.template
        for name, value in {**self.ids, **(ids or {})}.items():
            path = path.replace("{" + name + "}", quote(value, safe=""))
        given = query if query is not None else "&".join(f"{k}={quote(v)}" for k, v in self.query.items())
        return f"{PREFIX}{path}" + (f"?{given}" if given else "")

    def spoilt(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield addresses and bodies, each wrong in one place."""
        content = json.dumps(self.body).encode() if self.body is not None else None
        for name in self.ids:
            for text in TEXTS:
                if text and text != "../..":
                    yield self.url(ids={name: text}), content
            yield self.url(ids={name: "mark"}).replace("mark", "%ff%C3%28%2E%2E"), content
        for name in self.query:
            rest = "".join(f"&{k}={quote(v)}" for k, v in self.query.items() if k != name)
            for text in TEXTS:
                yield self.url(query=f"{name}={quote(text)}{rest}"), content
            yield self.url(query=f"{name}=%ff{rest}"), content
        if self.body is None:
            return
        for path in _leaves(self.body):
            for given in [*map(json.dumps, TEXTS), *OTHERS]:
                yield self.url(), _with(self.body, path, given)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, (*path, key))


def _with(body: Any, path: tuple[Any, ...], given: str) -> bytes:
    copy = json.loads(json.dumps(body))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "@@here@@"
    return json.dumps(copy).replace('"@@here@@"', given).encode()


def _as_sent(headers: dict[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in headers.items()
    ]


def check(response: httpx.Response, sent: object) -> None:
    method, url = response.request.method, str(response.request.url)
    _check(method, url, sent, response.status_code, response.headers.get("content-type"), response.content)


def _check(method: str, url: str, sent: object, status: int, kind: str | None, content: bytes) -> None:
    shown = (method, url[:300], sent, content[:300])
    assert status < 500, shown
    if status >= 400 and method != "HEAD":
        assert kind == "application/json; charset=utf-8", shown
        assert json.loads(content)["error"], shown


@pytest.fixture(scope="module")
def line(service: Service) -> Iterator[HTTPConnection]:
    """A connection that costs a fraction of what a client for people does: there are thousands of requests."""
    made = HTTPConnection("127.0.0.1", service.product.port, timeout=PATIENCE_SECONDS)
    yield made
    made.close()


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_nothing_in_any_place_is_a_500(
    contract: Contract, service: Service, world: World, line: HTTPConnection
) -> None:
    request = Request(contract, world)

    for url, content in request.spoilt():
        headers = {"content-type": "application/json", **service.headers()}
        try:
            line.request(request.method, url, content, headers)
            answer = line.getresponse()
        except ConnectionError:
            # It may have been idle for too long; on a new one there has to be an answer.
            line.close()
            line.request(request.method, url, content, headers)
            answer = line.getresponse()
        kind = answer.getheader("content-type")
        _check(request.method, url, content and content[:300], answer.status, kind, answer.read())


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_no_header_is_a_500(contract: Contract, service: Service, world: World) -> None:
    request = Request(contract, world)
    content = json.dumps(request.body) if request.body is not None else None

    for headers in HEADERS:
        own: dict[str, str | bytes] = {
            "authorization": f"Bearer {service.token()}",
            "x-forwarded-for": some_address(),
        }
        if request.body is not None:
            own["content-type"] = "application/json"
        response = service.http.request(
            request.method, request.url(), content=content, headers=_as_sent({**own, **headers})
        )
        check(response, headers)


def test_afterwards_the_books_are_right_and_nothing_unexpected_was_logged(
    service: Service, world: World
) -> None:
    answer = service.http.get(f"{PREFIX}/health", headers=service.headers())
    assert answer.json()["services"]["database"]["status"] == "healthy"
    assert "request.failed" not in service.product.log("service")
    agent = world.value("agent")
    for balance in world.get(f"/agent-balances?agentId={agent}"):
        assert not balance["balance"].startswith("-")
