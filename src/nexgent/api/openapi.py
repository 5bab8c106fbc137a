"""The description of the interface for people and generators."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from nexgent.api.endpoint import Access, Doc, Endpoint
from nexgent.domain.users.models import Scope

DESCRIPTION = """Self-hosted trading engine for Solana tokens.

Log in with `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer …`. Where an endpoint names a scope, an
API key with that scope is accepted as well, as `X-API-Key` or as bearer.
"""
_SCHEMES = {
    "session": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "examples": ["Agent not found"]},
        "code": {"type": "string", "examples": ["AGENT_NOT_FOUND"]},
        "details": {},
    },
}
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """Return what FastAPI cannot see of an endpoint: parameters, body, who may call."""
    doc = endpoint.doc
    extra: dict[str, Any] = {"parameters": [*_path_parameters(endpoint.path), *_query_parameters(doc)]}
    if doc.body is not None:
        schema = {"$ref": f"#/components/schemas/{doc.body.__name__}"}
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if endpoint.access is Access.SESSION:
        extra["security"] = [{"session": []}]
    elif isinstance(endpoint.access, Scope):
        extra["security"] = [{"session": []}, {"apiKey": []}]
        extra["x-required-scope"] = endpoint.access.value
    return extra


def responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """Return what an endpoint answers."""
    failed = {"description": "Error", "content": {"application/json": {"schema": _ERROR}}}
    found: dict[int | str, dict[str, Any]] = {"default": failed}
    doc = endpoint.doc
    if doc.response is None:
        content: dict[str, Any] = {} if doc.status == 204 else {doc.media_type: {"schema": {}}}
        found[doc.status] = {"description": "Done", "content": content}
    else:
        model: Any = list[doc.response] if doc.many else doc.response  # type: ignore[name-defined]  # A type made at run time.
        found[doc.status] = {"description": "Done", "model": model}
    return found


def build(
    title: str, version: str, routes: Iterable[BaseRoute], endpoints: Iterable[Endpoint]
) -> dict[str, Any]:
    """Return the whole document."""
    document: dict[str, Any] = get_openapi(
        title=title, version=version, description=DESCRIPTION, routes=list(routes)
    )
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    bodies: dict[str, type[BaseModel]] = {
        endpoint.doc.body.__name__: endpoint.doc.body
        for endpoint in endpoints
        if endpoint.doc.body is not None
    }
    _, definitions = models_json_schema(
        [(model, "validation") for model in bodies.values()], ref_template="#/components/schemas/{model}"
    )
    components.setdefault("schemas", {}).update(definitions.get("$defs", {}))
    return document


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PARAMETER.findall(path)
    ]


def _query_parameters(doc: Doc) -> list[dict[str, Any]]:
    return [
        {
            "name": name.removeprefix("*"),
            "in": "query",
            "required": name.startswith("*"),
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in doc.query.items()
    ]
