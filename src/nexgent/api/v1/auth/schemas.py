"""Shapes of logging in and out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from nexgent.api.http.models import ApiModel, Body, SchemaBody
from nexgent.api.http.problems import problem
from nexgent.api.http.types import Instant
from nexgent.domain.users.models import Claims, Session, User
from nexgent.domain.users.register import MIN_PASSWORD_LENGTH
from nexgent.domain.users.seed_admin import EMAIL, MAX_EMAIL_LENGTH, is_email
from nexgent.domain.users.session_records import SessionRecord

_LONGEST = 10_000


def _email(read: Callable[[str], str]) -> AfterValidator:
    def check(value: str) -> str:
        if not is_email(read(value)):
            raise problem("Invalid email")
        return value

    return AfterValidator(check)


_EMAIL = WithJsonSchema({"type": "string", "maxLength": MAX_EMAIL_LENGTH, "pattern": f"^{EMAIL.pattern}$"})
Email = Annotated[str, Field(max_length=_LONGEST), _email(lambda text: text), _EMAIL]
NewEmail = Annotated[str, Field(max_length=_LONGEST), _email(lambda text: text.strip().lower()), _EMAIL]
# What is wrong with a password or a token that is too long, its own rules say.
SecretText = Annotated[
    str,
    Field(min_length=1, max_length=_LONGEST, repr=False),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
NewPassword = Annotated[
    str,
    Field(min_length=MIN_PASSWORD_LENGTH, max_length=_LONGEST, repr=False),
    WithJsonSchema({"type": "string", "minLength": MIN_PASSWORD_LENGTH, "maxLength": 128}),
]


def _text_or_none(value: object) -> object:
    return value if isinstance(value, str) else None


class LoginIn(SchemaBody):
    """Who wants to log in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"email": "admin@example.com", "password": "YourSecurePassword1!", "rememberMe": True}
            ]
        }
    )

    email: Email
    password: SecretText
    remember_me: bool = False


class RegisterIn(SchemaBody):
    """Who wants an account. The password needs an upper-case and a lower-case letter, a digit and another character."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "trader@example.com", "password": "Correct-horse-1"}]}
    )

    email: NewEmail
    password: NewPassword


class RefreshIn(SchemaBody):
    """A refresh token."""

    refresh_token: SecretText
    rotate: bool = False


class LogoutIn(Body):
    """Optionally the refresh token to void as well."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"refreshToken": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl"}
            ]
        }
    )

    # Whatever is no text is ignored, so that logging out always works.
    refresh_token: Annotated[str | None, BeforeValidator(_text_or_none), Field(repr=False)] = None


class UserOut(ApiModel):
    """A user. The `administrator` of the installation has endpoints of their own, under `/admin`."""

    id: UUID
    email: str
    created_at: Instant
    administrator: bool

    @classmethod
    def of(cls, user: User, admin_email: str) -> UserOut:
        """Return what a user sees of himself; `admin_email` is the administrator's, in lower case."""
        return cls.showing(user, administrator=bool(admin_email) and user.email == admin_email)


class SessionOut(ApiModel):
    """A new session."""

    access_token: str
    refresh_token: str
    user: UserOut

    @classmethod
    def of(cls, session: Session, admin_email: str) -> SessionOut:
        """Return a session with its tokens."""
        return cls.model_construct(
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            user=UserOut.of(session.user, admin_email),
        )


class AccessTokenOut(ApiModel):
    """A new access token; with `rotate` also the refresh token to use from now on."""

    access_token: str
    refresh_token: str | SkipJsonSchema[None] = None


class ChangePasswordIn(SchemaBody):
    """The present password and the new one, which has to be as good as one to register with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"currentPassword": "Correct-horse-1", "newPassword": "Another-horse-2"}]
        }
    )

    current_password: SecretText
    new_password: NewPassword


class SessionRecordOut(ApiModel):
    """A session: `lastUsedAt` is its last login or refresh, `current` the one that asks."""

    id: Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    address: str
    user_agent: str
    current: bool

    @classmethod
    def of(cls, record: SessionRecord, claims: Claims) -> SessionRecordOut:
        """Return a session, as the one with the claims sees it."""
        return cls.showing(record, current=record.id == claims.session_id)


class SessionsOut(ApiModel):
    """All sessions of a user that go on."""

    items: list[SessionRecordOut]

    @classmethod
    def of(cls, records: Sequence[SessionRecord], claims: Claims) -> SessionsOut:
        """Return all sessions, as the one with the claims sees them."""
        return cls.model_construct(items=[SessionRecordOut.of(record, claims) for record in records])


class EndedOut(ApiModel):
    """How many sessions were ended."""

    success: bool
    message: str
    ended: int
