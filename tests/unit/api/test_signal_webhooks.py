"""Alerts over HTTP: whose they are, what becomes of them, and what a test shows without trading."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.signals.models import Signal, SignalDraft
from nexgent.domain.signals.webhooks.models import AlertProof
from nexgent.domain.signals.webhooks.receive_alert import signature_of
from nexgent.domain.users.authenticate import key_hash
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import UserId
from tests.builders import TOKEN, USER, an_api_key
from tests.fakes.api import FakeApi

URL = "/api/v1/signal-webhooks"
KEY = "nex_" + "k" * 32


@pytest.fixture
async def webhook(client: httpx.AsyncClient) -> dict[str, Any]:
    body = {
        "name": "TradingView",
        "template": {"tokenAddress": "{{ticker}}", "signalStrength": "{{side}}"},
        "maps": {"tokenAddress": {"EXMUSDT": TOKEN}, "signalStrength": {"buy": 3}},
    }
    answer = await client.post(URL, json=body)
    assert answer.status_code == 201
    created: dict[str, Any] = answer.json()
    return created


def alert(webhook: dict[str, Any], **more: object) -> dict[str, object]:
    return {"secret": webhook["secret"], "ticker": "EXMUSDT", "side": "buy", **more}


async def test_a_webhook_from_its_creation_to_its_end(
    client: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    url = f"{URL}/{webhook['id']}"

    assert webhook["secret"].startswith("whs_")
    assert webhook["path"] == f"{url}/in"
    shown = (await client.get(url)).json()
    assert shown == {name: value for name, value in webhook.items() if name != "secret"}
    assert (await client.get(URL)).json() == {"items": [shown]}
    changed = (await client.put(url, json={"enabled": False, "maxAgeSeconds": 10})).json()
    assert (changed["enabled"], changed["maxAgeSeconds"], changed["name"]) == (False, 10, "TradingView")
    rotated = (await client.post(f"{url}/rotate-secret")).json()
    assert rotated["secret"] != webhook["secret"]
    assert (await client.delete(url)).json()["success"] is True
    assert (await client.get(url)).status_code == 404


BAD: list[dict[str, object]] = [
    {},
    {"name": " "},
    {"name": "x" * 101},
    {"name": 5},
    {"name": "x", "template": []},
    {"name": "x", "template": {"symbol": "{{"}},
    {"name": "x", "maps": {"a": {}}},
    {"name": "x", "maps": {"tokenAddress": {"BONK": "no mint"}}},
    {"name": "x", "maps": {"tokenAddress": {"BONK": SOL_MINT}}},
    {"name": "x", "template": {"tokenAddress": "0" * 44}},
    {"name": "x", "maxAgeSeconds": 0},
    {"name": "x", "maxAgeSeconds": 1.5},
    {"name": "x", "enabled": "yes"},
]


@pytest.mark.parametrize("body", BAD)
async def test_a_bad_webhook_is_refused(
    api: FakeApi, client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    assert (await client.post(URL, json=body)).status_code == 400
    assert not api.webhooks.rows


async def test_a_map_may_say_that_a_name_is_not_taken(client: httpx.AsyncClient) -> None:
    body = {"name": "x", "maps": {"tokenAddress": {"BONK": ""}}}

    assert (await client.post(URL, json=body)).status_code == 201


async def test_an_alert_with_the_secret_becomes_a_signal(
    api: FakeApi, anonymous: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    answer = await anonymous.post(webhook["path"], json=alert(webhook, note="whs_ is not copied"))

    assert answer.status_code == 201
    assert answer.json()["tokenAddress"] == TOKEN
    assert (answer.json()["signalStrength"], answer.json()["source"]) == (3, "webhook")
    (row,) = api.signals.rows.values()
    assert row.user_id == USER
    again = await anonymous.post(webhook["path"], json=alert(webhook))
    assert (again.status_code, again.json()["code"]) == (409, "SIGNAL_DUPLICATE")
    (stored,) = api.webhooks.rows.values()
    assert (stored.accepted_count, stored.refused_count) == (1, 1)


async def test_whoever_proves_nothing_learns_nothing(
    api: FakeApi, anonymous: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    secrets: list[object] = ["whs_wrong", None, "ä", ["x"]]
    answers = [
        await anonymous.post(webhook["path"], json={**alert(webhook), "secret": secret}) for secret in secrets
    ]
    answers.append(await anonymous.post(webhook["path"], content=b"plain text"))
    answers.append(await anonymous.post(webhook["path"], content=b"\xff\xfe"))
    answers.append(await anonymous.post(webhook["path"], content=b"whs_wrong EXMUSDT buy"))
    answers.append(await anonymous.post(f"{URL}/{new_id()}/in", json=alert(webhook)))
    answers.append(
        await anonymous.post(webhook["path"], json=alert(webhook), headers={"X-Signature": "sha256=00"})
    )

    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"].startswith("Forbidden")
    assert not api.signals.rows


async def test_a_plain_text_shows_the_secret_as_its_first_word(
    api: FakeApi, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    template = {
        "tokenAddress": "{{words.0}}",
        "signalStrength": "{{words.1}}",
        "activationReason": "{{text}}",
    }
    await client.put(f"{URL}/{webhook['id']}", json={"template": template})

    answer = await anonymous.post(webhook["path"], content=f"{webhook['secret']} EXMUSDT buy now".encode())

    assert answer.status_code == 201
    (row,) = api.signals.rows.values()
    assert (row.token_address, row.signal_strength, row.activation_reason) == (TOKEN, 3, "EXMUSDT buy now")


async def test_signatures_and_their_age(
    api: FakeApi, anonymous: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    raw = b'{"ticker": "EXMUSDT", "side": "buy"}'

    async def send(signature: str, at: int | None = None) -> httpx.Response:
        headers = {"X-Signature": signature, **({"X-Timestamp": str(at)} if at is not None else {})}
        return await anonymous.post(webhook["path"], content=raw, headers=headers)

    now, secret = int(time.time()), webhook["secret"]
    old = now - 61
    expired = await send(signature_of(secret, raw, str(old)), old)
    moved = await send(signature_of(secret, raw, str(old)), now)
    good = await send(signature_of(secret, raw, str(now)), now)
    nonsense = await anonymous.post(webhook["path"], content=raw, headers={"X-Timestamp": "soon"})

    assert (expired.status_code, expired.json()["code"]) == (422, "ALERT_EXPIRED")
    assert (moved.status_code, good.status_code, nonsense.status_code) == (403, 201, 400)
    api.signals.rows.clear()
    repeated = await send(signature_of(secret, raw, str(now)).upper(), now)
    early = await send(signature_of(secret, raw, str(now + 90)), now + 90)
    assert (repeated.status_code, repeated.json()["code"]) == (409, "ALERT_DUPLICATE")
    assert (early.status_code, early.json()["code"]) == (400, "INVALID_ALERT")
    assert not api.signals.rows
    assert (await send(signature_of(secret, raw, None))).status_code == 201
    (stored,) = api.webhooks.rows.values()
    assert (stored.accepted_count, stored.refused_count) == (2, 3)


async def test_an_api_key_of_the_owner_will_do(
    api: FakeApi, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    body, headers = {"ticker": "EXMUSDT", "side": "buy"}, {"X-API-Key": KEY}
    statuses = []
    for key in (
        an_api_key(Scope.SIGNALS, user_id=UserId(new_id())),
        an_api_key(Scope.AGENTS),
        an_api_key(Scope.SIGNALS),
    ):
        api.keys.by_hash[key_hash(KEY)] = key
        api.services.users.authenticator._known_keys.clear()
        statuses.append((await anonymous.post(webhook["path"], json=body, headers=headers)).status_code)

    assert statuses == [403, 403, 201]
    api.keys.by_hash.clear()
    api.services.users.authenticator._known_keys.clear()
    api.signals.rows.clear()
    session = client.headers["authorization"].removeprefix("Bearer ")
    for text in (KEY, "hello", session):
        answer = await anonymous.post(webhook["path"], json=body, headers={"X-API-Key": text})
        assert (answer.status_code, answer.json()["code"]) == (403, "ALERT_FORBIDDEN")
    assert not api.signals.rows


async def test_old_and_repeated_and_unwanted_alerts_are_not_traded(
    api: FakeApi, client: httpx.AsyncClient, anonymous: httpx.AsyncClient, webhook: dict[str, Any]
) -> None:
    async def send(**more: object) -> tuple[int, str | None]:
        answer = await anonymous.post(webhook["path"], json=alert(webhook, **more))
        return answer.status_code, answer.json().get("code")

    assert await send(timestamp=int(time.time()) - 100) == (422, "ALERT_EXPIRED")
    assert await send(timestamp=int(time.time()) + 100) == (400, "INVALID_ALERT")
    assert await send(side="sell") == (400, "INVALID_ALERT")
    assert await send(ticker="SOLUSDT") == (400, "INVALID_ALERT")
    assert await send(alertId="a1", side="sell") == (400, "INVALID_ALERT")
    assert await send(alertId="a1") == (201, None)
    api.signals.rows.clear()
    assert await send(alertId="a1") == (409, "ALERT_DUPLICATE")
    # What came to nothing may come again.
    assert await send(alertId="a2") == (201, None)
    assert await send(alertId="a3") == (409, "SIGNAL_DUPLICATE")
    api.signals.rows.clear()
    assert await send(alertId="a3") == (201, None)
    await client.put(f"{URL}/{webhook['id']}", json={"enabled": False})
    api.signals.rows.clear()
    assert await send() == (409, "SIGNAL_WEBHOOK_DISABLED")
    assert not api.signals.rows


async def test_a_test_shows_every_agents_decision_and_does_nothing(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, webhook: dict[str, Any]
) -> None:
    picky = replace(agent, id=new_id(), name="Picky", automated_trading_simulation=False)  # type: ignore[arg-type]
    await api.engine.add_agent(picky)
    entries = len(api.engine.journal.entries)

    tried = await client.post(
        f"{URL}/{webhook['id']}/test", json={"alert": {"ticker": "EXMUSDT", "side": "buy"}}
    )
    direct = await client.post(
        "/api/v1/trading-signals/test", json={"tokenAddress": TOKEN, "signalType": "X", "signalStrength": 3}
    )

    assert (tried.status_code, direct.status_code) == (200, 200)
    assert tried.json()["signal"]["tokenAddress"] == TOKEN
    for answer in (tried, direct):
        decisions = {one["agentId"]: one for one in answer.json()["decisions"]}
        bought, skipped = decisions[str(agent.id)], decisions[str(picky.id)]
        assert (bought["outcome"], bought["code"], bought["priceSource"]) == ("WOULD_BUY", None, "quote")
        assert float(bought["sizeSol"]) > 0
        assert all(gate["passed"] for gate in bought["gates"])
        assert [gate["name"] for gate in bought["gates"][-2:]] == ["price_impact", "purchase_validation"]
        assert answer.json()["refusal"] is None
        assert (skipped["outcome"], skipped["code"]) == ("SKIPPED", "NOT_ELIGIBLE")
    assert len(api.engine.journal.entries) == entries
    assert not api.signals.rows
    assert not api.engine.positions(agent)
    refused = await client.post(f"{URL}/{webhook['id']}/test", json={"alert": {"side": "buy"}})
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_ALERT")


async def test_an_alert_may_ask_for_a_sale_and_a_test_shows_what_would_be_sold(
    api: FakeApi, client: httpx.AsyncClient, agent: Agent, webhook: dict[str, Any]
) -> None:
    await api.engine.buy([agent])
    tried = await client.post(
        f"{URL}/{webhook['id']}/test",
        json={"alert": {"ticker": "EXMUSDT", "side": "buy", "action": "reduce", "percent": 50}},
    )
    sent = await client.post(f"{webhook['path']}", json=alert(webhook, action="close"))
    unknown = await client.post(f"{webhook['path']}", json=alert(webhook, action="sell"))

    assert (tried.json()["signal"]["action"], tried.json()["signal"]["percent"]) == ("reduce", 50)
    assert [one["outcome"] for one in tried.json()["decisions"]] == ["WOULD_SELL"]
    assert (sent.status_code, sent.json()["action"]) == (201, "close")
    assert "percent" not in sent.json()
    assert unknown.status_code == 400
    assert "a map can translate words" in unknown.json()["error"]


async def test_a_test_says_when_the_webhook_would_not_take_the_alert(
    client: httpx.AsyncClient, agent: Agent, webhook: dict[str, Any]
) -> None:
    url = f"{URL}/{webhook['id']}"
    old = {"ticker": "EXMUSDT", "side": "buy", "timestamp": int(time.time()) - 100}

    expired = (await client.post(f"{url}/test", json={"alert": json.dumps(old)})).json()
    await client.put(url, json={"enabled": False})
    disabled = (await client.post(f"{url}/test", json={"alert": old})).json()

    assert expired["refusal"]["code"] == "ALERT_EXPIRED"
    assert disabled["refusal"]["code"] == "SIGNAL_WEBHOOK_DISABLED"
    for answer in (expired, disabled):
        assert [decision["agentId"] for decision in answer["decisions"]] == [str(agent.id)]


async def test_an_alert_that_failed_for_an_unknown_reason_may_come_again(
    api: FakeApi, webhook: dict[str, Any]
) -> None:
    """Also when its id cannot be taken back the first failure is the one that is told."""

    async def broken(draft: SignalDraft, *, duplicate_window_seconds: int) -> Signal:
        raise RuntimeError("unexpected")

    api.signals.add = broken  # type: ignore[method-assign]
    receive = api.services.receive_alert
    raw = json.dumps(alert(webhook, alertId="a1")).encode()

    with pytest.raises(RuntimeError):
        await receive.execute(UUID(webhook["id"]), raw, AlertProof())

    assert not api.webhooks.alerts

    async def unavailable(webhook_id: UUID, alert_id: str) -> None:
        raise UnavailableError("the database is away")

    api.webhooks.forget_alert = unavailable  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await receive.execute(UUID(webhook["id"]), raw, AlertProof())
