"""The OpenAPI document says everything about every endpoint, and its examples are what it says."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from nexgent.api.app import ENDPOINTS
from nexgent.api.http.access import Access
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.domain.users.models import Scope
from tests.openapi import openapi_document

DOCUMENT = openapi_document()


def named(endpoint: ApiRoute) -> str:
    return f"{endpoint.method} {endpoint.path}"


def described(endpoint: ApiRoute) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][PREFIX + endpoint.path][endpoint.method.lower()]
    return found


@cache
def validator(schema: str) -> Any:
    """Return what holds examples against a schema, given as JSON: it compiles all components, and most refusals share one."""
    return jsonschema_rs.validator_for({**json.loads(schema), "components": DOCUMENT["components"]})


def check(example: object, schema: dict[str, Any]) -> None:
    validator(json.dumps(schema)).validate(example)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_everything_is_said(endpoint: ApiRoute) -> None:
    operation = described(endpoint)

    assert operation["summary"]
    assert operation["tags"] == [endpoint.tag]
    if isinstance(endpoint.access, Scope):
        assert f"`{endpoint.access.value}`" in operation["description"]
    for parameter in operation["parameters"]:
        assert parameter["schema"]["type"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_answers_have_shapes_and_examples(endpoint: ApiRoute) -> None:
    done = described(endpoint)["responses"][str(endpoint.done)]

    if endpoint.done == 204:
        assert not done.get("content")
        return
    content = next(iter(done["content"].values()))
    assert content["schema"] or not endpoint.has_shape
    if endpoint.has_shape:
        check(content["example"], content["schema"])
        assert content["example"]
    else:
        assert any(isinstance(one["example"], str) for one in done["content"].values())


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.has_body], ids=named)
def test_bodies_have_shapes_and_examples(endpoint: ApiRoute) -> None:
    content = described(endpoint)["requestBody"]["content"]["application/json"]

    check(content["example"], content["schema"])
    assert content["example"]
    assert "…" not in str(content["example"])


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_every_refusal_has_an_example(endpoint: ApiRoute) -> None:
    responses = described(endpoint)["responses"]

    assert "default" not in responses, "a wildcard would document whatever happens"
    for status, answer in responses.items():
        if status[0] in "45" and endpoint.tag != "health":
            content = answer["content"]["application/json"]
            check(content["example"], content["schema"])
            assert content["example"]["error"]
    wanted = {"500", "503"} if endpoint.path != "/health/live" else {"500"}
    if endpoint.access is not Access.PUBLIC:
        wanted.add("401")
    if isinstance(endpoint.access, Scope):
        wanted.add("403")
    if "{" in endpoint.path and "walletAddress" not in endpoint.path:
        wanted |= {"400", "404"}
    assert wanted <= set(responses)


def test_refusals_keep_the_keywords_clients_look_for() -> None:
    for endpoint in ENDPOINTS:
        for status, answer in described(endpoint)["responses"].items():
            if status == "404":
                text = answer["content"]["application/json"]["example"]["error"]
                assert "not found" in text.lower(), named(endpoint)
            if status == "403" and not isinstance(endpoint.access, Scope) and endpoint.tag != "auth":
                text = answer["content"]["application/json"]["example"]["error"]
                assert text.startswith("Forbidden"), named(endpoint)


def test_every_tag_is_explained() -> None:
    explained = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}

    assert set(explained) == {endpoint.tag for endpoint in ENDPOINTS}
    assert all(explained.values())
