"""`/ws/ticket`: a ticket for one WebSocket connection."""

from __future__ import annotations

from fastapi import APIRouter

from nexgent.api.http.access import SessionClaims
from nexgent.api.http.declared import NOT_AUDITED, NOT_KEPT
from nexgent.api.http.models import READS_NOTHING
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.v1.ws.schemas import TicketOut

router = APIRouter(prefix="/ws", tags=["websocket"], route_class=ApiRoute, dependencies=[NOT_AUDITED])

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


@router.post(
    "/ticket",
    summary="Get a ticket for the WebSocket",
    description=ABOUT,
    dependencies=[NOT_KEPT, READS_NOTHING],
)
async def issue_ticket(claims: SessionClaims, services: Services) -> TicketOut:
    """Return a new ticket."""
    ticket = await services.users.socket_tickets.issue(claims)
    return TicketOut(ticket=ticket.text, expires_at=ticket.expires_at)
