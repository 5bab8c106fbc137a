"""The description of the interface for people and generators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from nexgent.api.field_docs import annotate, example_of
from nexgent.api.http.openapi import complete
from nexgent.api.http.refusals import NOT_FOUND
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.domain.users.models import Scope

DESCRIPTION = """Self-hosted trading engine for Solana tokens.

Log in with `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer …`; it is good for 15 minutes, and
`POST /api/v1/auth/refresh` gives the next one. Where an endpoint names a scope, an API key with that scope (or `full_access`) is
accepted as well, as `X-API-Key` or as bearer; everything else takes sessions only. A session may do everything its user may.

Amounts of money are exact decimal texts where a field is a string, and JSON numbers where it is a number; see each shape. Times
are ISO-8601 in UTC. An error always has a text under `error`; `code`, where it is there, is stable and made for programs.

Requests are counted, and `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) say how a caller stands: 600 a
minute for a user or key and 1200 for an address unless the installation says otherwise, less for some endpoints. Too many are
answered 429 with `Retry-After`. A `POST` with an `Idempotency-Key` may be repeated without being done twice.
"""
_SCHEMES = {
    "session": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `accessToken` of `POST /api/v1/auth/login`. Good for every endpoint.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of `POST /api/v1/api-keys` (`nex_…`). Good where the endpoint names a scope that the key has: "
        + ", ".join(f"`{scope.value}`" for scope in Scope)
        + ".",
    },
}
_TAGS = {
    "admin": "Maintenance, for the administrator.",
    "audit": "What was done that matters for safety, by whom, when and from where.",
    "agents": "Agents, their trading configuration and their figures.",
    "api-keys": "Keys for programs; each is shown once.",
    "auth": "Sessions: log in, refresh, log out; see and end them; change the password.",
    "balances": "What wallets hold.",
    "data sources": "Which sources of data are configured.",
    "health": "For load balancers and supervisors; public.",
    "historical swaps": "Closed trades, from the first purchase to the last sale.",
    "metrics": "Figures for Prometheus.",
    "positions": "Open positions.",
    "price feeds": "The SOL price as the engine knows it.",
    "protections": "What stops agents from buying: loss limits, cooldowns and the kill switch.",
    "signals": "Trading signals: what makes agents buy.",
    "signal webhooks": "Addresses that take alerts of other services, TradingView for example, and make signals of them.",
    "trades": "Buying by hand.",
    "transactions": "Deposits, swaps and burns, and what they did to balances.",
    "wallets": "Wallets of agents, encrypted keys, deposits.",
    "webhooks": "Messages to other systems.",
    "websocket": "Tickets for the live stream.",
}
_ERROR = {
    "title": "Error",
    "type": "object",
    "description": "Why a request was not carried out.",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "minLength": 1, "description": "For people."},
        "code": {"type": "string", "description": "For programs; stable."},
        "success": {
            "const": False,
            "description": "Only in errors of schema validation and of the framework.",
        },
        "message": {"type": "string", "description": "What to do about it."},
        "details": {"description": "Facts, or the list of all fields that are wrong."},
        "retryAfter": {"type": "integer", "description": "Seconds to wait after a 429."},
        "lockedUntil": {"type": "string", "format": "date-time", "description": "When a lock ends."},
        "currentBalance": {"type": "string"},
        "requiredAmount": {"type": "string"},
        "tokenAddress": {"type": "string"},
        "tokenSymbol": {"type": "string"},
    },
    "examples": [{"error": "Agent not found", "code": "AGENT_NOT_FOUND"}],
}


def build(
    title: str,
    version: str,
    routes: Iterable[BaseRoute],
    endpoints: Sequence[ApiRoute],
) -> dict[str, Any]:
    """Return the whole document."""
    document: dict[str, Any] = get_openapi(
        title=title,
        version=version,
        description=DESCRIPTION,
        routes=list(routes),
        tags=[
            {"name": tag, "description": _TAGS.get(tag, "")}
            for tag in dict.fromkeys(one.tag for one in endpoints)
        ],
        servers=[{"url": "/", "description": "This service"}],
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    annotate(schemas)
    schemas["Error"] = _ERROR
    for route in endpoints:
        operation = document["paths"][PREFIX + route.path][route.method.lower()]
        complete(route, operation, NOT_FOUND.get(route.tag, "Not found"))
        _give_examples(operation, schemas)
    return document


def _give_examples(described: dict[str, Any], schemas: dict[str, Any]) -> None:
    holders = [described["requestBody"]] if "requestBody" in described else []
    holders += [answer for status, answer in described["responses"].items() if status[0] in "25"]
    for holder in holders:
        for media_type, content in holder.get("content", {}).items():
            schema = content.get("schema", {})
            if "example" in content:
                continue
            if media_type == "application/json":
                content["example"] = example_of(schema, schemas)
            elif media_type == "text/csv":
                content["example"] = "Time,Token Symbol\n"
            elif media_type.startswith("text/"):
                content["example"] = "# TYPE trade_execution_total counter\n"
