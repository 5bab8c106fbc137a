"""Whatever is sent to any endpoint: a JSON error of the contract, never a 500, and nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from nexgent.api.app import ENDPOINTS, AnyEndpoint
from nexgent.api.endpoint import PREFIX, Access
from nexgent.domain.agents.models import Agent
from nexgent.shared.ids import new_id
from tests.fakes.api import FakeApi

WRITING = [endpoint for endpoint in ENDPOINTS if endpoint.method != "GET"]
READING = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]
PROTECTED = [endpoint for endpoint in ENDPOINTS if endpoint.access is not Access.PUBLIC]
WITH_IDS = [endpoint for endpoint in ENDPOINTS if "{" in endpoint.path]
ONE_MIB = 1024 * 1024

FIELDS = [
    "agentId",
    "walletAddress",
    "transactionType",
    "transactionValueUsd",
    "transactionTime",
    "inputMint",
    "inputSymbol",
    "inputAmount",
    "inputPrice",
    "outputMint",
    "outputAmount",
    "tokenAddress",
    "signalType",
    "signalStrength",
    "symbol",
    "email",
    "password",
    "refreshToken",
    "name",
    "tradingMode",
    "automatedTradingLive",
    "config",
    "reason",
    "routes",
    "isDca",
    "signalId",
]
VALUES = [
    "",
    "x",
    0,
    -1,
    10**30,
    1.5,
    True,
    None,
    [],
    {},
    [[]],
    {"a": {}},
    "x" * 10_000,
    "\x00",
    "\ud800",
    "1e999999",
]
BROKEN_JSON = [
    b"{",
    b'{"a":}',
    b"[1,2",
    b"nonsense",
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 1e999999}',
    b"\xff\xfe\x00",
    b'{"a": "\\ud800"}',
    b'{"a": "\\u0000"}',
    b'"text"',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"a": ' + b"9" * 5_000 + b"}",
    b'{"a": 0.' + b"9" * 5_000 + b"}",
]


def named(endpoint: AnyEndpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: AnyEndpoint, agent_id: object, other: object | None = None) -> str:
    values = {
        "id": agent_id,
        "agentId": agent_id,
        "positionId": other if other is not None else new_id(),
        "walletAddress": agent_id,
    }
    return PREFIX + endpoint.path.format(**{key: quote(str(value), safe="") for key, value in values.items()})


def check(response: httpx.Response, *allowed: int) -> None:
    assert response.status_code in allowed, (response.request.url, response.status_code, response.text[:300])
    if response.status_code >= 400:
        body = response.json()
        assert isinstance(body["error"], str)
        assert body["error"]
        assert "Traceback" not in response.text
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.headers["x-request-id"]


REFUSED = (400, 401, 404, 409)
# Their body is optional; what is not asked for is ignored.
IGNORE_BODIES = {
    "/auth/logout",
    "/agents/{id}/protections/reset",
    "/ws/ticket",
    "/webhooks/test",
    "/admin/cache/warm",
}
NEED_NO_BODY = {"/agents/{id}", *IGNORE_BODIES}
# Registration is off: that is said before anything else about a request that can be read.
CLOSED = {"/auth/register"}
# Who sends it is asked before anything in it is looked at.
UNPROVEN = {"/signal-webhooks/{id}/in"}


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
async def test_wrong_types_everywhere(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, endpoint: AnyEndpoint
) -> None:
    path = path_of(endpoint, agent.id)
    for value in VALUES:
        try:
            content = httpx.Request("POST", "http://x", json=dict.fromkeys(FIELDS, value)).content
        except (UnicodeEncodeError, ValueError):
            content = b'{"name": "\\ud800", "email": "\\ud800"}'
        response = await client.request(
            endpoint.method, path, content=content, headers={"content-type": "application/json"}
        )
        if endpoint.path in IGNORE_BODIES:
            check(response, 200, *REFUSED)
        elif endpoint.path in CLOSED | UNPROVEN:
            check(response, 403, *REFUSED)
        elif endpoint.path == "/signal-webhooks" and value in ("x", "1e999999"):
            # A name is all it needs.
            check(response, 201)
        elif endpoint.method == "DELETE":
            check(response, 200, *REFUSED)
        elif endpoint.path.endswith("/config") and (value is None or isinstance(value, dict)):
            # Null goes back to the defaults; unknown keys are ignored.
            check(response, 200)
        else:
            check(response, *REFUSED, 200 if endpoint.path == "/agents/{id}" else 400)
    assert api.signals.rows == {}


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
async def test_broken_json(client: httpx.AsyncClient, agent: Agent, endpoint: AnyEndpoint) -> None:
    for content in BROKEN_JSON:
        response = await client.request(
            endpoint.method,
            path_of(endpoint, agent.id),
            content=content,
            headers={"content-type": "application/json"},
        )
        if endpoint.method == "DELETE" and not endpoint.has_body:
            check(response, 200, 400, 404)
        elif endpoint.path in UNPROVEN:
            check(response, 403)
        elif endpoint.path == "/webhooks/test" and content == b'"text"':
            # An echo takes JSON of any shape, and this is some.
            check(response, 200)
        else:
            check(response, 400)
            assert response.json()["code"] in {"INVALID_JSON", "VALIDATION_ERROR"}


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "multipart/form-data"])
async def test_no_body(
    client: httpx.AsyncClient, agent: Agent, endpoint: AnyEndpoint, content_type: str
) -> None:
    response = await client.request(
        endpoint.method, path_of(endpoint, agent.id), headers={"content-type": content_type}
    )

    check(
        response,
        400,
        404,
        200 if endpoint.path in NEED_NO_BODY else 400,
        403 if endpoint.path in CLOSED | UNPROVEN else 400,
    )


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
async def test_one_byte_too_many(client: httpx.AsyncClient, agent: Agent, endpoint: AnyEndpoint) -> None:
    path = path_of(endpoint, agent.id)
    content = b'{"a":"' + b"x" * (ONE_MIB - 7) + b'"}'
    assert len(content) == ONE_MIB + 1

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 65_536):
            yield content[start : start + 65_536]

    announced = await client.request(
        endpoint.method, path, content=content, headers={"content-type": "application/json"}
    )
    check(announced, 413)
    assert announced.json()["code"] == "PAYLOAD_TOO_LARGE"
    if endpoint.method != "DELETE":
        unannounced = await client.request(
            endpoint.method, path, content=chunks(), headers={"content-type": "application/json"}
        )
        check(unannounced, 413)


@pytest.mark.parametrize("endpoint", WITH_IDS, ids=named)
async def test_malformed_and_unknown_ids(
    client: httpx.AsyncClient, agent: Agent, endpoint: AnyEndpoint
) -> None:
    body = {"name": "Valid", "config": {}}
    unknown = 403 if endpoint.path in UNPROVEN else 404
    for bad in ("x", "12", "' OR 1=1", "\x00", "ä" * 20, "0" * 36, "é-" * 18, "-" * 36, "../..", "9" * 400):
        check(await client.request(endpoint.method, path_of(endpoint, bad, bad), json=body), 400, 404)
    check(await client.request(endpoint.method, path_of(endpoint, new_id()), json=body), 400, unknown)


@pytest.mark.parametrize("endpoint", WITH_IDS, ids=named)
async def test_ids_of_somebody_else(
    api: FakeApi, client: httpx.AsyncClient, foreign: Agent, endpoint: AnyEndpoint
) -> None:
    response = await client.request(
        endpoint.method, path_of(endpoint, foreign.id), json={"name": "Stolen", "config": {}}
    )

    check(response, 400, 403, 404)
    assert api.engine.directory.owned(foreign.id, foreign.user_id) == foreign


@pytest.mark.parametrize("endpoint", PROTECTED, ids=named)
async def test_nothing_without_a_session(
    anonymous: httpx.AsyncClient, agent: Agent, endpoint: AnyEndpoint
) -> None:
    check(await anonymous.request(endpoint.method, path_of(endpoint, agent.id), json={}), 401)


@pytest.mark.parametrize("endpoint", READING, ids=named)
@pytest.mark.parametrize(
    "query",
    [
        "agentId=x",
        "agentId={id}&agentId={id}",
        "agentId={id}&limit=0",
        "agentId={id}&limit=abc",
        "agentId={id}&limit=99999999999999999999",
        "agentId={id}&offset=-1",
        "agentId={id}&startTime=x&startDate=x&startSaleTime=x",
        "agentId={id}&signalId=x",
        "agentId={id}&minProfitLossUsd=nan",
        "agentId={id}&purchaseTransactionId=x",
        "agentId={id}&transactionType=x",
        "agentId={id}&walletAddress=%00&tokenAddress=%00",
        "agentId={id}&walletAddress=" + "x" * 5000,
        "%ff=%ff&=&&&a",
    ],
)
async def test_odd_queries(
    client: httpx.AsyncClient, agent: Agent, endpoint: AnyEndpoint, query: str
) -> None:
    response = await client.get(f"{path_of(endpoint, agent.id)}?{query.replace('{id}', str(agent.id))}")

    check(response, 200, 400, 401, 404)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/agent-transactions", "agentId={id}&agentId={id}"),
        ("/agent-transactions", ""),
        ("/agent-transactions", "agentId={id}&limit=0"),
        ("/agent-transactions", "agentId={id}&transactionType=x"),
        ("/agent-transactions", "agentId={id}&endTime=x"),
        ("/agent-historical-swaps", "agentId={id}&maxProfitLossUsd=lots"),
        ("/agent-historical-swaps", "agentId={id}&saleTransactionId=x"),
        ("/agent-balances", ""),
        ("/agent-balances", "agentId=x"),
        ("/trading-signals", "startDate=x"),
        ("/trading-signals", "offset=1.5"),
        ("/trading-signals", "limit=10&limit=20"),
    ],
)
async def test_queries_that_must_be_refused(
    client: httpx.AsyncClient, agent: Agent, path: str, query: str
) -> None:
    check(await client.get(f"{PREFIX}{path}?{query.replace('{id}', str(agent.id))}"), 400)
