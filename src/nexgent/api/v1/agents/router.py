"""`/agents`: agents and their trading configuration."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from nexgent.api.encoding import JsonBytes, encode, json_array, json_response
from nexgent.api.fragments import FragmentCache
from nexgent.api.http.access import AgentsCaller, SessionCaller
from nexgent.api.http.declared import audited
from nexgent.api.http.queries import PageQuery
from nexgent.api.http.refusals import MOVED_ON, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import AgentIdInPath
from nexgent.api.paging import NEXT_PAGE, Paging
from nexgent.api.v1.agents.schemas import (
    AgentChangesIn,
    AgentDeletedOut,
    AgentIn,
    AgentOut,
    AgentsQuery,
    ConfigIn,
    ConfigOut,
    ConfigVersionOut,
    DeletionQuery,
)
from nexgent.api.v1.positions.schemas import PositionOut, PositionsQuery
from nexgent.api.v1.positions.views import positions_of
from nexgent.domain.agents.config import to_json_dict
from nexgent.domain.agents.config_history import MOST_VERSIONS
from nexgent.domain.agents.create_agent import NewAgent
from nexgent.domain.agents.models import Agent
from nexgent.domain.agents.update_agent import AgentChanges
from nexgent.shared.paging import PageCursor

router = APIRouter(prefix="/agents", tags=["agents"], route_class=ApiRoute)
_VERSIONS = Paging("configurations", int)


def _encoded(agent: Agent) -> bytes:
    return encode(AgentOut.of(agent).model_dump())


def agent_fragment(request: Request, agent: Agent) -> bytes:
    """Return an agent as JSON, encoded anew only when it has changed."""
    cache: FragmentCache[Agent] = request.app.state.agent_fragments
    return cache.get(agent.id, agent, _encoded)


@router.post(
    "",
    status_code=201,
    summary="Create an agent with a paper wallet",
    responses=refusals(Refusal(409, "An agent cannot be created at present", "CONFLICT")),
    dependencies=[audited("agent.create")],
)
async def create_agent(body: AgentIn, caller: SessionCaller, services: Services) -> AgentOut:
    """Create an agent. Its id is its own; a name may be that of another agent, too."""
    new = NewAgent(user_id=caller.user_id, name=body.name, trading_mode=body.trading_mode)
    return AgentOut.of(await services.create_agent.execute(new))


@router.get("", summary="List agents, newest first", response_model=list[AgentOut])
async def list_agents(
    request: Request, query: Annotated[AgentsQuery, Query()], caller: AgentsCaller, services: Services
) -> Response:
    """Return the user's agents."""
    if query.deleted:
        gone = services.directory.deleted_of_user(caller.user_id)
        return json_array([_encoded(agent) for agent in gone])
    agents = services.directory.of_user(caller.user_id)
    return json_array([agent_fragment(request, agent) for agent in agents])


@router.get("/{id}", summary="One agent", response_model=AgentOut)
async def get_agent(
    agent_id: AgentIdInPath, request: Request, caller: AgentsCaller, services: Services
) -> Response:
    """Return an agent."""
    return JsonBytes(agent_fragment(request, services.directory.owned(agent_id, caller.user_id)))


@router.put(
    "/{id}",
    summary="Change name, mode or toggles",
    responses=refusals(MOVED_ON),
    dependencies=[audited("agent.update")],
)
async def update_agent(
    agent_id: AgentIdInPath, body: AgentChangesIn, caller: SessionCaller, services: Services
) -> AgentOut:
    """Change an agent."""
    changes = AgentChanges(**body.model_dump(exclude_unset=True, by_alias=False))
    return AgentOut.of(await services.update_agent.execute(agent_id, caller.user_id, changes))


@router.delete(
    "/{id}",
    summary="Delete an agent with its wallets, balances and open positions",
    responses=refusals(
        Refusal(
            409, "A trade of this agent is in progress; try again when it has finished", "TRADE_IN_PROGRESS"
        )
    ),
    dependencies=[audited("agent.delete")],
)
async def delete_agent(
    agent_id: AgentIdInPath,
    query: Annotated[DeletionQuery, Query()],
    caller: SessionCaller,
    services: Services,
) -> AgentDeletedOut:
    """Delete an agent. What it did stays readable: transactions, closed trades, and its decisions on signals.

    Trades under way are waited for, up to five seconds. Open positions of a live wallet have to be confirmed: their tokens stay
    in the wallet on the chain, where no stop loss watches them any more.
    """
    lost = await services.delete_agent.execute(agent_id, caller.user_id, confirmed=query.confirm)
    return AgentDeletedOut(success=True, message="Agent deleted successfully", open_positions=lost)


@router.get("/{id}/config", summary="The effective trading configuration", response_model=ConfigOut)
async def get_config(agent_id: AgentIdInPath, caller: AgentsCaller, services: Services) -> Response:
    """Return the configuration."""
    agent = services.directory.owned(agent_id, caller.user_id)
    return json_response({"config": to_json_dict(agent.config)})


@router.put(
    "/{id}/config",
    summary="Change the trading configuration",
    response_model=ConfigOut,
    dependencies=[audited("agent.configure")],
)
@router.patch(
    "/{id}/config",
    summary="Change the trading configuration",
    response_model=ConfigOut,
    dependencies=[audited("agent.configure")],
)
async def update_config(
    agent_id: AgentIdInPath, body: ConfigIn, caller: SessionCaller, services: Services
) -> Response:
    """Merge a partial configuration over the effective one; null goes back to the defaults.

    Arrays are replaced as a whole. A key that is no setting is refused, with the one that was probably meant.
    """
    by = caller.claims.email if caller.claims is not None else ""
    agent = await services.update_config.execute(agent_id, caller.user_id, body.config, saved_by=by)
    return json_response({"config": to_json_dict(agent.config)})


@router.get(
    "/{id}/config/history",
    summary="Configurations an agent has had, newest first",
    description=f"Each with who saved it when and which settings it changed; the newest {MOST_VERSIONS} are kept. The first is "
    f"the one in force. To go back to one, send its `config` to `PUT /agents/{{id}}/config`. {NEXT_PAGE}",
    response_model=list[ConfigVersionOut],
)
async def config_history(
    agent_id: AgentIdInPath,
    query: Annotated[PageQuery, Query()],
    caller: AgentsCaller,
    services: Services,
) -> Response:
    """Return a page of versions."""
    services.directory.owned(agent_id, caller.user_id)
    page = _VERSIONS.page(query)
    rows = await services.config_history.config_versions(
        agent_id,
        limit=page.asked,
        offset=page.offset,
        before=page.after.id if page.after is not None else None,
    )
    shown = [
        ConfigVersionOut.of(row, rows[at + 1] if at + 1 < len(rows) else None) for at, row in enumerate(rows)
    ]
    return await _VERSIONS.answer(
        shown, page, view=lambda one: one, mark=lambda one: PageCursor(one.saved_at, one.id)
    )


@router.get("/{id}/positions", summary="Open positions of an agent", response_model=list[PositionOut])
async def list_positions(
    agent_id: AgentIdInPath,
    query: Annotated[PositionsQuery, Query()],
    request: Request,
    caller: AgentsCaller,
    services: Services,
) -> Response:
    """Return the open positions."""
    return await positions_of(request, services, agent_id, caller.user_id, query.wallet_address)
