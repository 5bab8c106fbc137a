"""Shapes of logging in and out."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema


class LoginIn(BaseModel):
    """Who wants to log in."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "admin@example.com", "password": "…", "rememberMe": True}]}
    )

    email: str = Field(max_length=255)
    password: str = Field(min_length=1)
    rememberMe: bool = False  # noqa: N815 -- the contract's name


class RegisterIn(BaseModel):
    """Who wants an account. The password needs an upper-case and a lower-case letter, a digit and another character."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "trader@example.com", "password": "Correct-horse-1"}]}
    )

    email: str = Field(max_length=255)
    password: str = Field(min_length=8, max_length=128)


class RefreshIn(BaseModel):
    """A refresh token."""

    refreshToken: str = Field(min_length=1)  # noqa: N815
    rotate: bool = False


class LogoutIn(BaseModel):
    """Optionally the refresh token to void as well."""

    refreshToken: str | None = None  # noqa: N815


class UserOut(BaseModel):
    """A user."""

    id: str
    email: str
    createdAt: str  # noqa: N815


class SessionOut(BaseModel):
    """A new session."""

    accessToken: str  # noqa: N815
    refreshToken: str  # noqa: N815
    user: UserOut


class AccessTokenOut(BaseModel):
    """A new access token; with `rotate` also the refresh token to use from now on."""

    accessToken: str  # noqa: N815
    refreshToken: str | SkipJsonSchema[None] = None  # noqa: N815


class ChangePasswordIn(BaseModel):
    """The present password and the new one, which has to be as good as one to register with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"currentPassword": "Correct-horse-1", "newPassword": "Another-horse-2"}]
        }
    )

    currentPassword: str = Field(min_length=1)  # noqa: N815
    newPassword: str = Field(min_length=8, max_length=128)  # noqa: N815


class SessionRecordOut(BaseModel):
    """A session: `lastUsedAt` is its last login or refresh, `current` the one that asks."""

    id: str
    createdAt: str  # noqa: N815
    lastUsedAt: str  # noqa: N815
    expiresAt: str  # noqa: N815
    address: str
    userAgent: str  # noqa: N815
    current: bool


class SessionsOut(BaseModel):
    """All sessions of a user that go on."""

    items: list[SessionRecordOut]


class EndedOut(BaseModel):
    """How many sessions were ended."""

    success: bool
    message: str
    ended: int


class DoneOut(BaseModel):
    """A plain confirmation."""

    success: bool
    message: str
