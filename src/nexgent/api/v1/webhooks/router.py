"""`/webhooks/test`: an echo, for whoever sets up a sender. Not there in production."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from nexgent.api.body import parse_document, read_body
from nexgent.api.encoding import json_response
from nexgent.api.http.declared import NOT_AUDITED
from nexgent.api.http.refusals import Refusal, refusals
from nexgent.api.http.requests import SentRequest
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.webhooks.schemas import EchoOut, ReceivedOut

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=ApiRoute, dependencies=[NOT_AUDITED])

_SECRET_WORDS = ("authorization", "cookie", "api-key", "apikey", "token", "secret", "signature")
_HIDDEN = "[hidden]"


@router.post(
    "/test",
    summary="See what a request looks like when it arrives",
    response_model=EchoOut,
    responses=refusals(Refusal(404, "Not found", "NOT_FOUND")),
)
async def echo(sent: SentRequest, services: Services) -> EchoOut | Response:
    """Return the request; headers with credentials are masked."""
    if services.values.production:
        return json_response({"error": "Not found"}, 404)
    query: dict[str, str | list[str]] = {
        name: values[0] if len(values := sent.query_params.getlist(name)) == 1 else values
        for name in sent.query_params
    }
    received = ReceivedOut.model_construct(
        headers={name: _shown(name, value) for name, value in sent.headers.items()},
        body=await _body(sent),
        query=query,
        method="POST",
        path="/test",
    )
    return EchoOut.model_construct(
        success=True,
        message="Webhook received successfully",
        timestamp=services.clock.now(),
        received=received,
    )


async def _body(sent: Request) -> object:
    raw = await sent.body()
    is_json = raw and "json" in sent.headers.get("content-type", "")
    return parse_document(raw) if is_json else await read_body(sent)


def _shown(name: str, value: str) -> str:
    return _HIDDEN if any(word in name for word in _SECRET_WORDS) else value
