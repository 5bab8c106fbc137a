"""`/webhooks/test`: an echo, for whoever sets up a sender. Not there in production."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.body import parse_document
from nexgent.api.encoding import iso, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.v1.webhooks.schemas import EchoOut

endpoints = Endpoints("webhooks")

_SECRET_WORDS = ("authorization", "cookie", "api-key", "apikey", "token", "secret", "signature")
_HIDDEN = "[hidden]"


@endpoints.post(
    "/webhooks/test",
    Access.PUBLIC,
    Doc(summary="See what a request looks like when it arrives", response=EchoOut),
)
async def echo(call: Call) -> Response:
    """Return the request; headers with credentials are masked."""
    if call.services.values.production:
        return json_response({"error": "Not found"}, 404)
    request = call.request
    raw = await request.body()
    is_json = raw and "json" in request.headers.get("content-type", "")
    body = parse_document(raw) if is_json else await call.body()
    query = {
        name: values[0] if len(values := request.query_params.getlist(name)) == 1 else values
        for name in request.query_params
    }
    return json_response(
        {
            "success": True,
            "message": "Webhook received successfully",
            "timestamp": iso(call.services.clock.now()),
            "received": {
                "headers": {name: _shown(name, value) for name, value in request.headers.items()},
                "body": body,
                "query": query,
                "method": "POST",
                "path": "/test",
            },
        }
    )


def _shown(name: str, value: str) -> str:
    return _HIDDEN if any(word in name for word in _SECRET_WORDS) else value
