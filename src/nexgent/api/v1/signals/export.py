"""`/trading-signals/export`: all own signals as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo

from starlette.responses import Response

from nexgent.api.csv_text import free_text, time_text
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.export import BATCH_ROWS, FORMAT_PARAMETERS, Exported, export_response, zone_of
from nexgent.api.paging import period_parameters
from nexgent.api.v1.signals.parsing import signal_filter
from nexgent.api.v1.signals.views import signal_view
from nexgent.domain.signals.queries import SignalRow
from nexgent.domain.users.models import Scope

endpoints = Endpoints("signals")

_HEADER = (
    "Signal ID",
    "Created At",
    "Signal Strength",
    "Token Symbol",
    "Token Address",
    "Trading Strategy",
    "Activation Reason",
    "Source",
    "Updated At",
)


@endpoints.get(
    "/trading-signals/export",
    Scope.SIGNALS,
    Doc(
        summary="Own signals as a CSV file",
        description=(
            "Streamed, oldest first, without a limit. Texts that a spreadsheet would compute get a leading apostrophe. With "
            "`format=json`, an array of the objects of the list."
        ),
        query={
            "tokenAddress": "Only this token",
            "signalType": "Only this type",
            "startDate": "Not before",
            "endDate": "Not after",
            **period_parameters("startDate", "endDate"),
            **FORMAT_PARAMETERS,
        },
        media_type="text/csv",
        or_json=True,
    ),
)
async def export_signals(call: Call) -> Response:
    """Stream matching signals."""
    query = call.query()
    wanted = signal_filter(call, query)
    signals = call.services.signals

    async def read(last: SignalRow | None) -> Sequence[SignalRow]:
        return await signals.export(wanted, after=last.id if last is not None else None, limit=BATCH_ROWS)

    table = Exported(
        name="trading-signals", header=_HEADER, cells=_cells(zone_of(query)), view=signal_view, read=read
    )
    return await export_response(call, query, table)


def _cells(zone: tzinfo) -> Callable[[SignalRow], Iterable[str]]:
    def cells(row: SignalRow) -> Iterable[str]:
        return (
            str(row.id),
            time_text(row.created_at, zone),
            str(row.signal_strength),
            free_text(row.symbol),
            free_text(row.token_address),
            free_text(row.signal_type),
            free_text(row.activation_reason),
            free_text(row.source),
            time_text(row.updated_at, zone),
        )

    return cells
