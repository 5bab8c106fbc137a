"""`/metrics`: figures for Prometheus."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from nexgent.api.endpoint import Access, Call, Doc, Endpoints

endpoints = Endpoints("metrics")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@endpoints.get(
    "/metrics",
    Access.PUBLIC,
    Doc(
        summary="Figures in Prometheus' text format",
        description="Takes a session, or the bearer of METRICS_TOKEN; METRICS_PUBLIC opens it to everybody.",
        media_type="text/plain",
    ),
)
async def metrics(call: Call) -> Response:
    """Return all figures."""
    _authorize(call)
    return Response(call.services.metrics.exposition(), headers={"content-type": CONTENT_TYPE})


def _authorize(call: Call) -> None:
    values = call.services.values
    if values.metrics_public:
        return
    authorization = call.request.headers.get("authorization")
    if values.metrics_token is not None and authorization is not None:
        expected = f"Bearer {values.metrics_token.get_secret_value()}"
        if secrets.compare_digest(authorization.encode(), expected.encode()):
            return
    call.services.authenticator.by_token(authorization)
