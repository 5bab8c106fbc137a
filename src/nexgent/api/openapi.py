"""The description of the interface for people and generators."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from nexgent.api.endpoint import Doc, Endpoint
from nexgent.api.field_docs import annotate, example_of, parameter_schema
from nexgent.api.http.access import Access
from nexgent.api.http.openapi import complete
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.api.rate_limits import EXEMPT_TAGS
from nexgent.api.refusals import DESCRIPTIONS, NOT_FOUND, Refusal, key_of, refusals, takes_idempotency_key
from nexgent.domain.users.models import READERS, Scope

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
_ERROR_REFERENCE = {"$ref": "#/components/schemas/Error"}
_VALIDATION_DETAILS = {"errors": [{"field": "name", "message": "Required"}]}
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")
_REQUEST_ID = {
    "X-Request-Id": {
        "description": "The request's own id, or a new one; it is in our log.",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_IDEMPOTENCY_KEY = {
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
_REPLAYED = {
    "Idempotency-Replayed": {
        "description": "There when this is the first answer to the same `Idempotency-Key` again.",
        "schema": {"const": "true"},
    }
}
_RATE_LIMIT = {
    f"RateLimit-{name}": {"description": text, "schema": {"type": "integer"}}
    for name, text in (
        ("Limit", "Requests that are allowed in the window."),
        ("Remaining", "How many of them are left."),
        ("Reset", "Seconds until the window ends."),
    )
}
_ETAG = {"ETag": {"description": "Send it back as `If-None-Match`.", "schema": {"type": "string"}}}
# Answers that are successes besides the documented one.
_ALSO = {"POST /wallets/assign": 200}


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """Return what FastAPI cannot see of an endpoint: parameters, body, who may call."""
    doc = endpoint.doc
    extra: dict[str, Any] = {"parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint)]}
    if takes_idempotency_key(endpoint):
        extra["parameters"].append(_IDEMPOTENCY_KEY)
    if doc.body is not None:
        schema = {"$ref": f"#/components/schemas/{doc.body.__name__}"}
        required = any(field.is_required() for field in doc.body.model_fields.values())
        extra["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    if endpoint.access is Access.SESSION:
        extra["security"] = [{"session": []}]
    elif isinstance(endpoint.access, Scope):
        extra["security"] = [{"session": []}, {"apiKey": []}]
        extra["x-required-scope"] = endpoint.access.value
    return extra


def description(endpoint: Endpoint) -> str:
    """Return the endpoint's description and who may call it."""
    match endpoint.access:
        case Access.PUBLIC:
            who = "Public." if endpoint.path != "/metrics" else ""
        case Access.SESSION:
            who = "Takes a session; no API keys."
        case scope:
            reader = READERS.get(scope) if endpoint.method == "GET" else None
            scopes = f"`{scope.value}`" + (f" or `{reader.value}`" if reader is not None else "")
            who = f"Takes a session, or an API key with the scope {scopes}."
    return "\n\n".join(part for part in (endpoint.doc.description, who) if part)


def responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """Return what an endpoint answers."""
    doc = endpoint.doc
    found: dict[int | str, dict[str, Any]] = {}
    if doc.response is None:
        text = {"schema": {"type": "string"}} if doc.media_type.startswith("text/") else {"schema": {}}
        done: dict[str, Any] = {"content": {} if doc.status == 204 else {doc.media_type: text}}
    else:
        model: Any = list[doc.response] if doc.many else doc.response  # type: ignore[name-defined]  # A type made at run time.
        done = {"model": model}
    tagged = endpoint.method == "GET" and endpoint.access is not Access.PUBLIC and doc.response is not None
    headers = {**_REQUEST_ID, **(_ETAG if tagged else {})}
    if endpoint.tag not in EXEMPT_TAGS:
        headers |= _RATE_LIMIT
    if takes_idempotency_key(endpoint):
        headers |= _REPLAYED
    for status in (doc.status, *([_ALSO[key_of(endpoint)]] if key_of(endpoint) in _ALSO else [])):
        found[status] = {"description": "Done", "headers": headers, **done}
    if tagged:
        found[304] = {"description": "Not changed since the `ETag` that was sent", "headers": headers}
    for status, refusal in refusals(endpoint).items():
        found[status] = _refused(status, refusal)
    if endpoint.tag == "health" and endpoint.path != "/health/live":
        found[503] = {"description": "Not well; the body says what is wrong", "headers": _REQUEST_ID, **done}
    return found


def build(
    title: str,
    version: str,
    routes: Iterable[BaseRoute],
    endpoints: Iterable[Endpoint],
    own_routes: Iterable[ApiRoute],
) -> dict[str, Any]:
    """Return the whole document."""
    known, described = list(endpoints), list(own_routes)
    document: dict[str, Any] = get_openapi(
        title=title,
        version=version,
        description=DESCRIPTION,
        routes=list(routes),
        tags=[
            {"name": tag, "description": _TAGS.get(tag, "")}
            for tag in dict.fromkeys([*(one.tag for one in known), *(one.tag for one in described)])
        ],
        servers=[{"url": "/", "description": "This service"}],
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    schemas = components.setdefault("schemas", {})
    bodies: dict[str, type[BaseModel]] = {
        endpoint.doc.body.__name__: endpoint.doc.body for endpoint in known if endpoint.doc.body is not None
    }
    _, definitions = models_json_schema(
        [(model, "validation") for model in bodies.values()], ref_template="#/components/schemas/{model}"
    )
    schemas.update(definitions.get("$defs", {}))
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    annotate(schemas)
    schemas["Error"] = _ERROR
    for endpoint in known:
        # FastAPI adds JSON to whatever an endpoint answers.
        done = document["paths"][PREFIX + endpoint.path][endpoint.method.lower()]["responses"][
            str(endpoint.doc.status)
        ]
        if endpoint.doc.or_json:
            done["content"]["application/json"] = {"schema": {"type": "array", "items": {"type": "object"}}}
        elif endpoint.doc.response is None and endpoint.doc.media_type != "application/json":
            done["content"].pop("application/json", None)
        _give_examples(document["paths"][PREFIX + endpoint.path][endpoint.method.lower()], schemas)
    for route in described:
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


def _refused(status: int, refusal: Refusal) -> dict[str, Any]:
    body: dict[str, object] = {"error": refusal.text}
    if refusal.code is not None:
        body["code"] = refusal.code
    if refusal.text == "Validation failed":
        body = {"success": False, **body, "details": _VALIDATION_DETAILS}
    elif status == 429:
        body["retryAfter"] = 42
    elif status == 413:
        body = {"success": False, **body}
    return {
        "description": DESCRIPTIONS.get(status, "Refused"),
        "headers": {
            **_REQUEST_ID,
            **(_RETRY_AFTER if status in {429, 503} else {}),
            **(_RATE_LIMIT if status == 429 else {}),
        },
        "content": {"application/json": {"schema": _ERROR_REFERENCE, "example": body}},
    }


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": parameter_schema(name, endpoint.tag)}
        for name in _PATH_PARAMETER.findall(endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    doc: Doc = endpoint.doc
    return [
        {
            "name": name.removeprefix("*"),
            "in": "query",
            "required": name.startswith("*"),
            # Forms send what was left empty; it counts as absent.
            **({} if name.startswith("*") else {"allowEmptyValue": True}),
            "description": text,
            "schema": parameter_schema(name.removeprefix("*"), endpoint.tag),
        }
        for name, text in doc.query.items()
    ]
