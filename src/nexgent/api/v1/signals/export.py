"""`/trading-signals/export`: all own signals as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo

from nexgent.api.csv_text import NOT_AVAILABLE, free_text, time_text
from nexgent.api.export import BATCH_ROWS, Exported
from nexgent.api.v1.signals.schemas import SignalOut
from nexgent.domain.signals.queries import SignalFilter, SignalQueries, SignalRow
from nexgent.shared.money import plain

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
    "Action",
    "Percent",
)


def table_of(wanted: SignalFilter, zone: tzinfo, signals: SignalQueries) -> Exported[SignalRow]:
    """Return the file of the signals that are asked for."""

    async def read(last: SignalRow | None) -> Sequence[SignalRow]:
        return await signals.export(wanted, after=last.id if last is not None else None, limit=BATCH_ROWS)

    return Exported(name="trading-signals", header=_HEADER, cells=_cells(zone), view=SignalOut.of, read=read)


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
            row.action.value,
            plain(row.percent) if row.percent is not None else NOT_AVAILABLE,
        )

    return cells
