"""`/agents`: agents and their trading configuration."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import JsonBytes, encode, iso, json_array, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import SchemaFields
from nexgent.api.fragments import FragmentCache
from nexgent.api.v1.agents.schemas import AgentChangesIn, AgentIn, AgentOut, ConfigIn, ConfigOut
from nexgent.api.v1.auth.schemas import DoneOut
from nexgent.api.v1.positions.router import list_positions_of
from nexgent.api.v1.positions.schemas import PositionOut
from nexgent.domain.agents.config import to_json_dict
from nexgent.domain.agents.create_agent import NewAgent
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.agents.update_agent import AgentChanges
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError

endpoints = Endpoints("agents")

_MODES = tuple(mode.value for mode in TradingMode)


def _encode_agent(agent: Agent) -> bytes:
    return encode(
        {
            "id": agent.id,
            "userId": agent.user_id,
            "name": agent.name,
            "tradingMode": agent.trading_mode.value,
            "automatedTradingSimulation": agent.automated_trading_simulation,
            "automatedTradingLive": agent.automated_trading_live,
            "createdAt": iso(agent.created_at),
            "updatedAt": iso(agent.updated_at),
        }
    )


def _fragments(call: Call) -> FragmentCache[Agent]:
    cache: FragmentCache[Agent] = call.request.app.state.agent_fragments
    return cache


def agent_fragment(call: Call, agent: Agent) -> bytes:
    """Return an agent as JSON."""
    return _fragments(call).get(agent.id, agent, _encode_agent)


@endpoints.post(
    "/agents",
    Access.SESSION,
    Doc(summary="Create an agent with a paper wallet", body=AgentIn, response=AgentOut, status=201),
)
async def create_agent(call: Call) -> Response:
    """Create an agent."""
    fields = SchemaFields(await call.body())
    name = fields.text("name", minimum=3, maximum=50)
    mode = fields.choice("tradingMode", _MODES)
    fields.done()
    new = NewAgent(user_id=call.user_id, name=name or "", trading_mode=TradingMode(mode or "simulation"))
    agent = await call.services.create_agent.execute(new)
    return JsonBytes(agent_fragment(call, agent), 201)


@endpoints.get(
    "/agents", Scope.AGENTS, Doc(summary="List agents, newest first", response=AgentOut, many=True)
)
async def list_agents(call: Call) -> Response:
    """Return the user's agents."""
    cache = _fragments(call)
    agents = call.services.directory.of_user(call.user_id)
    return json_array([cache.get(agent.id, agent, _encode_agent) for agent in agents])


@endpoints.get("/agents/{id}", Scope.AGENTS, Doc(summary="One agent", response=AgentOut))
async def get_agent(call: Call) -> Response:
    """Return an agent."""
    agent = call.services.directory.owned(call.agent_id(), call.user_id)
    return JsonBytes(agent_fragment(call, agent))


@endpoints.put(
    "/agents/{id}",
    Access.SESSION,
    Doc(summary="Change name, mode or toggles", body=AgentChangesIn, response=AgentOut),
)
async def update_agent(call: Call) -> Response:
    """Change an agent."""
    fields = SchemaFields(await call.body())
    name = fields.text("name", minimum=3, maximum=50, required=False)
    mode = fields.choice("tradingMode", _MODES)
    simulation = fields.boolean("automatedTradingSimulation")
    live = fields.boolean("automatedTradingLive")
    fields.done()
    changes = AgentChanges(
        name=name,
        trading_mode=TradingMode(mode) if mode is not None else None,
        automated_trading_simulation=simulation,
        automated_trading_live=live,
    )
    agent = await call.services.update_agent.execute(call.agent_id(), call.user_id, changes)
    return JsonBytes(agent_fragment(call, agent))


@endpoints.delete(
    "/agents/{id}", Access.SESSION, Doc(summary="Delete an agent and all it owns", response=DoneOut)
)
async def delete_agent(call: Call) -> Response:
    """Delete an agent."""
    await call.services.delete_agent.execute(call.agent_id(), call.user_id)
    return json_response({"success": True, "message": "Agent deleted successfully"})


@endpoints.get(
    "/agents/{id}/config",
    Scope.AGENTS,
    Doc(summary="The effective trading configuration", response=ConfigOut),
)
async def get_config(call: Call) -> Response:
    """Return the configuration."""
    agent = call.services.directory.owned(call.agent_id(), call.user_id)
    return json_response({"config": to_json_dict(agent.config)})


async def update_config(call: Call) -> Response:
    """Merge a partial configuration over the effective one; null goes back to the defaults."""
    agent_id = call.agent_id()
    body = await call.body()
    if "config" not in body:
        raise InvalidInputError("Config is required in request body")
    agent = await call.services.update_config.execute(agent_id, call.user_id, body["config"])
    return json_response({"config": to_json_dict(agent.config)})


_CONFIG_DOC = Doc(summary="Change the trading configuration", body=ConfigIn, response=ConfigOut)
endpoints.put("/agents/{id}/config", Access.SESSION, _CONFIG_DOC)(update_config)
endpoints.patch("/agents/{id}/config", Access.SESSION, _CONFIG_DOC)(update_config)


@endpoints.get(
    "/agents/{id}/positions",
    Scope.AGENTS,
    Doc(
        summary="Open positions of an agent",
        response=PositionOut,
        many=True,
        query={"walletAddress": "Only positions of this wallet"},
    ),
)
async def list_positions(call: Call) -> Response:
    """Return the open positions."""
    return list_positions_of(call, call.agent_id())
