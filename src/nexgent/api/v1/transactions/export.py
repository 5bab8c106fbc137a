"""`/agent-transactions/export`: all transactions of an agent as a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from nexgent.api.csv_text import NOT_AVAILABLE, free_text, time_text
from nexgent.api.deps import ApiServices
from nexgent.api.export import BATCH_ROWS, Exported
from nexgent.api.v1.transactions.schemas import TransactionOut, TransactionsExportQuery
from nexgent.domain.transactions.queries import TransactionRow
from nexgent.shared.money import plain
from nexgent.shared.paging import PageCursor

_HEADER = (
    "Time",
    "Type",
    "Value (USD)",
    "Input Symbol",
    "Input Address",
    "Input Amount",
    "Output Symbol",
    "Output Address",
    "Output Amount",
    "Fees (SOL)",
    "Slippage (%)",
    "Price Impact (%)",
    "DCA",
    "Take Profit",
    "Signal ID",
    "Wallet",
    "Transaction Hash",
    "ID",
)


def table_of(query: TransactionsExportQuery, services: ApiServices) -> Exported[TransactionRow]:
    """Return the file of the transactions a query asks for. Raises `InvalidInputError`."""
    wanted, transactions, zone = query.wanted(), services.transactions, query.zone

    async def read(last: TransactionRow | None) -> Sequence[TransactionRow]:
        if last is None:
            await services.projections.caught_up()
            return await transactions.list(wanted, limit=BATCH_ROWS)
        return await transactions.list(wanted, limit=BATCH_ROWS, after=PageCursor(last.time, last.id))

    def cells(row: TransactionRow) -> Iterable[str]:
        return (
            time_text(row.time, zone),
            str(row.type),
            plain(row.value_usd),
            free_text(row.input_symbol),
            free_text(row.input_mint),
            _number(row.input_amount),
            free_text(row.output_symbol),
            free_text(row.output_mint),
            _number(row.output_amount),
            _number(row.fees),
            _number(row.slippage),
            _number(row.price_impact),
            _yes(row.is_dca),
            _yes(row.is_take_profit),
            str(row.signal_id) if row.signal_id is not None else NOT_AVAILABLE,
            free_text(row.wallet_address),
            free_text(row.transaction_hash),
            str(row.id),
        )

    return Exported(name="agent-transactions", header=_HEADER, cells=cells, view=TransactionOut.of, read=read)


def _number(value: Decimal | None) -> str:
    return NOT_AVAILABLE if value is None else plain(value)


def _yes(value: bool) -> str:
    return "Yes" if value else "No"
