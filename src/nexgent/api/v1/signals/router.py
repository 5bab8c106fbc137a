"""`/trading-signals`: send a signal, list, correct and delete signals, see what agents made of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from nexgent.api.encoding import JsonBytes
from nexgent.api.export import EXPORT_ANSWERS, TOOK_TOO_LONG, exported
from nexgent.api.fields import parse_signal_id
from nexgent.api.http.access import SignalsCaller
from nexgent.api.http.declared import NOT_AUDITED, limited
from nexgent.api.http.refusals import MOVED_ON, Refusal, refusals
from nexgent.api.http.route import ApiRoute
from nexgent.api.http.services import Services
from nexgent.api.http.types import SignalIdInPath
from nexgent.api.paging import NEXT_PAGE, Paging
from nexgent.api.v1.signals.export import table_of
from nexgent.api.v1.signals.schemas import (
    AllSignalsQuery,
    DecisionsOut,
    SignalChangesIn,
    SignalIn,
    SignalOut,
    SignalsDeletedOut,
    SignalsExportQuery,
    SignalsPageQuery,
    written,
)
from nexgent.domain.signals.errors import SignalNotFoundError
from nexgent.domain.signals.queries import SignalRow
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import SignalId, UserId

# Signals are rows of their own, which say what became of them; they come fast.
router = APIRouter(
    prefix="/trading-signals", tags=["signals"], route_class=ApiRoute, dependencies=[NOT_AUDITED]
)

_PAGING = Paging("signals", lambda text: SignalId(parse_signal_id(text)))


@router.post(
    "",
    status_code=201,
    summary="Send a signal",
    responses=refusals(Refusal(409, "The same signal was sent a moment ago", "SIGNAL_DUPLICATE")),
    dependencies=[limited(120, by_key=True, exact=False)],
)
async def create_signal(body: SignalIn, caller: SignalsCaller, services: Services) -> SignalOut:
    """Store a signal and let it be traded. Answered as soon as it is stored; agents then decide and trade on their own."""
    return SignalOut.of(await services.create_signal.execute(body.draft(caller.user_id)))


@router.get("", summary="Own signals, newest first", description=NEXT_PAGE, response_model=list[SignalOut])
async def list_signals(
    query: Annotated[SignalsPageQuery, Query()], caller: SignalsCaller, services: Services
) -> Response:
    """Return matching signals."""
    wanted, page = query.wanted(caller.user_id), _PAGING.page(query)
    rows = await services.signals.list(wanted, limit=page.asked, offset=page.offset, after=page.after)
    return await _PAGING.answer(
        rows, page, view=SignalOut.of, mark=lambda row: PageCursor(row.created_at, row.id)
    )


# The literal paths come before those whose id they would be taken for.
@router.get(
    "/export",
    summary="Own signals as a CSV file",
    response_class=StreamingResponse,
    responses={**EXPORT_ANSWERS, **refusals(TOOK_TOO_LONG)},
)
async def export_signals(
    query: Annotated[SignalsExportQuery, Query()], caller: SignalsCaller, services: Services
) -> Response:
    """Stream matching signals, oldest first, without a limit.

    Texts that a spreadsheet would compute get a leading apostrophe. With `format=json`, an array of the objects of the list.
    """
    table = table_of(query.wanted(caller.user_id), query.zone, services.signals)
    return await exported(services, table, as_json=query.as_json)


@router.delete("/all", summary="Delete all own signals")
async def delete_all_signals(
    _confirmed: Annotated[AllSignalsQuery, Query()], caller: SignalsCaller, services: Services
) -> SignalsDeletedOut:
    """Delete every signal of the user. Transactions and closed trades stay and forget their signal."""
    count = await services.edit_signals.delete_all(caller.user_id)
    return SignalsDeletedOut(message="All trading signals deleted successfully", deleted_count=count)


@router.get("/{id}", summary="One signal")
async def get_signal(signal_id: SignalIdInPath, caller: SignalsCaller, services: Services) -> SignalOut:
    """Return a signal."""
    return SignalOut.of(await _own(services, signal_id, caller.user_id))


@router.get(
    "/{id}/decisions", summary="What each agent made of a signal, and why", response_model=DecisionsOut
)
async def list_decisions(signal_id: SignalIdInPath, caller: SignalsCaller, services: Services) -> Response:
    """Return every agent's decision."""
    row = await _own(services, signal_id, caller.user_id)
    await services.projections.caught_up()
    decisions = await services.signals.written_decisions(row.id)
    return JsonBytes(
        written(row, decisions if decisions is not None else await services.signals.decisions(row.id))
    )


@router.put("/{id}", summary="Correct a signal")
async def update_signal(
    signal_id: SignalIdInPath, body: SignalChangesIn, caller: SignalsCaller, services: Services
) -> SignalOut:
    """Change some fields of a signal. It is not traded again."""
    return SignalOut.of(await services.edit_signals.update(signal_id, caller.user_id, body.changes()))


@router.delete("/{id}", status_code=204, summary="Delete a signal", responses=refusals(MOVED_ON))
async def delete_signal(signal_id: SignalIdInPath, caller: SignalsCaller, services: Services) -> Response:
    """Delete a signal. Its executions and decisions go with it; transactions and closed trades stay and forget it."""
    await services.edit_signals.delete(signal_id, caller.user_id)
    return Response(status_code=204)


async def _own(services: Services, signal_id: SignalId, user_id: UserId) -> SignalRow:
    row = await services.signals.get(signal_id, user_id)
    if row is None:
        raise SignalNotFoundError
    return row
