"""`/agent-historical-swaps/export`: all closed trades of an agent as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from decimal import Decimal

from starlette.responses import Response

from nexgent.api.csv_text import NOT_AVAILABLE, free_text, number_text, signed_text, time_text
from nexgent.api.endpoint import Call, Doc, Endpoints
from nexgent.api.export import BATCH_ROWS, FORMAT_PARAMETERS, Exported, export_response, zone_of
from nexgent.api.fields import QueryFields
from nexgent.api.v1.historical_swaps.parsing import FILTERS, closed_trade_filter
from nexgent.api.v1.historical_swaps.views import swap_view
from nexgent.domain.transactions.queries import ClosedTradeExportRow
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError
from nexgent.shared.money import CONTEXT

endpoints = Endpoints("historical swaps")

_SOL_PRICE_USD = Decimal(100)
_SOL_PRICE_LIMIT_USD = Decimal(10) ** 12


@endpoints.get(
    "/agent-historical-swaps/export",
    Scope.HISTORY,
    Doc(
        summary="Closed trades of an agent as a CSV file",
        description=(
            "Streamed, oldest id first, without a limit. Profits in USD are those of the time of the sale; prices are converted "
            "with `solPrice`. Texts that a spreadsheet would compute get a leading apostrophe. With `format=json`, an array of "
            "the objects of the list, each with `signalType` and `activationReason` of its signal; amounts are in full."
        ),
        query={
            "*agentId": "The agent",
            **FILTERS,
            **FORMAT_PARAMETERS,
            "currency": "SOL for amounts in SOL; anything else is USD",
            "solPrice": "USD per SOL, to show prices in USD (default 100)",
        },
        media_type="text/csv",
        or_json=True,
    ),
)
async def export_swaps(call: Call) -> Response:
    """Stream matching closed trades."""
    query = call.query()
    wanted = closed_trade_filter(call, query)
    in_sol = query.text("currency") == "SOL"
    cells = _cells(zone_of(query), None if in_sol else _sol_price(query))
    services = call.services

    async def read(last: ClosedTradeExportRow | None) -> Sequence[ClosedTradeExportRow]:
        if last is None:
            await services.projections.caught_up()
            return await services.closed_trades.export(wanted, limit=BATCH_ROWS)
        return await services.closed_trades.export(wanted, after=last.trade.id, limit=BATCH_ROWS)

    table = Exported(
        name="agent-trades", header=_header("SOL" if in_sol else "USD"), cells=cells, view=_view, read=read
    )
    return await export_response(call, query, table)


def _sol_price(query: QueryFields) -> Decimal:
    given = query.decimal("solPrice")
    if given is None:
        return _SOL_PRICE_USD
    if not 0 < given < _SOL_PRICE_LIMIT_USD:
        raise InvalidInputError(
            f"Invalid solPrice: USD per SOL must be more than 0 and less than {_SOL_PRICE_LIMIT_USD:f}"
        )
    return given


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


def _view(row: ClosedTradeExportRow) -> dict[str, object]:
    return {
        **swap_view(row.trade),
        "signalType": row.signal_type,
        "activationReason": row.activation_reason,
    }
