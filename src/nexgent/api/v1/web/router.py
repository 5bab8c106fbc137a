"""`/web`: the session of the dashboard. Its refresh token lives in a cookie that no script reads and no other site sends."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from nexgent.api.deps import ApiServices
from nexgent.api.encoding import dumped, json_response
from nexgent.api.http.access import CALLER_KEY, SessionClaims
from nexgent.api.http.declared import NOT_AUDITED, NOT_KEPT, NOT_STORED, audited, limited
from nexgent.api.http.models import READS_NOTHING, DoneOut
from nexgent.api.http.refusals import Refusal, refusals
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.auth.router import FromWhere
from nexgent.api.v1.auth.schemas import LoginIn
from nexgent.api.v1.web.schemas import LinkIn, LinkOut, WebSessionOut
from nexgent.api.v1.web.session_cookie import (
    FROM_OUR_PAGE,
    clear_cookie,
    refresh_token_of,
    set_cookie,
)
from nexgent.domain.users.errors import NotAuthenticatedError
from nexgent.domain.users.models import REMEMBERED_REFRESH_LIFETIME, Caller, User

router = APIRouter(prefix="/web", tags=["dashboard"], route_class=ApiRoute)

_ELSEWHERE = Refusal(403, "Forbidden: only the dashboard of this service may call this", "NOT_THE_DASHBOARD")


def _session(
    request: Request, access_token: str, user: User, refresh_token: str, kept_for: timedelta | None
) -> Response:
    services: ApiServices = request.app.state.services
    response = json_response(dumped(WebSessionOut.of(access_token, user, services.values.admin_email)))
    set_cookie(request, response, refresh_token, kept_for)
    return response


@router.post(
    "/login",
    summary="Log in to the dashboard",
    response_model=WebSessionOut,
    responses=refusals(
        Refusal(401, "Invalid email or password", "AUTHENTICATION_ERROR"),
        _ELSEWHERE,
        Refusal(423, "Account is locked after too many failed attempts; try again later", "ACCOUNT_LOCKED"),
    ),
    dependencies=[FROM_OUR_PAGE, limited(5, counted_as=f"{PREFIX}/auth/login"), audited("auth.login")],
)
async def log_in(body: LoginIn, request: Request, origin: FromWhere, services: Services) -> Response:
    """Return an access token, and put the refresh token into the cookie `nexgent_session`.

    Attempts are counted together with those of `POST /auth/login`.
    """
    session = await services.users.log_in.execute(
        body.email, body.password, remember=body.remember_me, origin=origin
    )
    kept_for = REMEMBERED_REFRESH_LIFETIME if body.remember_me else None
    return _session(request, session.access_token, session.user, session.refresh_token, kept_for)


# At every load of the page. What is guessed here is signed: a limit is for the load it makes, not for its secrecy.
@router.post(
    "/refresh",
    summary="Go on with the dashboard's session",
    response_model=WebSessionOut,
    responses=refusals(
        Refusal(401, "There is no session here; log in", "AUTHENTICATION_ERROR"),
        _ELSEWHERE,
    ),
    dependencies=[FROM_OUR_PAGE, limited(120, exact=False), READS_NOTHING, NOT_AUDITED],
)
async def refresh(request: Request, origin: FromWhere, services: Services) -> Response:
    """Return a new access token, and put the next refresh token into the cookie. The one before ends as in `/auth/refresh`."""
    token = refresh_token_of(request)
    if token is None:
        raise NotAuthenticatedError("There is no session here; log in")
    refreshed = await services.users.sessions.refresh(token, origin, rotate=True)
    assert refreshed.refresh_token is not None
    kept_for = refreshed.session.left_if_remembered(services.clock.now())
    return _session(request, refreshed.access_token, refreshed.user, refreshed.refresh_token, kept_for)


@router.post(
    "/logout",
    summary="Log out of the dashboard",
    response_model=DoneOut,
    responses=refusals(_ELSEWHERE),
    dependencies=[FROM_OUR_PAGE, READS_NOTHING, audited("auth.logout")],
)
async def log_out(request: Request, services: Services) -> Response:
    """End the session of the cookie, if there is one, and forget the cookie."""
    token = refresh_token_of(request)
    claims = await services.users.sessions.log_out_with(token) if token is not None else None
    if claims is not None:
        request.scope[CALLER_KEY] = Caller(user_id=claims.user_id, claims=claims)
    response = json_response(dumped(DoneOut(success=True, message="Logged out successfully")))
    clear_cookie(request, response)
    return response


@router.post(
    "/link",
    summary="Log in with a one-time link",
    response_model=WebSessionOut,
    responses=refusals(
        Refusal(
            401, "This link was used already or is over; `nexgent dashboard` gives a new one", "LINK_OVER"
        ),
        Refusal(403, "Forbidden: links open on the service's own machine only; log in with the password"),
    ),
    dependencies=[FROM_OUR_PAGE, limited(10), audited("auth.link")],
)
async def use_link(body: LinkIn, request: Request, origin: FromWhere, services: Services) -> Response:
    """Exchange a link's secret, which is good once, for a session as `/web/login` gives one."""
    session = await services.web_links.redeem(body.token, origin)
    return _session(request, session.access_token, session.user, session.refresh_token, None)


@router.post(
    "/links",
    summary="Make a one-time link",
    responses=refusals(
        Refusal(
            403,
            "Forbidden: only `nexgent dashboard` on the service's own machine may make links",
            "NOT_THE_MACHINE",
        )
    ),
    dependencies=[limited(10), NOT_KEPT, NOT_STORED, READS_NOTHING, audited("auth.link_made")],
)
async def make_link(claims: SessionClaims, origin: FromWhere, services: Services) -> LinkOut:
    """Return a link that logs in as the caller, once and within ten minutes. For commands on the service's own machine."""
    link = await services.web_links.issue(claims, origin)
    return LinkOut(token=link.token, path=f"/#/link/{link.token}", expires_at=link.expires_at)
