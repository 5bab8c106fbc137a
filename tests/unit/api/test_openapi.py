"""The OpenAPI document says everything about every endpoint, and its examples are what it says."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from nexgent.api.app import ENDPOINTS, create_api
from nexgent.api.endpoint import PREFIX, Access, Endpoint
from nexgent.api.refusals import refusals
from nexgent.domain.users.models import Scope

DOCUMENT: dict[str, Any] = create_api().openapi()


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


def described(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][PREFIX + endpoint.path][endpoint.method.lower()]
    return found


def check(example: object, schema: dict[str, Any]) -> None:
    jsonschema_rs.validate({**schema, "components": DOCUMENT["components"]}, example)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_everything_is_said(endpoint: Endpoint) -> None:
    operation = described(endpoint)

    assert operation["summary"]
    assert operation["tags"] == [endpoint.tag]
    if isinstance(endpoint.access, Scope):
        assert f"`{endpoint.access.value}`" in operation["description"]
    for parameter in operation["parameters"]:
        assert parameter["schema"]["type"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_answers_have_shapes_and_examples(endpoint: Endpoint) -> None:
    done = described(endpoint)["responses"][str(endpoint.doc.status)]

    if endpoint.doc.status == 204:
        assert not done.get("content")
        return
    content = done["content"][endpoint.doc.media_type]
    assert content["schema"] or endpoint.doc.response is None
    if endpoint.doc.response is not None:
        check(content["example"], content["schema"])
        assert content["example"]
    else:
        assert isinstance(content["example"], str)


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.doc.body is not None], ids=named)
def test_bodies_have_shapes_and_examples(endpoint: Endpoint) -> None:
    content = described(endpoint)["requestBody"]["content"]["application/json"]

    check(content["example"], content["schema"])
    assert content["example"]
    assert "…" not in str(content["example"])


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
def test_every_refusal_has_an_example(endpoint: Endpoint) -> None:
    responses = described(endpoint)["responses"]

    assert "default" not in responses, "a wildcard would document whatever happens"
    for status, refusal in refusals(endpoint).items():
        content = responses[str(status)]["content"]["application/json"]
        check(content["example"], content["schema"])
        if endpoint.tag != "health":
            assert content["example"]["error"] == refusal.text
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
        for status, refusal in refusals(endpoint).items():
            if status == 404:
                assert "not found" in refusal.text.lower(), named(endpoint)
            if status == 403 and not isinstance(endpoint.access, Scope) and endpoint.tag != "auth":
                assert refusal.text.startswith("Forbidden"), named(endpoint)


def test_every_tag_is_explained() -> None:
    explained = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}

    assert set(explained) == {endpoint.tag for endpoint in ENDPOINTS}
    assert all(explained.values())
