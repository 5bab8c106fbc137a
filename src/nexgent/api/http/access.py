"""Who may call an endpoint: said at the endpoint, by the type of its parameter `caller`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from starlette.types import Scope as ConnectionScope

from nexgent.api.deps import ApiServices
from nexgent.domain.users.models import Caller, Claims, Scope
from nexgent.shared.errors import ForbiddenError

CALLER_KEY = "nexgent.caller"
"""Where the route leaves who calls."""


class Access(Enum):
    """Who may call an endpoint that takes no API keys."""

    PUBLIC = "public"
    SESSION = "session"


class Admits:
    """Tells a route whom to let in: sessions, and API keys with a scope if one is named."""

    def __init__(self, access: Access | Scope) -> None:
        self.access = access


class CallerFrom(Admits):
    """Gives an endpoint its caller."""

    async def __call__(self, request: Request) -> Caller:
        """Return who calls, whom the route has let in."""
        caller: Caller = request.scope[CALLER_KEY]
        return caller


class ClaimsFrom(Admits):
    """Gives an endpoint what the token of its session says."""

    async def __call__(self, request: Request) -> Claims:
        """Return the claims of the session the route has let in."""
        caller: Caller = request.scope[CALLER_KEY]
        assert caller.claims is not None
        return caller.claims


class AdminFrom(Admits):
    """Lets the administrator's sessions in, and nobody else's. It looks before the rest of the request is looked at."""

    async def __call__(self, request: Request) -> Caller:
        """Return the administrator. Raises `ForbiddenError`."""
        caller: Caller = request.scope[CALLER_KEY]
        services: ApiServices = request.app.state.services
        admin = services.values.admin_email
        if caller.claims is None or not admin or caller.claims.email.lower() != admin:
            raise ForbiddenError("Forbidden: admin only")
        return caller


AdminCaller = Annotated[Caller, Depends(AdminFrom(Access.SESSION))]
SessionCaller = Annotated[Caller, Depends(CallerFrom(Access.SESSION))]
AgentsCaller = Annotated[Caller, Depends(CallerFrom(Scope.AGENTS))]
BalancesCaller = Annotated[Caller, Depends(CallerFrom(Scope.BALANCES))]
HistoryCaller = Annotated[Caller, Depends(CallerFrom(Scope.HISTORY))]
KillSwitchCaller = Annotated[Caller, Depends(CallerFrom(Scope.KILL_SWITCH))]
OverviewCaller = Annotated[Caller, Depends(CallerFrom(Scope.OVERVIEW))]
PositionsCaller = Annotated[Caller, Depends(CallerFrom(Scope.POSITIONS))]
SignalsCaller = Annotated[Caller, Depends(CallerFrom(Scope.SIGNALS))]
TradingCaller = Annotated[Caller, Depends(CallerFrom(Scope.TRADING))]
TransactionsCaller = Annotated[Caller, Depends(CallerFrom(Scope.TRANSACTIONS))]
SessionClaims = Annotated[Claims, Depends(ClaimsFrom(Access.SESSION))]


SESSION_ONLY: Any = Depends(CallerFrom(Access.SESSION))
"""For the dependencies of an endpoint that lets sessions in and does not care whose."""

OVERVIEW_READERS: Any = Depends(CallerFrom(Scope.OVERVIEW))
"""The same for one that lets in keys with the scope as well."""

ADMINS_ONLY: Any = Depends(AdminFrom(Access.SESSION))
"""For the dependencies of an endpoint that lets the administrator in only."""


def access_of(dependant: Dependant) -> Access | Scope:
    """Return who may call an endpoint with these parameters. One without a caller is public."""
    for one in dependant.dependencies:
        call: object = one.call
        found = call.access if isinstance(call, Admits) else access_of(one)
        if found is not Access.PUBLIC:
            return found
    return Access.PUBLIC


async def authenticate(
    connection: ConnectionScope, services: ApiServices, access: Access | Scope
) -> Caller | None:
    """Return who calls; None where nobody has to be known. Raises `NotAuthenticatedError`, `MissingScopeError`."""
    if access is Access.PUBLIC:
        return None
    authorization = api_key = None
    for name, value in connection["headers"]:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"x-api-key":
            api_key = value.decode("latin-1")
    if isinstance(access, Scope):
        return await services.users.authenticator.by_token_or_key(
            authorization, api_key, access, reading=connection["method"] == "GET"
        )
    return services.users.authenticator.by_token(authorization)
