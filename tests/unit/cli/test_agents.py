"""One rule says which agent is meant, for every command."""

from __future__ import annotations

import pytest

from nexgent.cli.agents import AgentAmbiguousError, AgentUnknownError, choose_agent

AGENTS = [
    {"id": "11111111-aaaa-4000-8000-000000000001", "name": "Newest"},
    {"id": "11111111-aaaa-4000-8000-000000000002", "name": "Demo"},
    {"id": "11111111-aaaa-4000-8000-000000000003", "name": "Twin"},
    {"id": "11111111-aaaa-4000-8000-000000000004", "name": "Twin"},
    {"id": "11111111-aaaa-4000-8000-000000000005", "name": "newest"},
]


def chosen(wanted: str | None, *, any_will_do: bool = False) -> str:
    return str(choose_agent(AGENTS, wanted, any_will_do=any_will_do)["id"])[-1]


def test_an_id_a_name_and_a_name_in_another_case_are_known() -> None:
    assert chosen("11111111-AAAA-4000-8000-000000000003") == "3"
    assert chosen("Newest") == "1"
    assert chosen("newest") == "5"
    assert chosen(" demo ") == "2"


def test_a_name_of_several_lists_them_with_their_ids() -> None:
    for name in ("Twin", "twin", "NEWEST"):
        with pytest.raises(AgentAmbiguousError) as refused:
            choose_agent(AGENTS, name)
        assert refused.value.message.startswith(
            f"2 agents are called {name!r}; say which one with --agent ID:\n"
        )
    with pytest.raises(AgentAmbiguousError) as refused:
        choose_agent(AGENTS, "Twin")
    assert "\n  11111111-aaaa-4000-8000-000000000003  Twin\n" in refused.value.message
    assert "Demo" not in refused.value.message


def test_without_a_wish_only_commands_that_look_take_any() -> None:
    assert chosen(None, any_will_do=True) == "2"
    assert choose_agent(AGENTS[:1], None) == AGENTS[0]
    assert choose_agent([AGENTS[2], AGENTS[0]], None, any_will_do=True) == AGENTS[2]
    with pytest.raises(AgentAmbiguousError, match="There are 5 agents"):
        choose_agent(AGENTS, None)


def test_a_name_of_nobody_lists_who_there_is_and_not_a_thousand() -> None:
    with pytest.raises(AgentUnknownError, match="No agent has the id or name 'x'") as refused:
        choose_agent([{"id": str(number), "name": f"agent {number}"} for number in range(1000)], "x")
    assert refused.value.message.count("\n") == 21
    assert refused.value.message.endswith("… and 980 more")
    with pytest.raises(AgentUnknownError, match="no agent yet"):
        choose_agent([], None, any_will_do=True)
