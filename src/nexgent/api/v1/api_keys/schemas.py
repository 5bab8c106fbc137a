"""Shapes of API keys."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from nexgent.domain.users.models import Scope


class ApiKeyIn(BaseModel):
    """A new key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Signals", "scopes": ["signals"]}]})

    name: str = Field(min_length=1, max_length=100)
    scopes: list[Scope] = Field(min_length=1)
    expiresAt: datetime | None = None  # noqa: N815 -- the contract's manner


class ApiKeyOut(BaseModel):
    """A key without the key: `prefix` is how it begins."""

    id: str
    name: str
    prefix: str
    scopes: list[Scope]
    createdAt: str  # noqa: N815 -- the contract's name
    expiresAt: str | None  # noqa: N815


class NewApiKeyOut(ApiKeyOut):
    """A key in the only answer that contains it."""

    key: str


class ApiKeysOut(BaseModel):
    """All keys of a user, newest first."""

    items: list[ApiKeyOut]
