"""Answers that show a secret are kept nowhere: no cache of a browser or proxy may write them down."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

_NO_STORE = (b"cache-control", b"no-store")
SECRET_FIELDS = frozenset({"accessToken", "refreshToken", "key", "privateKey", "secret", "ticket"})
"""Names of fields that hold one, wherever they are in an answer."""


def shows_secret(model: type[Any] | None) -> bool:
    """Tell whether the shape of an answer has a field for a secret."""
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return False
    names = {field.serialization_alias or field.alias or name for name, field in model.model_fields.items()}
    return not SECRET_FIELDS.isdisjoint(names)


def not_stored(response: Response) -> Response:
    """Return an answer that nobody may keep."""
    if _NO_STORE not in response.raw_headers:
        response.raw_headers.append(_NO_STORE)
    return response
