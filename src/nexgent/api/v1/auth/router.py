"""`/auth`: log in, refresh, log out, who am I."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import SchemaFields
from nexgent.api.rate_limits import CLIENT_IP_KEY
from nexgent.api.v1.auth.schemas import (
    AccessTokenOut,
    ChangePasswordIn,
    DoneOut,
    EndedOut,
    LoginIn,
    LogoutIn,
    RefreshIn,
    RegisterIn,
    SessionOut,
    SessionsOut,
    UserOut,
)
from nexgent.domain.users.errors import WeakPasswordError
from nexgent.domain.users.models import Claims, Session, User
from nexgent.domain.users.origin import Origin
from nexgent.domain.users.register import MIN_PASSWORD_LENGTH
from nexgent.domain.users.seed_admin import is_email
from nexgent.domain.users.session_records import SessionRecord

endpoints = Endpoints("auth")


@endpoints.post("/auth/login", Access.PUBLIC, Doc(summary="Log in", body=LoginIn, response=SessionOut))
async def log_in(call: Call) -> Response:
    """Return a new session."""
    fields = SchemaFields(await call.schema_body())
    email = fields.text("email")
    if email is not None and not is_email(email):
        fields.fail("email", "Invalid email")
    password = fields.text("password", minimum=1)
    remember = fields.boolean("rememberMe")
    fields.done()
    session = await call.services.sessions.log_in(
        email or "", password or "", remember=remember is True, origin=_origin(call)
    )
    return _session(session)


@endpoints.post(
    "/auth/register",
    Access.PUBLIC,
    Doc(
        summary="Create an account, where ALLOW_REGISTRATION is on",
        body=RegisterIn,
        response=SessionOut,
        status=201,
    ),
)
async def register(call: Call) -> Response:
    """Create a user and return a session."""
    body = await call.schema_body()
    call.services.register.require_open()
    fields = SchemaFields(body)
    email = fields.text("email")
    if email is not None and not is_email(email.strip().lower()):
        fields.fail("email", "Invalid email")
    password = fields.text("password", minimum=MIN_PASSWORD_LENGTH)
    fields.done()
    try:
        session = await call.services.register.execute(email or "", password or "", _origin(call))
    except WeakPasswordError as error:
        return json_response({"error": error.message, "code": error.code, "details": error.problems}, 400)
    return _session(session, 201)


@endpoints.post(
    "/auth/refresh",
    Access.PUBLIC,
    Doc(
        summary="Get a new access token",
        body=RefreshIn,
        response=AccessTokenOut,
        description=(
            "With `rotate` the answer has a refresh token that takes the place of the one sent. That one is taken for 30 seconds "
            "longer, for a second tab or a lost answer, and gives the same new one; used later it ends the session, because two "
            "have it. Without `rotate` a refresh token is good until the session ends."
        ),
    ),
)
async def refresh(call: Call) -> Response:
    """Return a new access token, and the next refresh token to who asks for it."""
    fields = SchemaFields(await call.schema_body())
    token = fields.text("refreshToken", minimum=1)
    rotate = fields.boolean("rotate") is True
    fields.done()
    refreshed = await call.services.sessions.refresh(token or "", _origin(call), rotate=rotate)
    content = {"accessToken": refreshed.access_token}
    if refreshed.refresh_token is not None:
        content["refreshToken"] = refreshed.refresh_token
    return json_response(content)


@endpoints.post("/auth/logout", Access.SESSION, Doc(summary="Log out", body=LogoutIn, response=DoneOut))
async def log_out(call: Call) -> Response:
    """Void the session."""
    token = (await call.body()).get("refreshToken")
    claims = call.caller.claims
    assert claims is not None
    await call.services.sessions.log_out(claims, token if isinstance(token, str) else None)
    return json_response({"success": True, "message": "Logged out successfully"})


@endpoints.get("/auth/me", Access.SESSION, Doc(summary="The user of the session", response=UserOut))
async def me(call: Call) -> Response:
    """Return the user."""
    return json_response(_user_view(await call.services.sessions.user(call.user_id)))


@endpoints.post(
    "/auth/change-password",
    Access.SESSION,
    Doc(
        summary="Set a new password; all other sessions end",
        body=ChangePasswordIn,
        response=SessionOut,
        description=(
            "The answer is a new session in the place of the one that asked, with the same end. Wrong current passwords are "
            "counted like those of a login. For the administrator the new password stays until `ADMIN_PASSWORD` is changed."
        ),
    ),
)
async def change_password(call: Call) -> Response:
    """Set a new password and return a new session."""
    fields = SchemaFields(await call.schema_body())
    current = fields.text("currentPassword", minimum=1)
    new = fields.text("newPassword", minimum=MIN_PASSWORD_LENGTH)
    fields.done()
    claims = call.caller.claims
    assert claims is not None
    try:
        session = await call.services.change_password.execute(claims, current or "", new or "", _origin(call))
    except WeakPasswordError as error:
        return json_response({"error": error.message, "code": error.code, "details": error.problems}, 400)
    return _session(session)


@endpoints.get(
    "/auth/sessions",
    Access.SESSION,
    Doc(summary="List sessions, the one used last first", response=SessionsOut),
)
async def list_sessions(call: Call) -> Response:
    """Return the user's sessions."""
    claims = call.caller.claims
    assert claims is not None
    records = await call.services.sessions.of_user(call.user_id)
    return json_response({"items": [_record_view(record, claims) for record in records]})


@endpoints.delete(
    "/auth/sessions", Access.SESSION, Doc(summary="End all sessions but this one", response=EndedOut)
)
async def end_other_sessions(call: Call) -> Response:
    """End the others."""
    claims = call.caller.claims
    assert claims is not None
    count = await call.services.sessions.end_others(claims)
    return json_response({"success": True, "message": "Other sessions ended", "ended": count})


@endpoints.delete("/auth/sessions/{id}", Access.SESSION, Doc(summary="End a session", response=DoneOut))
async def end_session(call: Call) -> Response:
    """End one."""
    await call.services.sessions.end_one(call.user_id, str(call.path_uuid("id", "session")))
    return json_response({"success": True, "message": "Session ended"})


def _record_view(record: SessionRecord, claims: Claims) -> dict[str, object]:
    return {
        "id": record.id,
        "createdAt": iso(record.created_at),
        "lastUsedAt": iso(record.last_used_at),
        "expiresAt": iso(record.expires_at),
        "address": record.address,
        "userAgent": record.user_agent,
        "current": record.id == claims.session_id,
    }


def _origin(call: Call) -> Origin:
    headers = call.request.headers
    return Origin(str(call.request.scope.get(CLIENT_IP_KEY, "")), headers.get("user-agent", ""))


def _session(session: Session, status: int = 200) -> Response:
    content = {
        "accessToken": session.access_token,
        "refreshToken": session.refresh_token,
        "user": _user_view(session.user),
    }
    return json_response(content, status)


def _user_view(user: User) -> dict[str, object]:
    return {"id": user.id, "email": user.email, "createdAt": iso(user.created_at)}
