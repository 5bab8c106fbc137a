"""`/auth`: log in, refresh, log out, who am I."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.fields import SchemaFields
from nexgent.api.rate_limits import CLIENT_IP_KEY
from nexgent.api.v1.auth.schemas import (
    AccessTokenOut,
    DoneOut,
    LoginIn,
    LogoutIn,
    RefreshIn,
    RegisterIn,
    SessionOut,
    UserOut,
)
from nexgent.domain.users.errors import WeakPasswordError
from nexgent.domain.users.models import Session, User
from nexgent.domain.users.origin import Origin
from nexgent.domain.users.register import MIN_PASSWORD_LENGTH
from nexgent.domain.users.seed_admin import is_email

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
    Doc(summary="Get a new access token", body=RefreshIn, response=AccessTokenOut),
)
async def refresh(call: Call) -> Response:
    """Return a new access token."""
    fields = SchemaFields(await call.schema_body())
    token = fields.text("refreshToken", minimum=1)
    fields.done()
    return _secret(json_response({"accessToken": await call.services.sessions.refresh(token or "")}))


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


def _origin(call: Call) -> Origin:
    headers = call.request.headers
    return Origin(str(call.request.scope.get(CLIENT_IP_KEY, "")), headers.get("user-agent", ""))


def _session(session: Session, status: int = 200) -> Response:
    content = {
        "accessToken": session.access_token,
        "refreshToken": session.refresh_token,
        "user": _user_view(session.user),
    }
    return _secret(json_response(content, status))


def _user_view(user: User) -> dict[str, object]:
    return {"id": user.id, "email": user.email, "createdAt": iso(user.created_at)}


def _secret(response: Response) -> Response:
    response.raw_headers.append((b"cache-control", b"no-store"))
    return response
