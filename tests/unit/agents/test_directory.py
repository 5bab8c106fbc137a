"""Agents with equal rules share one configuration, as long as somebody has it."""

from __future__ import annotations

from dataclasses import replace

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.events import AgentSaved
from tests.builders import a_config, an_agent


def test_agents_with_equal_rules_have_one_configuration_and_others_their_own() -> None:
    directory = AgentDirectory()
    agents = [an_agent(a_config({"dca": {"enabled": on}})) for on in (True, False, True)]
    directory.load(agents)

    configs = [directory.find(agent.id).config for agent in agents]  # type: ignore[union-attr]

    assert configs == [agent.config for agent in agents]
    assert configs[0] is configs[2]
    assert configs[0] is not configs[1]
    assert [directory.find(agent.id) for agent in agents] == agents


def test_configurations_that_nobody_has_any_more_are_forgotten() -> None:
    directory = AgentDirectory()
    agent = an_agent()

    for percentage in range(1_000):
        config = a_config({"stopLoss": {"defaultPercentage": -percentage / 10}})
        directory.on_saved(AgentSaved(replace(agent, config=config)))

    assert directory.find(agent.id) == replace(agent, config=config)
    assert len(directory._configs) <= 200
