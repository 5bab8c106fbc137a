"""How the sender of an alert proves itself outside of the alert: by a signature, or by an API key."""

from __future__ import annotations

from starlette.requests import Request

from nexgent.api.deps import ApiServices
from nexgent.domain.signals.webhooks.errors import AlertForbiddenError
from nexgent.domain.signals.webhooks.models import AlertProof
from nexgent.domain.users.authenticate import has_key_format
from nexgent.domain.users.errors import NotAuthenticatedError
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.types import UserId

_SIGNATURE, _TIMESTAMP, _API_KEY = "x-signature", "x-timestamp", "x-api-key"


async def proof_of(request: Request, services: ApiServices) -> AlertProof:
    """Return what the headers prove. Raises `AlertForbiddenError`, `InvalidInputError`."""
    headers = request.headers
    key = headers.get(_API_KEY)
    if key is not None:
        return AlertProof(key_owner=await _key_owner(services, key))
    signed_at = headers.get(_TIMESTAMP)
    if signed_at is not None and not (signed_at.isascii() and signed_at.isdigit() and len(signed_at) <= 12):
        raise InvalidInputError("Invalid X-Timestamp: seconds since 1970 are required")
    signature = headers.get(_SIGNATURE)
    return AlertProof(
        signature=signature.strip().lower() if signature is not None else None, signed_at=signed_at
    )


async def _key_owner(services: ApiServices, key: str) -> UserId:
    """Return whose key it is. 401 is kept for sessions, and the token of a session is no key."""
    if not has_key_format(key):
        raise AlertForbiddenError
    try:
        caller = await services.users.authenticator.by_token_or_key(None, key, Scope.SIGNALS)
    except NotAuthenticatedError:
        raise AlertForbiddenError from None
    return caller.user_id
