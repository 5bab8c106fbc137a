"""Every endpoint against the tables in `table_*.py`: shape field by field, refusals, ownership, scopes. Over the real service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import TypeAdapter

from nexgent.api.app import ENDPOINTS
from nexgent.api.body import parse_document
from nexgent.api.encoding import encode
from nexgent.domain.users.models import ASKED_FOR, READERS, Scope
from tests.contract.answers import SIGNAL
from tests.contract.contract import PUBLIC, SESSION, Contract, Refusal
from tests.contract.service import Service, running_service, some_address
from tests.contract.shapes import mismatches
from tests.contract.table_accounts import ACCOUNTS
from tests.contract.table_trading import TRADING
from tests.contract.world import PREFIX, Names, World, error_text

_PRESENT = {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}
_ALL: tuple[Contract, ...] = (*ACCOUNTS, *TRADING)
# What is missing fails one test, which says so, instead of all.
CONTRACTS = [contract for contract in _ALL if contract.name in _PRESENT]
# What this service has beyond the contract is described by its own tests.
BY_NAME = {contract.name: contract for contract in CONTRACTS}
PROTECTED = [contract for contract in CONTRACTS if contract.access != PUBLIC]
SCOPED = [contract for contract in CONTRACTS if contract.access not in {PUBLIC, SESSION}]
SESSION_ONLY = [contract for contract in CONTRACTS if contract.access == SESSION]
OWNED = [contract for contract in CONTRACTS if contract.foreign is not None]

MODELS: dict[str, TypeAdapter[Any]] = {
    f"{route.method} {route.path}": TypeAdapter(route.response_model)
    for route in ENDPOINTS
    if route.response_model is not None
}
"""What the documentation says of the answers of endpoints."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("contract"), NOTIFY_PRIVATE_ADDRESSES="true") as made:
        yield made


@pytest.fixture(scope="module")
def world(service: Service) -> World:
    # One for each purchase: an agent holds a token once.
    httpx.post(f"{service.product.sandbox_url}/control/tokens", json={"generate": 30}).raise_for_status()
    answer = httpx.get(f"{service.product.sandbox_url}/control/tokens").json()
    tokens = answer["tokens"] if isinstance(answer, dict) else answer
    return World(service, [token["mint"] for token in tokens])


def send(
    world: Names, contract: Contract, headers: dict[str, str] | None = None, refusal: Refusal | None = None
) -> httpx.Response:
    """Send the good request of a contract, changed as a refusal says."""
    change = refusal or Refusal(0)
    ids = {**contract.ids, **(change.ids or {})}
    query = {**contract.query, **(change.query or {})}
    body: dict[str, Any] | None = contract.body
    if body is not None or change.body is not None:
        body = {**(body or {}), **(change.body or {})}
        body.pop(change.without, None)
    query.pop(change.without, None)
    used = {name: value for name, value in ids.items() if "{" + name + "}" in contract.path}
    path = contract.path.format(**world.fill(used))
    # Ids that are in no place of the path are in the query.
    query |= {name: value for name, value in ids.items() if name not in used}
    return world.service.http.request(
        contract.method,
        PREFIX + path,
        params=world.fill(query),
        content=None if body is None else json.dumps(world.fill(body)),
        headers={"content-type": "application/json"}
        | ({} if change.without_headers else world.fill(contract.headers))
        | (world.service.headers() if headers is None else headers),
    )


