"""`/agent-historical-swaps/export`: all closed trades of an agent as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from decimal import Decimal

from nexgent.api.csv_text import NOT_AVAILABLE, free_text, number_text, signed_text, time_text
from nexgent.api.deps import ApiServices
from nexgent.api.export import BATCH_ROWS, Exported
from nexgent.api.v1.historical_swaps.schemas import ExportedSwapOut, TradesExportQuery
from nexgent.domain.transactions.queries import ClosedTradeExportRow
from nexgent.shared.money import CONTEXT

_SOL_PRICE_USD = Decimal(100)


def table_of(query: TradesExportQuery, services: ApiServices) -> Exported[ClosedTradeExportRow]:
    """Return the file of the trades a query asks for. Raises `InvalidInputError`."""
    wanted, trades = query.wanted(), services.closed_trades
    in_sol = query.currency == "SOL"
    sol_price = query.sol_price if query.sol_price is not None else _SOL_PRICE_USD

    async def read(last: ClosedTradeExportRow | None) -> Sequence[ClosedTradeExportRow]:
        if last is None:
            await services.projections.caught_up()
            return await trades.export(wanted, limit=BATCH_ROWS)
        return await trades.export(wanted, after=last.trade.id, limit=BATCH_ROWS)

    return Exported(
        name="agent-trades",
        header=_header("SOL" if in_sol else "USD"),
        cells=_cells(query.zone, None if in_sol else sol_price),
        view=ExportedSwapOut.exported,
        read=read,
    )


def _header(currency: str) -> Sequence[str]:
    return (
        "Time",
        "Token Symbol",
        "Token Address",
        "Amount",
        f"Average Purchase Price ({currency})",
        f"Sale Price ({currency})",
        f"Profit / Loss ({currency})",
        "Change (%)",
        "Signal ID",
        "Signal Type",
        "Activation Reason",
    )


def _cells(zone: tzinfo, sol_price_usd: Decimal | None) -> Callable[[ClosedTradeExportRow], Iterable[str]]:
    """Return what makes cells of a row: in USD, or in SOL when there is no price of SOL."""

    def price(price_sol: Decimal) -> str:
        if sol_price_usd is None:
            return number_text(price_sol, 10)
        return number_text(CONTEXT.multiply(price_sol, sol_price_usd), 8)

    def cells(row: ClosedTradeExportRow) -> Iterable[str]:
        trade = row.trade
        return (
            time_text(trade.sale_time, zone),
            free_text(trade.token_symbol),
            free_text(trade.token_address),
            number_text(trade.amount, 2),
            price(trade.purchase_price),
            price(trade.sale_price),
            signed_text(trade.profit_loss_sol, 4)
            if sol_price_usd is None
            else signed_text(trade.profit_loss_usd, 2),
            f"{number_text(trade.change_percent, 2)}%",
            str(trade.signal_id) if trade.signal_id is not None else NOT_AVAILABLE,
            free_text(row.signal_type),
            free_text(row.activation_reason),
        )

    return cells
