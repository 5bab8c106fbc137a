"""Whatever is sent to any endpoint: a JSON error of the contract, never a 500, and nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from nexgent.api.app import ENDPOINTS
from nexgent.api.http.access import Access
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.domain.agents.models import Agent
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from tests.fakes.api import FakeApi
from tests.openapi import openapi_document

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
MINT = "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf"
NO_NUMBERS = [
    "\u0661\u0662",
    "\uff11\uff12",
    "1_000",
    "NaN",
    "Infinity",
    "-Infinity",
    "sNaN",
    "0x10",
    "1,5",
    "1 5",
    "1e",
    "1e99999",
    "",
    "--1",
    "\u00a01",
]
NO_MINTS = ["x", "0" * 44, MINT[:-2], MINT + "1", MINT[:-1] + "l", "1" * 33, "\uff11" * 32, "z" * 44]
BROKEN_JSON = [
    '{"a": "\\ud800"}'.encode("utf-16"),
    '{"a": "\\u0000"}'.encode("utf-16-le"),
    b'{"a": "\xed\xa0\x80"}',
    b'{"a": "\xff"}',
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


@pytest.fixture
async def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Everything may be called with it, the dashboard's own endpoints too."""
    client.headers["X-Nexgent-Web"] = "1"
    return client


def named(endpoint: ApiRoute) -> str:
    return f"{endpoint.method} {endpoint.path}"


def path_of(endpoint: ApiRoute, agent_id: object, other: object | None = None) -> str:
    values = {
        "id": agent_id,
        "agentId": agent_id,
        "positionId": other if other is not None else new_id(),
        "walletAddress": agent_id,
        "mint": agent_id,
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
    "/auth/sessions",
    "/agents/{id}/protections/reset",
    "/ws/ticket",
    "/webhooks/test",
    "/admin/cache/warm",
    "/admin/users/{id}/deactivate",
    "/web/logout",
}
NEED_NO_BODY = {"/agents/{id}", "/protections/panic", *IGNORE_BODIES}
# Registration is off: that is said before anything else about a request that can be read.
CLOSED = {"/auth/register"}
# Who sends it is asked before anything in it is looked at.
UNPROVEN = {"/signal-webhooks/{id}/in", "/web/links"}
# Its session comes in a cookie, which nobody sends here.
NO_SESSION = {"/web/refresh"}


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
async def test_wrong_types_everywhere(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute
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
        elif endpoint.path == "/protections/panic" and (value is None or isinstance(value, str)):
            # All that it takes may be left out, and its reason is any text.
            check(response, 200, *REFUSED)
        elif endpoint.method == "DELETE":
            check(response, 200, *REFUSED)
        elif endpoint.path.endswith("/config") and value in (None, {}):
            # Null goes back to the defaults, and nothing changes nothing.
            check(response, 200)
        else:
            check(response, *REFUSED, 200 if endpoint.path == "/agents/{id}" else 400)
    assert api.signals.rows == {}


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
async def test_broken_json(client: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute) -> None:
    for content in BROKEN_JSON:
        response = await client.request(
            endpoint.method,
            path_of(endpoint, agent.id),
            content=content,
            headers={"content-type": "application/json"},
        )
        if endpoint.method == "DELETE" and not endpoint.has_body:
            check(response, 200, 400, 404)
        elif endpoint.path in UNPROVEN and response.status_code != 400:
            check(response, 403)
        elif endpoint.path == "/webhooks/test" and content == b'"text"':
            # An echo takes JSON of any shape, and this is some.
            check(response, 200)
        else:
            check(response, 400)
            assert response.json()["code"] in {"INVALID_JSON", "VALIDATION_ERROR"}


@pytest.mark.parametrize(
    ("content", "received"), [(b"[]", "array"), (b"null", "null"), (b'"x"', "string"), (b"1.5", "number")]
)
@pytest.mark.parametrize("path", ["/agents", "/auth/login", "/api-keys", "/wallets/assign"])
async def test_what_is_no_object_breaks_the_schema(
    client: httpx.AsyncClient, path: str, content: bytes, received: str
) -> None:
    response = await client.post(
        f"/api/v1{path}", content=content, headers={"content-type": "application/json"}
    )

    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": "Validation failed",
        "code": "VALIDATION_ERROR",
        "details": {"errors": [{"field": "", "message": f"Expected object, received {received}"}]},
    }


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "multipart/form-data"])
async def test_no_body(
    client: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute, content_type: str
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
        401 if endpoint.path in NO_SESSION else 400,
    )


