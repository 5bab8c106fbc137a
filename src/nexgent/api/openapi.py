"""The description of the interface for people and generators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from nexgent.api.examples import annotate, example_of
from nexgent.api.http.access import Access
from nexgent.api.http.refusals import (
    ADMIN_ONLY,
    AWAY,
    BAD_INPUT,
    KEY_REUSED,
    NO_ENTRY,
    NO_SESSION,
    TOO_LARGE,
    TOO_MANY,
    UNEXPECTED,
    Refusal,
)
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.api.rate_limits import EXEMPT_TAGS
from nexgent.domain.users.models import READERS, Scope

DESCRIPTION = """Self-hosted trading engine for Solana tokens.

Log in with `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer …`; it is good for 15 minutes, and
`POST /api/v1/auth/refresh` gives the next one. Where an endpoint names a scope, an API key with that scope (or `full_access`,
which has every scope but `trading` and `kill_switch`) is accepted as well, as `X-API-Key` or as bearer; everything else takes
sessions only. A session may do everything its user may.

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
        + ". `full_access` stands for all but `trading` and `kill_switch`, which a key has only when they are named.",
    },
}
_RESOURCES = {
    "admin": ("Maintenance, for the administrator.", None),
    "audit": ("What was done that matters for safety, by whom, when and from where.", None),
    "agents": ("Agents, their trading configuration and their figures.", "Agent"),
    "api-keys": ("Keys for programs; each is shown once.", "API key"),
    "auth": ("Sessions: log in, refresh, log out; see and end them; change the password.", "Session"),
    "balances": ("What wallets hold.", "Balance"),
    "dashboard": ("The session of the page at `/`; programs use `/auth`.", None),
    "data sources": ("Which sources of data are configured.", None),
    "health": ("For load balancers and supervisors; public.", None),
    "historical swaps": ("Closed trades, from the first purchase to the last sale.", "Historical swap"),
    "metrics": ("Figures for Prometheus.", None),
    "notifications": ("Where you are told what happens, and what you were told.", "Notification target"),
    "overview": ("All agents of a user together, and what needs attention.", None),
    "positions": ("Open positions.", "Position"),
    "price history": ("What tokens cost over time, and what was traded meanwhile.", None),
    "price feeds": ("The SOL price as the engine knows it.", None),
    "protections": ("What stops agents from buying: loss limits, cooldowns and the kill switch.", "Agent"),
    "signals": ("Trading signals: what makes agents buy.", "Trading signal"),
    "signal webhooks": (
        "Addresses that take alerts of other services, TradingView for example, and make signals of them.",
        "Signal webhook",
    ),
    "trades": ("Buying by hand.", None),
    "transactions": ("Deposits, swaps and burns, and what they did to balances.", "Transaction"),
    "wallets": ("Wallets of agents, encrypted keys, deposits.", "Wallet"),
    "webhooks": ("Messages to other systems.", "Webhook"),
    "websocket": ("Tickets for the live stream.", None),
}
"""By tag: what it is about, and what is not found under an id that nothing has."""
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
REQUEST_ID = {
    "X-Request-Id": {
        "description": "The request's own id, or a new one; it is in our log.",
        "schema": {"type": "string"},
    }
}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
RATE_LIMIT = {
    f"RateLimit-{name}": {"description": text, "schema": {"type": "integer"}}
    for name, text in (
        ("Limit", "Requests that are allowed in the window."),
        ("Remaining", "How many of them are left."),
        ("Reset", "Seconds until the window ends."),
    )
}
ETAG = {"ETag": {"description": "Send it back as `If-None-Match`.", "schema": {"type": "string"}}}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your own, 1 to 255 visible ASCII characters. The same request sent again with it within 24 "
    "hours gets its first answer (with `Idempotency-Replayed: true`) and is not done again. Another request with it is 409 "
    "`IDEMPOTENCY_KEY_REUSED`; while the first one runs, 409 `IDEMPOTENCY_IN_PROGRESS` with `Retry-After`; when nobody knows "
    "what became of the first one, 409 `IDEMPOTENCY_OUTCOME_UNKNOWN`: look, it is not done again. After a refusal (400, 401, "
    "403, 404, 423, 429) or a failure before anything was done, the same key may try again.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
}
REPLAYED = {
    "Idempotency-Replayed": {
        "description": "There when this is the first answer to the same `Idempotency-Key` again.",
        "schema": {"const": "true"},
    }
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
            {"name": tag, "description": _RESOURCES[tag][0]}
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
        what = _RESOURCES[route.tag][1]
        complete(route, operation, f"{what} not found" if what else "Not found")
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


def complete(route: ApiRoute, operation: dict[str, Any], not_found: str) -> None:
    """Complete what FastAPI wrote of an endpoint. `not_found` is the text of its resource's 404."""
    # Whoever asks for something that is neither a session nor a key says so in words of its own.
    who = _who(route) if "security" not in operation else ""
    operation["description"] = "\n\n".join(part for part in (operation.get("description", ""), who) if part)
    if route.access is Access.SESSION:
        operation["security"] = [{"session": []}]
    elif isinstance(route.access, Scope):
        operation["security"] = [{"session": []}, {"apiKey": []}]
        operation["x-required-scope"] = route.access.value
    if route.has_body:
        # FastAPI requires the parameter, which a missing body fills with an empty object.
        operation["requestBody"]["required"] = route.needs_body
    else:
        # Nothing is needed; what is there must be an object all the same.
        operation.pop("requestBody", None)
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "query" and not parameter.get("required"):
            # Forms send what was left empty; it counts as absent.
            parameter["allowEmptyValue"] = True
        _without_null(parameter["schema"])
    parameters.sort(key=lambda parameter: not parameter.get("required"))
    if route.takes_key:
        parameters.append(IDEMPOTENCY_KEY)
    _complete_responses(route, operation, not_found)


def _who(route: ApiRoute) -> str:
    match route.access:
        case Access.PUBLIC:
            return "Public."
        case Access.SESSION:
            return "Takes a session; no API keys."
        case scope:
            reader = READERS.get(scope) if route.method == "GET" else None
            scopes = f"`{scope.value}`" + (f" or `{reader.value}`" if reader is not None else "")
            return f"Takes a session, or an API key with the scope {scopes}."


def _complete_responses(route: ApiRoute, operation: dict[str, Any], not_found: str) -> None:
    responses: dict[str, Any] = operation["responses"]
    # FastAPI's own description of a failed validation; ours is the 400.
    if "HTTPValidationError" in str(responses.get("422", {}).get("content", {})):
        del responses["422"]
    for refusal in _shared(route, operation, not_found):
        responses.setdefault(str(refusal.status), refusal.document())
    headers = {**REQUEST_ID}
    tagged = route.method == "GET" and route.access is not Access.PUBLIC and route.has_shape
    done = {**headers, **(ETAG if tagged else {})}
    if route.tag not in EXEMPT_TAGS:
        done |= RATE_LIMIT
    if route.takes_key:
        done |= REPLAYED
    for status, answer in responses.items():
        if status[0] == "2":
            answer["headers"] = done
            answer["description"] = "Done"
        else:
            answer["headers"] = {
                **headers,
                **(RETRY_AFTER if status in {"429", "503"} and route.tag != "health" else {}),
                **(RATE_LIMIT if status == "429" else {}),
            }
    if tagged and "200" in responses:
        responses["304"] = {"description": "Not changed since the `ETag` that was sent", "headers": done}
    operation["responses"] = dict(sorted(responses.items()))


def _shared(route: ApiRoute, operation: dict[str, Any], not_found: str) -> list[Refusal]:
    """Return the errors that follow from what an endpoint is."""
    writing, with_ids = route.method != "GET", "{" in route.path
    found = [UNEXPECTED, AWAY]
    given = [one for one in operation["parameters"] if one is not IDEMPOTENCY_KEY]
    if writing or given:
        found.append(BAD_INPUT)
    if writing:
        found.append(TOO_LARGE)
    if route.tag != "health":
        found.append(TOO_MANY)
    if route.takes_key:
        found.append(KEY_REUSED)
    if route.access is Access.SESSION:
        found.append(NO_SESSION)
    elif isinstance(route.access, Scope):
        found.append(NO_ENTRY)
        found.append(Refusal(403, f"API key missing required scope: {route.access.value}"))
    if with_ids:
        found.append(Refusal(404, not_found, "NOT_FOUND"))
    elif any(one["name"] == "agentId" and one.get("required") for one in given):
        found.append(Refusal(404, "Agent not found", "NOT_FOUND"))
    if (PREFIX + route.path).startswith(f"{PREFIX}/admin/"):
        found.append(ADMIN_ONLY)
    return found


def _without_null(schema: dict[str, Any]) -> None:
    """Say of an optional parameter what it is when it is there: a query cannot hold null."""
    options = [one for one in schema.pop("anyOf", []) if one.get("type") != "null"]
    if len(options) == 1:
        schema.update({**options[0], **{key: value for key, value in schema.items() if key != "title"}})
    elif options:
        schema["anyOf"] = options
    if schema.get("default", 0) is None:
        del schema["default"]
