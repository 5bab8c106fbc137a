"""Shapes of logging in and out."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


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
    """A new access token."""

    accessToken: str  # noqa: N815


class DoneOut(BaseModel):
    """A plain confirmation."""

    success: bool
    message: str