@pytest.mark.parametrize("endpoint", WRITING, ids=named)
async def test_one_byte_too_many(client: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute) -> None:
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
async def test_malformed_and_unknown_ids(client: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute) -> None:
    body = {"name": "Valid", "config": {}}
    unknown = 403 if endpoint.path in UNPROVEN else 404
    for bad in ("x", "12", "' OR 1=1", "\x00", "ä" * 20, "0" * 36, "é-" * 18, "-" * 36, "../..", "9" * 400):
        check(await client.request(endpoint.method, path_of(endpoint, bad, bad), json=body), 400, 404)
    check(await client.request(endpoint.method, path_of(endpoint, new_id()), json=body), 400, unknown)


@pytest.mark.parametrize("endpoint", WITH_IDS, ids=named)
async def test_ids_of_somebody_else(
    api: FakeApi, client: httpx.AsyncClient, foreign: Agent, endpoint: ApiRoute
) -> None:
    response = await client.request(
        endpoint.method, path_of(endpoint, foreign.id), json={"name": "Stolen", "config": {}}
    )

    check(response, 400, 403, 404)
    assert api.engine.directory.owned(foreign.id, foreign.user_id) == foreign


@pytest.mark.parametrize("endpoint", PROTECTED, ids=named)
async def test_nothing_without_a_session(
    anonymous: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute
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
async def test_odd_queries(client: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute, query: str) -> None:
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
        ("/agent-transactions", "agentId={id}&walletAddress=" + "%20" * 256),
        ("/agent-historical-swaps", "agentId={id}&tokenSymbol=" + "%1C" * 256),
    ],
)
async def test_queries_that_must_be_refused(
    client: httpx.AsyncClient, agent: Agent, path: str, query: str
) -> None:
    check(await client.get(f"{PREFIX}{path}?{query.replace('{id}', str(agent.id))}"), 400)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (
            "/agent-transactions",
            ("walletAddress", "transactionType", "from", "signalId", "isDca", "limit", "offset"),
        ),
        ("/agent-historical-swaps", ("tokenSymbol", "saleTransactionId", "minProfitLossUsd", "to", "cursor")),
        ("/agent-historical-swaps/export", ("format", "timezone", "currency", "solPrice")),
        ("/agent-transactions/export", ("format", "timezone", "transactionType", "isDca")),
    ],
)
async def test_what_a_form_left_empty_is_left_out(
    client: httpx.AsyncClient, agent: Agent, path: str, names: tuple[str, ...]
) -> None:
    for empty in ("", " "):
        query = {"agentId": str(agent.id), **dict.fromkeys(names, empty)}
        check(await client.get(PREFIX + path, params=query), 200)
    check(await client.get(PREFIX + path, params={"agentId": " "}), 400)


def deposit(agent: Agent, **changes: object) -> dict[str, object]:
    return {
        "agentId": str(agent.id),
        "transactionType": "DEPOSIT",
        "transactionValueUsd": 1,
        "transactionTime": "2025-01-27T12:00:00Z",
        "inputMint": SOL_MINT,
        "inputSymbol": "SOL",
        "inputAmount": "1",
        **changes,
    }


@pytest.mark.parametrize("given", NO_NUMBERS)
@pytest.mark.parametrize("field", ["inputAmount", "inputPrice", "fees", "slippage", "transactionValueUsd"])
async def test_texts_that_are_no_numbers(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, field: str, given: str
) -> None:
    response = await client.post(f"{PREFIX}/agent-transactions", json=deposit(agent, **{field: given}))

    check(response, 400)
    assert response.json()["error"].startswith(f"Invalid {field}")


@pytest.mark.parametrize("given", NO_NUMBERS)
async def test_balances_and_filters_that_are_no_numbers(
    client: httpx.AsyncClient, agent: Agent, given: str
) -> None:
    body = {"agentId": str(agent.id), "tokenAddress": MINT, "tokenSymbol": "T", "balance": given}
    check(await client.post(f"{PREFIX}/agent-balances", json=body), 400)
    if given and given.strip() == given:
        query = {"agentId": str(agent.id), "minProfitLossUsd": given}
        check(await client.get(f"{PREFIX}/agent-historical-swaps", params=query), 400)


@pytest.mark.parametrize(("given", "stored"), [("1e2", "100"), (" 2.5 ", "2.5"), ("+3", "3"), (".5", "0.5")])
async def test_numbers_as_clients_write_them(
    client: httpx.AsyncClient, agent: Agent, given: str, stored: str
) -> None:
    response = await client.post(f"{PREFIX}/agent-transactions", json=deposit(agent, inputAmount=given))

    assert (response.status_code, response.json()["inputAmount"]) == (201, stored)


