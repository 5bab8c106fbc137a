"""`/api-keys`: keys that act for their owner."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import SessionCaller
from nexgent.api.http.declared import audited
from nexgent.api.http.models import DoneOut
from nexgent.api.http.refusals import UNKNOWN_USER, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import KeyIdInPath
from nexgent.api.v1.api_keys.schemas import ApiKeyIn, ApiKeyOut, ApiKeysOut, NewApiKeyOut

router = APIRouter(prefix="/api-keys", tags=["api-keys"], route_class=ApiRoute)


@router.post(
    "",
    status_code=201,
    summary="Create a key; it is shown this once",
    responses=refusals(
        UNKNOWN_USER,
        Refusal(409, "At most 100 API keys are allowed; delete one first", "TOO_MANY_API_KEYS"),
    ),
    dependencies=[audited("api_key.create")],
)
async def create_api_key(body: ApiKeyIn, caller: SessionCaller, services: Services) -> NewApiKeyOut:
    """Create a key."""
    create = services.users.create_api_key
    return NewApiKeyOut.with_key(
        await create.execute(caller.user_id, body.name, body.scopes, body.expires_at)
    )


@router.get("", summary="List keys, newest first")
async def list_api_keys(caller: SessionCaller, services: Services) -> ApiKeysOut:
    """Return the user's keys."""
    return ApiKeysOut.of(await services.users.list_api_keys.execute(caller.user_id))


@router.get("/{id}", summary="One key")
async def get_api_key(key_id: KeyIdInPath, caller: SessionCaller, services: Services) -> ApiKeyOut:
    """Return a key."""
    return ApiKeyOut.of(await services.users.list_api_keys.one(key_id, caller.user_id))


@router.delete("/{id}", summary="Revoke a key", dependencies=[audited("api_key.revoke")])
async def delete_api_key(key_id: KeyIdInPath, caller: SessionCaller, services: Services) -> DoneOut:
    """Revoke a key."""
    await services.users.delete_api_key.execute(key_id, caller.user_id)
    return DoneOut(success=True, message="API key deleted successfully")
