"""`/ws/ticket`: a ticket for one WebSocket connection."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso, json_response
from nexgent.api.endpoint import Access, Call, Doc, Endpoints
from nexgent.api.v1.ws.schemas import TicketOut

endpoints = Endpoints("websocket")

ABOUT = """\
The ticket is good for one connection within 30 seconds, on any process of the installation: open `/ws?ticket=…&agentId=…`
(outside `/api/v1`). It spares putting the access token into an address. The connection ends with the session, as one opened
with the token does.

Other ways to prove who you are: `?token=<access token>`; the sub-protocols `nexgent.v1, bearer.<access token or API key>` (the
answer is `nexgent.v1`); or the headers `Authorization: Bearer …` or `X-API-Key`. API keys need the scope `positions`.

Position frames, `connected` and `initial_data` carry `epoch` and `seq`. Coming back with `epoch` and `lastSeq` in the address
brings the frames that were missed (`connected` says `"resumed": true`), or a fresh `initial_data` when they are gone. On an open
connection the frame `{"type": "resume", "data": {"epoch": …, "lastSeq": …}}` does the same.

Closing codes: 1008 the session ended or expired, or the agent or API key was deleted; 1013 the client reads too slowly;
1000 no sign of life for a minute, or the server shuts down."""


@endpoints.post(
    "/ws/ticket",
    Access.SESSION,
    Doc(summary="Get a ticket for the WebSocket", response=TicketOut, description=ABOUT),
)
async def issue_ticket(call: Call) -> Response:
    """Return a new ticket."""
    await call.body()
    claims = call.caller.claims
    assert claims is not None
    ticket = await call.services.socket_tickets.issue(claims)
    return json_response({"ticket": ticket.text, "expiresAt": iso(ticket.expires_at)})