@pytest.mark.parametrize("given", [b"-0.0", b"-0", b'"-0"'])
async def test_minus_zero_is_zero(client: httpx.AsyncClient, agent: Agent, given: bytes) -> None:
    content = httpx.Request("POST", "http://x", json=deposit(agent, fees="?")).content
    response = await client.post(
        f"{PREFIX}/agent-transactions",
        content=content.replace(b'"?"', given),
        headers={"content-type": "application/json"},
    )

    assert (response.status_code, response.json()["fees"]) == (201, "0")


@pytest.mark.parametrize("given", NO_MINTS)
async def test_texts_that_are_no_mints(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, given: str
) -> None:
    signal = {"tokenAddress": given, "signalType": "T", "signalStrength": 3}
    swap = {"agentId": str(agent.id), "tokenAddress": given}
    balance = {"agentId": str(agent.id), "tokenAddress": given, "tokenSymbol": "T", "balance": "1"}
    for path, body in (
        ("/trading-signals", signal),
        ("/trading-signals/test", signal),
        ("/trades/execute", {"agentId": str(agent.id), "tokenAddress": given}),
        ("/agent-balances", balance),
        ("/agent-historical-swaps", swap),
        ("/agent-transactions", deposit(agent, inputMint=given)),
        ("/agent-transactions", deposit(agent, outputMint=given)),
    ):
        response = await client.post(PREFIX + path, json=body)
        check(response, 400)
        assert "a mint address (32 bytes in base58) is required" in response.json()["error"]
    check(await client.put(f"{PREFIX}/trading-signals/1", json={"tokenAddress": given}), 400)
    assert api.signals.rows == {}


async def test_sol_is_no_token_to_trade(api: FakeApi, client: httpx.AsyncClient, agent: Agent) -> None:
    signal = {"tokenAddress": SOL_MINT, "signalType": "T", "signalStrength": 3}
    for path, body in (
        ("/trading-signals", signal),
        ("/trading-signals/test", signal),
        ("/trades/execute", {"agentId": str(agent.id), "tokenAddress": SOL_MINT}),
    ):
        response = await client.post(PREFIX + path, json=body)
        check(response, 400)
        assert response.json()["error"] == "Invalid tokenAddress: SOL is what tokens are bought with"
    assert api.signals.rows == {}


@pytest.mark.parametrize(
    "path", ["/trading-signals/export", "/agent-historical-swaps/export", "/agent-transactions/export"]
)
async def test_unknown_formats_of_exports(client: httpx.AsyncClient, agent: Agent, path: str) -> None:
    response = await client.get(PREFIX + path, params={"agentId": str(agent.id), "format": "xml"})

    check(response, 400)
    assert response.json()["error"] == "Invalid format: one of csv, json is required, received 'xml'"


@pytest.mark.parametrize(
    "given", ["\uff11" * 8 + str(UUID(int=0))[8:], "1_111111" + str(UUID(int=0))[8:], "0" * 8 + "-" * 28]
)
async def test_ids_are_hex_digits(client: httpx.AsyncClient, given: str) -> None:
    response = await client.get(f"{PREFIX}/agents/{quote(given)}")

    check(response, 400)
    assert response.json()["error"] == "Invalid agent ID format"


@pytest.mark.parametrize("endpoint", WITH_IDS, ids=named)
async def test_nul_in_a_path(client: httpx.AsyncClient, agent: Agent, endpoint: ApiRoute) -> None:
    for bad in ("\0", "a\0b", f"{agent.id}\0"):
        response = await client.request(endpoint.method, path_of(endpoint, bad, bad), json={})
        check(response, 400)
        assert response.json()["error"] == "Invalid path: it must not contain NUL"


QUERIES = [
    (path, parameter["name"])
    for path, methods in openapi_document()["paths"].items()
    for parameter in methods.get("get", {}).get("parameters", [])
    if parameter["in"] == "query"
]


@pytest.mark.parametrize(("path", "name"), QUERIES)
async def test_nul_in_a_query(client: httpx.AsyncClient, agent: Agent, path: str, name: str) -> None:
    response = await client.get(
        f"{path.format(id=agent.id, agentId=agent.id, walletAddress='x', mint=MINT)}?{name}=%00"
    )

    check(response, 400)
    assert response.json()["error"] == f"Invalid {name}: texts must not contain NUL"


def test_there_are_queries_to_send_nul_in() -> None:
    assert len(QUERIES) > 40
