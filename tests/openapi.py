"""The OpenAPI document, made once for all tests of a process: making it takes a second."""

from __future__ import annotations

from functools import cache
from typing import Any

from nexgent.api.app import create_api


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document that the service serves. Everybody reads the same one: copy it before changing anything."""
    return create_api().openapi()
