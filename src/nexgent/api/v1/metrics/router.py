"""`/metrics`: figures for Prometheus."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from nexgent.api.http.refusals import NO_SESSION, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services

router = APIRouter(tags=["metrics"], route_class=ApiRoute)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get(
    "/metrics",
    summary="Figures in Prometheus' text format",
    response_class=PlainTextResponse,
    responses=refusals(NO_SESSION),
    openapi_extra={"security": []},
)
async def metrics(request: Request, services: Services) -> Response:
    """Return all figures. Takes a session, or the bearer of METRICS_TOKEN; METRICS_PUBLIC opens it to everybody."""
    _authorize(request, services)
    return Response(services.metrics(), headers={"content-type": CONTENT_TYPE})


def _authorize(request: Request, services: Services) -> None:
    values = services.values
    if values.metrics_public:
        return
    authorization = request.headers.get("authorization")
    if values.metrics_token is not None and authorization is not None:
        expected = f"Bearer {values.metrics_token.get_secret_value()}"
        if secrets.compare_digest(authorization.encode(), expected.encode()):
            return
    services.users.authenticator.by_token(authorization)
