"""`/trading-signals`: send a signal, list signals, see what agents made of one."""

from __future__ import annotations

from starlette.responses import Response

from nexgent.api.encoding import iso_or_none, json_response
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.fields import parse_signal_id
from nexgent.api.paging import NEXT_PAGE, PAGE_PARAMETERS, Paging, period_parameters
from nexgent.api.v1.signals.parsing import path_signal_id, signal_draft, signal_filter
from nexgent.api.v1.signals.schemas import DecisionsOut, SignalIn, SignalOut
from nexgent.api.v1.signals.views import decision_view, signal_view
from nexgent.domain.signals.errors import SignalNotFoundError
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.users.models import Scope
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import SignalId

endpoints = Endpoints("signals")

_PAGING = Paging("signals", lambda text: SignalId(parse_signal_id(text)))


@endpoints.post(
    "/trading-signals",
    Scope.SIGNALS,
    Doc(
        summary="Send a signal",
        description="Answered as soon as the signal is stored; agents then decide and trade on their own.",
        body=SignalIn,
        response=SignalOut,
        status=201,
    ),
)
async def create_signal(call: Call) -> Response:
    """Store a signal and let it be traded."""
    draft = signal_draft(call.user_id, await call.body())
    return json_response(signal_view(await call.services.create_signal.execute(draft)), 201)


@endpoints.get(
    "/trading-signals",
    Scope.SIGNALS,
    Doc(
        summary="Own signals, newest first",
        description=NEXT_PAGE,
        response=SignalOut,
        many=True,
        query={
            "tokenAddress": "Only this token",
            "signalType": "Only this type",
            "startDate": "Not before",
            "endDate": "Not after",
            **period_parameters("startDate", "endDate"),
            **PAGE_PARAMETERS,
        },
    ),
)
async def list_signals(call: Call) -> Response:
    """Return matching signals."""
    query = call.query()
    wanted, page = signal_filter(call, query), _PAGING.read(query)
    rows = await call.services.signals.list(wanted, limit=page.asked, offset=page.offset, after=page.after)
    return _PAGING.answer(rows, page, view=signal_view, mark=lambda row: PageCursor(row.created_at, row.id))


@endpoints.get("/trading-signals/{id}", Scope.SIGNALS, Doc(summary="One signal", response=SignalOut))
async def get_signal(call: Call) -> Response:
    """Return a signal."""
    return json_response(signal_view(await _own_signal(call)))


@endpoints.get(
    "/trading-signals/{id}/decisions",
    Scope.SIGNALS,
    Doc(summary="What each agent made of a signal, and why", response=DecisionsOut),
)
async def list_decisions(call: Call) -> Response:
    """Return every agent's decision."""
    row = await _own_signal(call)
    await call.services.projections.caught_up()
    decisions = await call.services.signals.decisions(row.id)
    return json_response(
        {
            "signalId": row.id,
            "processedAt": iso_or_none(row.processed_at),
            "note": row.process_note,
            "decisions": [decision_view(decision) for decision in decisions],
        }
    )


async def _own_signal(call: Call) -> SignalRow:
    row = await call.services.signals.get(path_signal_id(call), call.user_id)
    if row is None:
        raise SignalNotFoundError
    return row
