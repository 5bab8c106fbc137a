"""The cookie of the dashboard's session, and the proof that a request comes from the dashboard's own page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Header, Request
from starlette.responses import Response

from nexgent.api.http.route import PREFIX
from nexgent.shared.errors import ForbiddenError

COOKIE = "nexgent_session"
COOKIE_PATH = f"{PREFIX}/web"
PAGE_HEADER = "X-Nexgent-Web"
_PORT = re.compile(r":(\d{1,5})$")
_USUAL_PORTS = {"http": 80, "https": 443}


class NotTheDashboardError(ForbiddenError):
    """The request was not sent by the dashboard's own page."""

    code = "NOT_THE_DASHBOARD"

    def __init__(self) -> None:
        super().__init__("Forbidden: only the dashboard of this service may call this")


async def _own_page(
    request: Request,
    marked: Annotated[
        str | None,
        Header(alias=PAGE_HEADER, description="`1`. No form or link of another site can send it."),
    ] = None,
) -> None:
    """Raise `NotTheDashboardError` unless the page of this very service sent the request.

    A page of another site can send a form with the cookie's name on it, but no header of its own without a preflight, in which
    this header is not allowed; and a browser says where a request comes from.
    """
    if marked != "1" or not _is_own(request):
        raise NotTheDashboardError


FROM_OUR_PAGE: Any = Depends(_own_page)


def _is_own(request: Request) -> bool:
    headers = request.headers
    origin = headers.get("origin")
    # What no script can write; also right behind a proxy that calls us by another name.
    if origin is None or headers.get("sec-fetch-site") == "same-origin":
        return True
    try:
        parts = urlsplit(origin)
        port = parts.port or _USUAL_PORTS.get(parts.scheme)
    except ValueError:
        return False
    host = headers.get("host", "").lower()
    name = parts.netloc.lower()
    return bool(name) and host in {name, f"{name}:{port}"}


def cookie_name(request: Request) -> str:
    """Return the name of the cookie here. Browsers do not tell ports apart: services side by side on a machine would
    overwrite each other's sessions."""
    port = _PORT.search(request.headers.get("host", ""))
    return f"{COOKIE}_{port[1]}" if port is not None else COOKIE


def refresh_token_of(request: Request) -> str | None:
    """Return the refresh token in the cookie, if there is one."""
    return request.cookies.get(cookie_name(request)) or None


def set_cookie(request: Request, response: Response, refresh_token: str, kept_for: timedelta | None) -> None:
    """Put a refresh token into the cookie: for so long, or until the browser is closed."""
    response.set_cookie(
        cookie_name(request),
        refresh_token,
        max_age=None if kept_for is None else max(0, int(kept_for.total_seconds())),
        path=COOKIE_PATH,
        secure=_is_https(request),
        httponly=True,
        samesite="strict",
    )


def clear_cookie(request: Request, response: Response) -> None:
    """Tell the browser to forget the cookie."""
    response.set_cookie(
        cookie_name(request),
        "",
        max_age=0,
        path=COOKIE_PATH,
        secure=_is_https(request),
        httponly=True,
        samesite="strict",
    )


def _is_https(request: Request) -> bool:
    # Whoever lies here only keeps their own browser from storing the cookie.
    headers = request.headers
    return (
        request.url.scheme == "https"
        or headers.get("origin", "").startswith("https://")
        or headers.get("x-forwarded-proto", "").strip().lower() == "https"
    )
