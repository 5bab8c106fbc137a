"""Shapes of the dashboard's session."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from nexgent.api.http.models import ApiModel, SchemaBody
from nexgent.api.http.types import Instant
from nexgent.api.v1.auth.schemas import SecretText, UserOut
from nexgent.domain.users.models import ACCESS_LIFETIME, User


class LinkIn(SchemaBody):
    """The secret of a one-time link: what stands behind `/#/link/` in its address."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "3jT9wQ0l4oV8mB2nX5cZ7kR1yU6pA0sD4fG8hJ2kL5e"}]}
    )

    token: SecretText


class WebSessionOut(ApiModel):
    """An access token for `expiresIn` seconds. The refresh token is in the cookie, which no script can read."""

    access_token: str
    expires_in: Annotated[int, Field(gt=0)]
    user: UserOut

    @classmethod
    def of(cls, access_token: str, user: User, admin_email: str) -> WebSessionOut:
        """Return a token just made, with its user."""
        return cls.model_construct(
            access_token=access_token,
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
            user=UserOut.of(user, admin_email),
        )


class LinkOut(ApiModel):
    """A one-time link: `path` belongs behind the service's address."""

    token: str
    path: str
    expires_at: Instant
