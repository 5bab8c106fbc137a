"""What a configuration changed, and the endpoint that shows it."""

from __future__ import annotations

import pytest

from nexgent.domain.agents.config_history import changed_settings
from nexgent.domain.agents.models import Agent
from tests.fakes.api import EMAIL, FakeApi
from tests.unit.api.conftest import agent, api

__all__ = ["agent", "api"]


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({}, {}, []),
        ({"a": {"b": 1, "c": [1, 2]}}, {"a": {"b": 1, "c": [1, 2]}}, []),
        ({"a": {"b": 1, "c": [1, 2]}, "z": 1}, {"a": {"b": 2, "c": [1, 3]}, "z": 1}, ["a.b", "a.c"]),
        ({"a": {"b": 1}}, {"a": {}, "new": {"x": 1}}, ["a.b", "new"]),
        ({"a": None}, {"a": {"b": 1}}, ["a"]),
    ],
)
def test_settings_that_differ(
    before: dict[str, object], after: dict[str, object], changed: list[str]
) -> None:
    assert changed_settings(before, after) == changed


async def test_versions_say_who_changed_what_and_any_of_them_can_be_restored(
    api: FakeApi, agent: Agent
) -> None:
    path = f"/api/v1/agents/{agent.id}/config"
    async with api.client() as client:
        first = (await client.get(path)).json()["config"]
        for score in (4, 2):
            answer = await client.put(path, json={"config": {"signals": {"minScore": score}}})
            assert answer.status_code == 200, answer.text

        versions = (await client.get(f"{path}/history")).json()

        assert [one["changed"] for one in versions][:1] == [["signals.minScore"]]
        assert [one["config"]["signals"]["minScore"] for one in versions[:2]] == [2, 4]
        assert {one["savedBy"] for one in versions[:2]} == {EMAIL}
        page = await client.get(f"{path}/history?limit=1")
        assert page.json() == versions[:1]
        rest = await client.get(f"{path}/history?cursor={page.headers['x-next-cursor']}")
        assert rest.json() == versions[1:]
        back = await client.put(path, json={"config": versions[1]["config"]})
        assert back.json()["config"] == versions[1]["config"]
        assert back.json()["config"] != first
        newest = (await client.get(f"{path}/history")).json()[0]
        assert (newest["config"], newest["changed"]) == (versions[1]["config"], ["signals.minScore"])
