"""`/auth`: log in, refresh, log out, who am I; sessions and the password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from nexgent.api.http.access import SessionCaller, SessionClaims
from nexgent.api.http.declared import NOT_AUDITED, NOT_KEPT, audited, limited
from nexgent.api.http.models import DoneOut
from nexgent.api.http.refusals import UNKNOWN_USER, Refusal, refusals
from nexgent.api.http.requests import BrokenBody
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import SessionIdInPath
from nexgent.api.rate_limits import CLIENT_IP_KEY
from nexgent.api.v1.auth.schemas import (
    AccessTokenOut,
    ChangePasswordIn,
    EndedOut,
    LoginIn,
    LogoutIn,
    RefreshIn,
    RegisterIn,
    SessionOut,
    SessionsOut,
    UserOut,
)
from nexgent.domain.users.origin import Origin

router = APIRouter(prefix="/auth", tags=["auth"], route_class=ApiRoute)


async def _origin(request: Request) -> Origin:
    """Return where a request comes from."""
    return Origin(str(request.scope.get(CLIENT_IP_KEY, "")), request.headers.get("user-agent", ""))


async def _registration_is_open(request: Request, services: Services) -> None:
    """Raise `ForbiddenError` where nobody may register, and before what is wrong with a body that cannot be read."""
    body = await request.json()
    if isinstance(body, BrokenBody):
        raise body.error_of(as_list=True)
    services.users.register.require_open()


FromWhere = Annotated[Origin, Depends(_origin)]


@router.post(
    "/login",
    summary="Log in",
    responses=refusals(
        Refusal(401, "Invalid email or password", "AUTHENTICATION_ERROR"),
        Refusal(423, "Account is locked after too many failed attempts; try again later", "ACCOUNT_LOCKED"),
    ),
    dependencies=[limited(5), audited("auth.login")],
)
async def log_in(body: LoginIn, origin: FromWhere, services: Services) -> SessionOut:
    """Return a new session."""
    return SessionOut.of(
        await services.users.log_in.execute(
            body.email, body.password, remember=body.remember_me, origin=origin
        ),
        services.values.admin_email,
    )


@router.post(
    "/register",
    status_code=201,
    summary="Create an account, where ALLOW_REGISTRATION is on",
    responses=refusals(Refusal(403, "Registration is disabled", "REGISTRATION_DISABLED")),
    dependencies=[limited(3), Depends(_registration_is_open), audited("auth.register")],
)
async def register(body: RegisterIn, origin: FromWhere, services: Services) -> SessionOut:
    """Create a user and return a session."""
    return SessionOut.of(
        await services.users.register.execute(body.email, body.password, origin), services.values.admin_email
    )


# Every quarter of an hour for each dashboard; what ends a session is in the log.
@router.post(
    "/refresh",
    summary="Get a new access token",
    responses=refusals(Refusal(401, "Invalid or expired refresh token", "AUTHENTICATION_ERROR")),
    dependencies=[limited(10), NOT_AUDITED],
)
async def refresh(body: RefreshIn, origin: FromWhere, services: Services) -> AccessTokenOut:
    """Return a new access token, and the next refresh token to who asks for it.

    With `rotate` the answer has a refresh token that takes the place of the one sent. That one is taken for 30 seconds longer,
    for a second tab or a lost answer, and gives the same new one; used later it ends the session, because two have it. Without
    `rotate` a refresh token is good until the session ends.
    """
    refreshed = await services.users.sessions.refresh(body.refresh_token, origin, rotate=body.rotate)
    if refreshed.refresh_token is None:
        return AccessTokenOut(access_token=refreshed.access_token)
    return AccessTokenOut(access_token=refreshed.access_token, refresh_token=refreshed.refresh_token)


@router.post("/logout", summary="Log out", dependencies=[NOT_KEPT, audited("auth.logout")])
async def log_out(body: LogoutIn, claims: SessionClaims, services: Services) -> DoneOut:
    """Void the session."""
    await services.users.sessions.log_out(claims, body.refresh_token)
    return DoneOut(success=True, message="Logged out successfully")


@router.get("/me", summary="The user of the session", responses=refusals(UNKNOWN_USER))
async def me(caller: SessionCaller, services: Services) -> UserOut:
    """Return the user."""
    return UserOut.of(await services.users.sessions.user(caller.user_id), services.values.admin_email)


@router.post(
    "/change-password",
    summary="Set a new password; all other sessions end",
    responses=refusals(
        Refusal(403, "Forbidden: the current password is wrong", "INVALID_PASSWORD"),
        UNKNOWN_USER,
        Refusal(423, "Account is locked after too many failed logins; try again later", "ACCOUNT_LOCKED"),
    ),
    dependencies=[limited(5)],
)
async def change_password(
    body: ChangePasswordIn, claims: SessionClaims, origin: FromWhere, services: Services
) -> SessionOut:
    """Set a new password and return a new session.

    The answer is a new session in the place of the one that asked, with the same end. Wrong current passwords are counted like
    those of a login. For the administrator the new password stays until `ADMIN_PASSWORD` is changed.
    """
    return SessionOut.of(
        await services.users.change_password.execute(
            claims, body.current_password, body.new_password, origin
        ),
        services.values.admin_email,
    )


@router.get("/sessions", summary="List sessions, the one used last first")
async def list_sessions(claims: SessionClaims, services: Services) -> SessionsOut:
    """Return the user's sessions."""
    return SessionsOut.of(await services.users.sessions.of_user(claims.user_id), claims)


@router.delete("/sessions", summary="End all sessions but this one")
async def end_other_sessions(claims: SessionClaims, services: Services) -> EndedOut:
    """End the others."""
    ended = await services.users.sessions.end_others(claims)
    return EndedOut(success=True, message="Other sessions ended", ended=ended)


@router.delete("/sessions/{id}", summary="End a session")
async def end_session(session_id: SessionIdInPath, caller: SessionCaller, services: Services) -> DoneOut:
    """End one."""
    await services.users.sessions.end_one(caller.user_id, str(session_id))
    return DoneOut(success=True, message="Session ended")