def refused(response: httpx.Response, status: int) -> str:
    """Check how a refusal looks to a client; return its text."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    text = error_text(response)
    if status == 404:
        assert "not found" in text.lower()
    return text


def named(value: object) -> str:
    return (
        value.name
        if isinstance(value, Contract)
        else value.title
        if isinstance(value, Refusal)
        else str(value)
    )


def test_every_endpoint_of_the_contract_exists() -> None:
    assert sorted({contract.name for contract in _ALL} - _PRESENT) == []


def test_who_may_call_is_as_declared() -> None:
    for endpoint in ENDPOINTS:
        contract = BY_NAME.get(f"{endpoint.method} {endpoint.path}")
        # Metrics have a token of their own beside sessions.
        if contract is not None and endpoint.path != "/metrics":
            assert endpoint.access.value == contract.access, contract.name


@pytest.mark.parametrize("contract", CONTRACTS, ids=named)
def test_success(world: World, contract: Contract) -> None:
    headers = {"x-forwarded-for": some_address()} if contract.access == PUBLIC else None
    if contract.path == "/trading-signals/all":
        # The other tests talk about signals of the usual user.
        headers = world.service.headers(world.service.token(uuid4()))

    response = send(world, contract, headers)

    assert response.status_code == contract.status, response.text
    if contract.status == 204:
        assert response.content == b""
        return
    assert response.headers["content-type"] == contract.media_type
    if contract.shape is not None:
        body = response.json()
        assert mismatches(body, contract.shape) == []
        assert body != [], "a list with nothing in it says nothing"
    if contract.name in MODELS and response.is_success:
        # Hot answers are written as bytes that no model has seen, the others by models that nothing has checked.
        document = parse_document(response.content)
        assert _told_by(MODELS[contract.name], document) == document


def _told_by(model: TypeAdapter[Any], document: object) -> object:
    """Return what the documented model says of an answer: the same, unless a field is unknown, missing or of another kind."""
    return parse_document(
        encode(model.dump_python(model.validate_python(document), by_alias=True, exclude_unset=True))
    )


@pytest.mark.parametrize(
    ("contract", "refusal"), [(one, refusal) for one in CONTRACTS for refusal in one.refusals], ids=named
)
def test_refusal(world: World, contract: Contract, refusal: Refusal) -> None:
    headers = {"x-forwarded-for": some_address()} if contract.access == PUBLIC else None

    if refusal.twice:
        send(world, contract, headers, refusal)
    response = send(world, contract, headers, refusal)

    assert refusal.text.lower() in refused(response, refusal.status).lower()
    if refusal.code is not None:
        assert response.json()["code"] == refusal.code


@pytest.mark.parametrize("contract", OWNED, ids=named)
def test_somebody_else(world: World, contract: Contract) -> None:
    stranger = world.service.headers(world.service.token(uuid4()))
    assert contract.foreign is not None

    text = refused(send(world, contract, stranger), contract.foreign)

    if contract.foreign == 403 and not contract.path.endswith("/check-deposits"):
        assert text.startswith("Forbidden")


@pytest.mark.parametrize("contract", PROTECTED, ids=named)
def test_without_a_session(world: World, contract: Contract) -> None:
    refused(send(world.cheap, contract, {"x-forwarded-for": some_address()}), 401)


@pytest.mark.parametrize("contract", SESSION_ONLY, ids=named)
def test_no_key_opens_what_takes_sessions_only(world: World, contract: Contract, every_scope: str) -> None:
    refused(send(world.cheap, contract, {"authorization": f"Bearer {every_scope}"}), 401)
    refused(send(world.cheap, contract, {"x-api-key": every_scope}), 401)


@pytest.fixture(scope="module")
def every_scope(world: World) -> str:
    return world.key(*Scope)


@pytest.fixture(scope="module")
def keys(world: World) -> dict[str, str]:
    """A key for each single scope."""
    return {scope.value: world.key(scope.value) for scope in Scope}


@pytest.mark.parametrize("contract", SCOPED, ids=named)
def test_scopes(world: World, keys: dict[str, str], contract: Contract) -> None:
    for scope, key in keys.items():
        headers = {"x-api-key": key}
        if scope not in _opened_by(contract):
            text = refused(send(world.cheap, contract, headers), 403)
            assert text == f"API key missing required scope: {contract.access}"
        elif contract.path != "/trading-signals/all":
            assert send(world, contract, headers).status_code == contract.status


def _opened_by(contract: Contract) -> set[str]:
    reader = READERS.get(Scope(contract.access)) if contract.method == "GET" else None
    everything = ["full_access"] if Scope(contract.access) not in ASKED_FOR else []
    return {contract.access, *everything, *([reader.value] if reader is not None else [])}


BY_HAND = {
    "POST /trades/preview",
    "POST /trades/execute",
    "POST /agents/{id}/positions/{positionId}/close",
    "POST /agent-positions/{agentId}/{positionId}/close",
    "POST /agents/{id}/positions/{positionId}/sell-part",
    "POST /agents/{id}/positions/{positionId}/preview-sale",
}


def test_the_scope_for_trading_opens_what_trades_by_hand_and_nothing_else() -> None:
    """What it may do is written down here; that each key opens what its scopes say is asked of every endpoint above."""
    assert {name for name, contract in BY_NAME.items() if contract.access == "trading"} == BY_HAND


def test_the_scope_of_the_kill_switch_opens_one_thing_that_changes_something() -> None:
    opened = {f"{one.method} {one.path}": one.access for one in ENDPOINTS}

    written = {
        name for name, access in opened.items() if access is Scope.KILL_SWITCH and not name.startswith("GET ")
    }
    assert written == {"PUT /protections/kill-switch"}
    assert all(name.startswith("GET ") for name, access in opened.items() if access is Scope.OVERVIEW)


def test_a_key_stops_its_owners_entries_and_never_everybodys(world: World) -> None:
    """Also one that the administrator has made."""
    headers = {"x-api-key": world.key("kill_switch")}

    def put(**body: object) -> httpx.Response:
        return world.service.http.put(f"{PREFIX}/protections/kill-switch", json=body, headers=headers)

    stopped = put(engaged=True, reason="by key")
    assert stopped.status_code == 200, stopped.text
    assert (stopped.json()["user"]["engaged"], stopped.json()["system"]["engaged"]) == (True, False)
    refused(put(engaged=True, scope="system"), 403)
    everybodys = world.service.http.get(f"{PREFIX}/protections/panic?scope=system", headers=headers)
    refused(everybodys, 403)
    released = put(engaged=False)
    assert (released.json()["user"]["engaged"], released.json()["system"]["engaged"]) == (False, False)


def test_a_signal_that_sells_says_so_and_one_to_buy_is_what_it_always_was(world: World) -> None:
    token = world.value("new_address")

    def posted(**more: object) -> dict[str, Any]:
        body = {"tokenAddress": token, "signalStrength": 3, **more}
        answer = world.service.http.post(
            f"{PREFIX}/trading-signals", json=body, headers=world.service.headers()
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        assert world.get(f"/trading-signals/{found['id']}") == found
        assert found in world.get("/trading-signals")
        return found

    usual = posted(signalType="Sells")
    assert usual.keys() == SIGNAL.keys()
    assert posted(signalType="Sells too", action="buy", percent=None).keys() == SIGNAL.keys()
    closing = posted(signalType="Sells", action="close")
    assert closing.keys() == {*SIGNAL, "action"}
    assert closing["action"] == "close"
    reducing = posted(signalType="Sells", action="reduce", percent="12.5")
    assert (reducing["action"], reducing["percent"]) == ("reduce", 12.5)
    decisions = world.get(f"/trading-signals/{reducing['id']}/decisions")
    assert (decisions["action"], decisions["percent"]) == ("reduce", 12.5)
    assert "action" not in world.get(f"/trading-signals/{usual['id']}/decisions")


def test_an_unknown_key(world: World) -> None:
    response = send(world, BY_NAME["GET /agents"], {"x-api-key": "nex_" + "x" * 32})

    assert refused(response, 401) == "Invalid API key"


def test_an_unknown_path(world: World) -> None:
    response = world.service.http.get(f"{PREFIX}/nowhere", headers=world.service.headers())

    assert refused(response, 404) == f"Route not found: GET {PREFIX}/nowhere not found"
    assert response.json()["code"] == "NOT_FOUND"


def test_a_known_path_with_another_method(world: World) -> None:
    for method, path, allowed in (
        ("PATCH", "/agents", "GET, HEAD, OPTIONS, POST"),
        ("DELETE", "/trades/execute", "OPTIONS, POST"),
    ):
        response = world.service.http.request(method, PREFIX + path, headers=world.service.headers())

        text = refused(response, 405)
        assert text == f"Method not allowed: {method} {PREFIX}{path} is not possible, only {allowed}"
        assert (response.json()["code"], response.headers["allow"]) == ("METHOD_NOT_ALLOWED", allowed)


def test_the_old_health_address(service: Service) -> None:
    response = service.http.get("/health", follow_redirects=False)

    assert (response.status_code, response.headers["location"]) == (302, f"{PREFIX}/health")
