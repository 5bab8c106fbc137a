"""Write the Postman collection and environment from the OpenAPI document: `make postman`.

`--check` writes nothing and fails when the files in `postman/` are not what would be written. Every endpoint becomes a request by
itself; the tables of `postman_tables.py` only name folders and variables, and say what cannot be read from the document.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from nexgent.api.app import ENDPOINTS, create_api
from nexgent.api.http.access import Access
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.domain.users.models import Scope
from scripts.generated import out_of_date
from scripts.postman_tables import (
    ALSO_FINE,
    ALWAYS,
    BODIES,
    CLEARS,
    FIELDS,
    FOLDERS,
    HEADERS,
    ID_OF_TAG,
    KEY_FOLDER,
    LAST,
    ORDER,
    PREPARE,
    SAVES,
    SECRETS,
    VALUES,
    VARIABLES,
)

FOLDER = Path(__file__).resolve().parent.parent / "postman"
COLLECTION = "nexgent.postman_collection.json"
ENVIRONMENT = "nexgent.postman_environment.json"
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_NAMESPACE = UUID("0f5a3c9e-7b0d-4a53-8a6b-2d3e1c9f4b70")

_STRUCTURE = {
    "type",
    "required",
    "properties",
    "items",
    "anyOf",
    "enum",
    "const",
    "format",
    "additionalProperties",
}
_PATH_PARAMETER = re.compile(r"\{(\w+)\}")


def documents() -> dict[str, str]:
    """Return the files by name."""
    document = create_api().openapi()
    folders: list[object] = []
    tags = [*FOLDERS, *dict.fromkeys(one.tag for one in ENDPOINTS if one.tag not in FOLDERS)]
    for tag in tags:
        members = sorted((one for one in ENDPOINTS if _folder_of(one) == tag), key=_rank)
        if members:
            folders.append(
                {
                    "name": FOLDERS.get(tag, tag.title()),
                    "item": [_item(one, document) for one in members],
                }
            )
    folders.append(_key_folder(document))
    collection = {
        "info": {
            "_postman_id": str(uuid5(_NAMESPACE, "collection")),
            "name": "Nexgent API",
            "description": document["info"]["description"],
            "schema": _SCHEMA,
        },
        "auth": _bearer(),
        "event": [_script("prerequest", PREPARE), _script("test", ALWAYS)],
        "item": folders,
    }
    environment = {
        "id": str(uuid5(_NAMESPACE, "environment")),
        "name": "Nexgent API - Local",
        "values": [
            {"key": key, "value": value, "type": "secret" if key in SECRETS else "default", "enabled": True}
            for key, value in VARIABLES.items()
        ],
        "_postman_variable_scope": "environment",
    }
    return {COLLECTION: _dump(collection), ENVIRONMENT: _dump(environment)}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` tell whether they are up to date."""
    made = {FOLDER / name: text for name, text in documents().items()}
    stale = out_of_date(made)
    if "--check" in arguments:
        for file in stale:
            print(f"postman/{file.name} is not up to date; run: make postman", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for file, text in made.items():
        file.write_text(text, encoding="utf-8")
    print(f"postman/: {len(ENDPOINTS)} requests, {len(stale)} file(s) changed")
    return 0


def _folder_of(endpoint: ApiRoute) -> str:
    return "positions" if endpoint.path.startswith("/agent-positions/") else endpoint.tag


def _rank(endpoint: ApiRoute) -> tuple[int, int]:
    """Order a folder so that it runs: make, look, change, act, delete."""
    if endpoint.path in ORDER:
        return (0, ORDER.index(endpoint.path))
    if endpoint.path in LAST:
        return (4, 0)
    if endpoint.path.endswith("/all"):
        return (6, 0)
    phase = {"GET": 2, "PUT": 3, "PATCH": 3, "DELETE": 5}.get(
        endpoint.method, 3 if "{" in endpoint.path else 1
    )
    return (phase, 0)


def _item(endpoint: ApiRoute, document: dict[str, Any], *, with_key: bool = False) -> dict[str, Any]:
    described = document["paths"][PREFIX + endpoint.path][endpoint.method.lower()]
    request: dict[str, Any] = {
        "method": endpoint.method,
        "header": [],
        "url": _url(endpoint, described),
        "description": described.get("description", ""),
    }
    if endpoint.access is Access.PUBLIC and endpoint.path != "/metrics":
        request["auth"] = {"type": "noauth"}
    if with_key:
        request["auth"] = {"type": "noauth"}
        request["header"].append({"key": "X-API-Key", "value": "{{api_key}}"})
    for parameter in described["parameters"]:
        if parameter["in"] == "header" and parameter["name"] in HEADERS:
            request["header"].append({"key": parameter["name"], "value": HEADERS[parameter["name"]]})
    body = BODIES.get(_name(endpoint))
    if body is None and "requestBody" in described:
        body = _with_variables(described["requestBody"]["content"]["application/json"]["example"])
    if body is not None:
        request["header"].append({"key": "Content-Type", "value": "application/json"})
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(body, indent=2, ensure_ascii=False),
            "options": {"raw": {"language": "json"}},
        }
    return {
        "name": endpoint.summary,
        "request": request,
        "event": [_script("test", _tests(endpoint, described, document, with_key=with_key))],
        "response": [],
    }


