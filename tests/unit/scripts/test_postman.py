"""The Postman collection is what the OpenAPI document makes of it, and has what users of it expect."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from nexgent.api.app import ENDPOINTS
from scripts import make_postman
from scripts.make_postman import COLLECTION, ENVIRONMENT, FOLDER, documents

MADE = {name: (FOLDER / name).read_text(encoding="utf-8") for name in (COLLECTION, ENVIRONMENT)}
COLLECTED: dict[str, Any] = json.loads(MADE[COLLECTION])
VARIABLES = {value["key"] for value in json.loads(MADE[ENVIRONMENT])["values"]}


def requests_of(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        if "item" in item:
            yield from requests_of(item["item"])
        else:
            yield item


def test_nothing_would_change() -> None:
    assert documents() == MADE, "run: make postman"


def test_the_check_notices_a_change(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_postman, "FOLDER", tmp_path)
    monkeypatch.setattr(make_postman, "documents", lambda: MADE)

    assert make_postman.main(["--check"]) == 1
    assert make_postman.main([]) == 0
    assert make_postman.main(["--check"]) == 0
    (tmp_path / COLLECTION).write_text("{}")
    assert make_postman.main(["--check"]) == 1


def test_every_endpoint_is_a_request() -> None:
    sent = [
        (one["request"]["method"], one["request"]["url"]["raw"]) for one in requests_of(COLLECTED["item"])
    ]
    found = {(method, re.sub(r"\{\{\w+\}\}", "*", raw).partition("?")[0]) for method, raw in sent}

    for endpoint in ENDPOINTS:
        path = re.sub(r"\{\w+\}", "*", endpoint.path)
        assert (endpoint.method, f"*/api/v1{path}") in found


# Of templates for alerts, and of their explanation: Postman leaves what it does not know as it is.
ALERT_FIELDS = {"field", "id", "side", "ticker"}


def test_every_variable_is_in_the_environment() -> None:
    assert set(re.findall(r"\{\{(\w+)\}\}", MADE[COLLECTION])) - ALERT_FIELDS <= VARIABLES
    assert not ALERT_FIELDS & VARIABLES
    assert set(re.findall(r"environment\.(?:set|unset)\('(\w+)'", MADE[COLLECTION])) <= VARIABLES


def test_names_are_those_users_know() -> None:
    folders = [folder["name"] for folder in COLLECTED["item"]]

    assert {"Authentication", "Agents", "Agent Balances", "API Keys", "Trading Signals"} <= set(folders)
    assert {
        "base_url", "access_token", "refresh_token", "user_id", "user_email", "agent_id", "balance_id", "signal_id",
        "transaction_id", "swap_id", "wallet_address", "api_key_id", "api_key", "api_key_prefix",
    } <= VARIABLES  # fmt: skip


def test_every_request_checks_its_answer() -> None:
    for one in requests_of(COLLECTED["item"]):
        [event] = one["event"]
        script = "\n".join(event["script"]["exec"])
        assert "pm.response.code" in script, one["name"]
