"""`/api-keys`: keys that act for their owner."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso, iso_or_none, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import SchemaFields, parse_time, shown
from nexgent.api.v1.api_keys.schemas import ApiKeyIn, ApiKeyOut, ApiKeysOut, NewApiKeyOut
from nexgent.api.v1.auth.schemas import DoneOut
from nexgent.domain.users.api_keys import MAX_NAME_LENGTH, ApiKeyRecord
from nexgent.domain.users.models import Scope

endpoints = Endpoints("api-keys")

_SCOPES = {scope.value: scope for scope in Scope}


@endpoints.post(
    "/api-keys",
    Access.SESSION,
    Doc(summary="Create a key; it is shown this once", body=ApiKeyIn, response=NewApiKeyOut, status=201),
)
async def create_api_key(call: Call) -> Response:
    """Create a key."""
    body = await call.schema_body()
    fields = SchemaFields(body)
    name = fields.text("name")
    if name is not None and not 1 <= len(name.strip()) <= MAX_NAME_LENGTH:
        problem = "at least 1" if not name.strip() else f"at most {MAX_NAME_LENGTH}"
        fields.fail("name", f"String must contain {problem} character(s)")
    scopes = _scopes(fields, body)
    fields.done()
    expires_at = parse_time(body["expiresAt"], "expiresAt") if body.get("expiresAt") is not None else None
    new = await call.services.create_api_key.execute(call.user_id, name or "", scopes, expires_at)
    return json_response({**_view(new.record), "key": new.key}, 201)


@endpoints.get("/api-keys", Access.SESSION, Doc(summary="List keys, newest first", response=ApiKeysOut))
async def list_api_keys(call: Call) -> Response:
    """Return the user's keys."""
    records = await call.services.list_api_keys.execute(call.user_id)
    return json_response({"items": [_view(record) for record in records]})


@endpoints.get("/api-keys/{id}", Access.SESSION, Doc(summary="One key", response=ApiKeyOut))
async def get_api_key(call: Call) -> Response:
    """Return a key."""
    record = await call.services.list_api_keys.one(call.path_uuid("id", "API key"), call.user_id)
    return json_response(_view(record))


@endpoints.delete("/api-keys/{id}", Access.SESSION, Doc(summary="Revoke a key", response=DoneOut))
async def delete_api_key(call: Call) -> Response:
    """Revoke a key."""
    await call.services.delete_api_key.execute(call.path_uuid("id", "API key"), call.user_id)
    return json_response({"success": True, "message": "API key deleted successfully"})


def _scopes(fields: SchemaFields, body: dict[str, object]) -> list[Scope]:
    if "scopes" not in body:
        fields.fail("scopes", "Required")
        return []
    given = body["scopes"]
    if not isinstance(given, list):
        fields.fail("scopes", f"Expected array, received {shown(given)}")
        return []
    if not given:
        fields.fail("scopes", "Array must contain at least 1 element(s)")
    allowed = " | ".join(f"'{name}'" for name in _SCOPES)
    found: list[Scope] = []
    for index, name in enumerate(given):
        scope = _SCOPES.get(name) if isinstance(name, str) else None
        if scope is not None:
            found.append(scope)
        elif index < len(_SCOPES):
            # A long list of nonsense deserves an answer, not one line for each.
            fields.fail(f"scopes.{index}", f"Invalid enum value. Expected {allowed}, received {shown(name)}")
        else:
            fields.fail("scopes", "Array contains invalid values")
            break
    return found


def _view(record: ApiKeyRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "name": record.name,
        "prefix": record.prefix,
        "scopes": [scope.value for scope in record.scopes],
        "createdAt": iso(record.created_at),
        "expiresAt": iso_or_none(record.expires_at),
    }