def _key_folder(document: dict[str, Any]) -> dict[str, Any]:
    """Return what an API key can read, by scope."""
    scopes: list[object] = []
    for scope in Scope:
        members = [one for one in ENDPOINTS if one.access is scope and one.method == "GET"]
        if members:
            items = [_item(one, document, with_key=True) for one in members]
            scopes.append({"name": scope.value.title(), "item": items})
    return {
        "name": KEY_FOLDER,
        "description": "The same requests with `X-API-Key: {{api_key}}`, by the scope they need.",
        "item": scopes,
    }


def _url(endpoint: ApiRoute, described: dict[str, Any]) -> dict[str, Any]:
    path = _PATH_PARAMETER.sub(
        lambda match: "{{" + _variable(match[1], endpoint) + "}}", PREFIX + endpoint.path
    )
    query = [
        {
            "key": parameter["name"],
            "value": _query_value(parameter),
            "description": parameter["description"],
            "disabled": not parameter["required"],
        }
        for parameter in described.get("parameters", ())
        if parameter["in"] == "query"
    ]
    enabled = "&".join(f"{one['key']}={one['value']}" for one in query if not one["disabled"])
    url: dict[str, Any] = {
        "raw": "{{base_url}}" + path + (f"?{enabled}" if enabled else ""),
        "host": ["{{base_url}}"],
        "path": path.strip("/").split("/"),
    }
    return {**url, "query": query} if query else url


def _variable(parameter: str, endpoint: ApiRoute) -> str:
    return ID_OF_TAG.get(endpoint.tag, "id") if parameter == "id" else FIELDS[parameter]


def _query_value(parameter: dict[str, Any]) -> str:
    name = parameter["name"]
    if name in FIELDS:
        return "{{" + FIELDS[name] + "}}"
    if name in VALUES:
        return VALUES[name]
    schema = parameter["schema"]
    found = schema.get("default", (schema.get("examples") or schema.get("enum") or [""])[0])
    return "{{signal_id}}" if name == "signalId" else str(found)


def _with_variables(example: object) -> object:
    if not isinstance(example, dict):
        return example
    return {
        key: "{{" + FIELDS[key] + "}}" if key in FIELDS and isinstance(value, str) else value
        for key, value in example.items()
        if not key.endswith("TransactionId") and key != "signalId"
    }


def _tests(endpoint: ApiRoute, described: dict[str, Any], document: dict[str, Any], *, with_key: bool) -> str:
    name = _name(endpoint)
    done = endpoint.done
    fine = {done, *ALSO_FINE.get(name, {})}
    if with_key and "{id}" in endpoint.path:
        fine.add(404)
    title = f"Status is {' or '.join(str(one) for one in sorted(fine))}"
    lines = [f"pm.test('{title}', () => pm.expect(pm.response.code).to.be.oneOf({sorted(fine)}));"]
    content = described["responses"][str(done)].get("content", {})
    good = sorted(one for one in fine if one < 300)
    if endpoint.has_shape:
        schema = _structure(content["application/json"]["schema"], document)
        lines += [
            f"if ({good}.includes(pm.response.code)) {{",
            f"    const schema = {json.dumps(schema)};",
            "    pm.test('The body has the documented shape', () => pm.response.to.have.jsonSchema(schema));",
            "    const body = pm.response.json();",
            *(
                f"    pm.environment.unset('{variable}');"
                for variable in ([] if with_key else CLEARS.get(name, []))
            ),
            *(
                f"    pm.environment.set('{variable}', {_reach(place)});"
                for variable, place in ({} if with_key else SAVES.get(name, {})).items()
            ),
            "}",
        ]
    return "\n".join(lines) + "\n"


def _reach(place: str) -> str:
    steps = "".join(f"?.[{step}]" if step.isdigit() else f"?.{step}" for step in place.split("."))
    return f"(body{steps}) || ''"


def _structure(schema: Any, document: dict[str, Any]) -> Any:
    """Return a schema without references and without what only people read."""
    if "$ref" in schema:
        return _structure(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key not in _STRUCTURE:
            continue
        if key == "properties":
            kept[key] = {name: _structure(field, document) for name, field in value.items()}
        elif key == "anyOf":
            kept[key] = [_structure(one, document) for one in value]
        elif key in {"items", "additionalProperties"} and isinstance(value, dict):
            kept[key] = _structure(value, document)
        else:
            kept[key] = value
    return kept


def _script(listen: str, text: str) -> dict[str, Any]:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": text.splitlines()}}


def _bearer() -> dict[str, Any]:
    return {"type": "bearer", "bearer": [{"key": "token", "value": "{{access_token}}", "type": "string"}]}


def _name(endpoint: ApiRoute) -> str:
    return f"{endpoint.method} {endpoint.path}"


def _dump(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
