"""What `nexgent watch` knows about an agent, fed by frames and answers of the service, and how it looks in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

MAX_SYMBOL = 12
RESERVED_LINES = 9
"""What else than positions has to have room: heading, footer, and a few events."""
SMALL_PRICE = Decimal("0.001")
"""Below it, the columns of the table use powers of ten: prices here begin with many zeros."""
_THOUSANDS = (
    (Decimal(10) ** 12, "T"),
    (Decimal(10) ** 9, "B"),
    (Decimal(10) ** 6, "M"),
    (Decimal(10) ** 3, "k"),
)
_HUNDRED = Decimal(100)
_ZERO = Decimal(0)


@dataclass(slots=True)
class Row:
    """An open position. Amounts are tokens and SOL."""

    id: str
    token_address: str
    symbol: str
    purchased: Decimal
    held: Decimal
    entry_sol: Decimal
    price_sol: Decimal
    invested_sol: Decimal
    cost_basis_sol: Decimal
    """The part of `invested_sol` that belongs to what is still held."""
    realized_sol: Decimal
    stop_pct: Decimal | None
    peak_sol: Decimal | None
    opened_at: datetime

    @property
    def profit_sol(self) -> Decimal:
        """Profit of partial sales, and what the rest is worth beyond its cost."""
        return self.realized_sol + self.price_sol * self.held - self.cost_basis_sol

    @property
    def profit_pct(self) -> Decimal:
        """Profit in percent of everything invested."""
        return self.profit_sol / self.invested_sol * _HUNDRED if self.invested_sol > 0 else _ZERO

    @property
    def stop_sol(self) -> Decimal | None:
        """The price at or below which it is sold."""
        return None if self.stop_pct is None else self.entry_sol * (1 + self.stop_pct / _HUNDRED)


@dataclass(slots=True)
class AgentView:
    """An agent's open positions, SOL and closed trades. `apply` and `closed_trades` return what is worth a line."""

    name: str
    agent_id: str
    connection: str = "connecting"
    sol_balance: Decimal | None = None
    loaded: bool = False
    trade_count: int = 0
    trade_profit_sol: Decimal = _ZERO
    _rows: dict[str, Row] = field(default_factory=dict)
    _trades: set[str] = field(default_factory=set)

    @property
    def rows(self) -> list[Row]:
        """The open positions, newest first."""
        return sorted(self._rows.values(), key=lambda row: row.opened_at, reverse=True)

    def apply(self, frame: Mapping[str, Any]) -> list[str]:
        """Take over a frame of the service; unknown kinds are ignored."""
        data = frame.get("data")
        match frame.get("type"):
            case "initial_data":
                return self._start(data["positions"])  # type: ignore[index]
            case "position_update":
                return self._position(data)  # type: ignore[arg-type]
            case "price_update_batch":
                return self._prices(data["updates"])  # type: ignore[index]
            case "error":
                return [f"the service says: {data['message']}"]  # type: ignore[index]
            case _:
                return []

    def closed_trades(self, trades: Iterable[Mapping[str, Any]], *, announce: bool = True) -> list[str]:
        """Take over closed trades, the ones known already included; return lines about the new ones, oldest first."""
        lines = []
        for trade in trades:
            if trade["id"] in self._trades:
                continue
            self._trades.add(trade["id"])
            profit = Decimal(str(trade["profitLossSol"]))
            self.trade_count += 1
            self.trade_profit_sol += profit
            change = Decimal(str(trade["changePercent"]))
            lines.append(
                f"closed {trade['tokenSymbol']}: {trade.get('closeReason') or 'unknown reason'}, sold at "
                f"{short_price(Decimal(str(trade['salePrice'])))} SOL ({change:+.2f} %), P/L {profit:+.6f} SOL"
            )
        return lines[::-1] if announce else []

    def _start(self, positions: Sequence[Mapping[str, Any]]) -> list[str]:
        self._rows = {}
        for position in positions:
            row = _row(position, _decimal(position["currentPrice"]))
            row.cost_basis_sol = (
                row.realized_sol + row.price_sol * row.held - _decimal(position["profitLossSol"])
            )
            self._rows[row.id] = row
        self.loaded = True
        return [f"holds {_described(row)}" for row in self.rows]

    def _position(self, data: Mapping[str, Any]) -> list[str]:
        event = data["eventType"]
        if event == "position_closed":
            row = self._rows.pop(data["positionId"], None)
            return [f"left {row.symbol}"] if row is not None else []
        before = self._rows.get(data["position"]["id"])
        row = _row(data["position"], before.price_sol if before is not None else None)
        if before is not None:
            row.cost_basis_sol = _cost_basis(before, row)
        self._rows[row.id] = row
        if before is None:
            return [
                (
                    f"opened {row.symbol}: {short_amount(row.held)} at {short_price(row.entry_sol)} SOL, "
                    f"stop {short_price(row.stop_sol)}"
                )
            ]
        if (before.held, before.purchased) != (row.held, row.purchased):
            return [f"traded {_described(row)}"]
        if before.stop_pct != row.stop_pct:
            return [f"stop of {row.symbol} moved to {short_price(row.stop_sol)} SOL"]
        return []

    def _prices(self, updates: Sequence[Mapping[str, Any]]) -> list[str]:
        # A service of before says the address in `tokenAddress` alone.
        prices = {
            update.get("mint") or update["tokenAddress"]: _decimal(update["price"]) for update in updates
        }
        lines = []
        for row in self._rows.values():
            price = prices.get(row.token_address)
            if price is not None and price != row.price_sol:
                row.price_sol = price
                lines.append(
                    f"price {row.symbol} {short_price(price)} SOL, "
                    f"P/L {row.profit_pct:+.2f} % {row.profit_sol:+.6f} SOL"
                )
        return lines


def render(view: AgentView, now: datetime, max_rows: int) -> RenderableType:
    """Return the screen: a table of positions with as many columns as fit, and what else there is to know below it."""
    rows = view.rows
    parts: list[RenderableType] = [_line(f"Agent {view.name}"), _Positions(rows[:max_rows], now)]
    if len(rows) > max_rows:
        parts.append(_line(f"… and {len(rows) - max_rows} older positions"))
    if view.loaded and not rows:
        parts.append(_line("No open positions; a signal opens one."))
    parts.append(Text(status_line(view)))
    return Group(*parts)


def render_screen(
    view: AgentView, now: datetime, events: Sequence[str], *, console: Console
) -> RenderableType:
    """Return a picture that is no taller than the terminal, however small: positions first, then the latest events."""
    height = console.height
    above = render(view, now, max_rows=max(1, height - RESERVED_LINES))
    left = height - len(console.render_lines(above, pad=False)) - 1
    if left <= 0 or not events:
        return above
    return Group(above, Text(""), *(_line(event) for event in events[-left:]))


def _line(text: str) -> Text:
    """Return a text that takes exactly one line, shortened where it must be."""
    return Text(text, no_wrap=True, overflow="ellipsis")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table. The one with the smallest `worth` goes first when there is no room for all."""

    name: str
    worth: int
    cell: Callable[[Row, datetime], str]
    coloured: bool = False


_COLUMNS = (
    _Column("token", 9, lambda row, _: row.symbol[:MAX_SYMBOL]),
    _Column("amount", 2, lambda row, _: short_amount(row.held)),
    _Column("entry", 3, lambda row, _: short_price(row.entry_sol)),
    _Column("price", 7, lambda row, _: short_price(row.price_sol)),
    _Column("P/L %", 8, lambda row, _: f"{row.profit_pct:+.2f}", coloured=True),
    _Column("P/L SOL", 5, lambda row, _: f"{row.profit_sol:+.6f}", coloured=True),
    _Column("stop", 6, lambda row, _: short_price(row.stop_sol)),
    _Column("peak", 1, lambda row, _: short_price(row.peak_sol)),
    _Column("age", 4, lambda row, now: age_text((now - row.opened_at).total_seconds())),
)
_BETWEEN = 2
"""Characters between two columns of the box that is used."""


@dataclass(frozen=True, slots=True)
class _Positions:
    """The table. What fits is decided when it is drawn, so that it follows the size of the terminal; figures are never cut."""

    rows: Sequence[Row]
    now: datetime

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = {column.name: [Text(column.cell(row, self.now)) for row in self.rows] for column in _COLUMNS}
        widths = {name: max([len(name), *(one.cell_len for one in texts)]) for name, texts in cells.items()}
        shown = sorted(_COLUMNS, key=lambda column: -column.worth)
        while len(shown) > 1 and _width(shown, widths) > options.max_width:
            shown.pop()
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        kept = [column for column in _COLUMNS if column in shown]
        for column in kept:
            table.add_column(column.name, justify="left" if column.name == "token" else "right", no_wrap=True)
        for at, row in enumerate(self.rows):
            style = "green" if row.profit_sol >= 0 else "red"
            for column in kept:
                if column.coloured:
                    cells[column.name][at].stylize(style)
            table.add_row(*(cells[column.name][at] for column in kept))
        yield table


def _width(columns: Sequence[_Column], widths: Mapping[str, int]) -> int:
    return sum(widths[column.name] for column in columns) + _BETWEEN * (len(columns) - 1)


def status_line(view: AgentView) -> str:
    """Return balance, closed trades and the state of the connection in a line."""
    balance = f"{view.sol_balance:.6f}" if view.sol_balance is not None else "?"
    return f"SOL {balance}   closed trades {view.trade_count}, P/L {view.trade_profit_sol:+.6f} SOL   {view.connection}"


def short_price(price: Decimal | None) -> str:
    """Return a price with four significant digits, small ones as `8.264e-6`; nothing known is `-`."""
    if price is None:
        return "-"
    return f"{price:.3e}" if 0 < price < SMALL_PRICE else f"{price:.4g}"


def short_amount(amount: Decimal) -> str:
    """Return an amount with a letter for its thousands: `18.64M`."""
    for size, letter in _THOUSANDS:
        if amount >= size:
            return f"{amount / size:.2f}{letter}"
    return f"{amount:.4g}"


def age_text(seconds: float) -> str:
    """Return an age in its two largest units."""
    total = max(0, int(seconds))
    minutes, rest = divmod(total, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def _row(position: Mapping[str, Any], price: Decimal | None) -> Row:
    purchased, entry = _decimal(position["purchaseAmount"]), _decimal(position["purchasePrice"])
    remaining = position["remainingAmount"]
    held = _decimal(remaining) if remaining is not None else purchased
    invested = _decimal(position["totalInvestedSol"])
    return Row(
        id=position["id"],
        token_address=position["tokenAddress"],
        symbol=position["tokenSymbol"],
        purchased=purchased,
        held=held,
        entry_sol=entry,
        price_sol=price if price is not None else entry,
        invested_sol=invested,
        cost_basis_sol=invested * held / purchased if purchased > 0 else invested,
        realized_sol=_decimal(position["realizedProfitSol"]),
        stop_pct=_optional(position["currentStopLossPercentage"]),
        peak_sol=_optional(position["peakPrice"]),
        opened_at=datetime.fromisoformat(position["createdAt"]),
    )


def _cost_basis(before: Row, after: Row) -> Decimal:
    """Follow the ledger's rule: a purchase adds what was spent, a sale takes its share away."""
    basis = before.cost_basis_sol + after.invested_sol - before.invested_sol
    bought = after.purchased - before.purchased
    held_before_sale = before.held + bought
    return basis * after.held / held_before_sale if held_before_sale > 0 else _ZERO


def _described(row: Row) -> str:
    return (
        f"{row.symbol}: {short_amount(row.held)} at {short_price(row.entry_sol)} SOL, "
        f"now {short_price(row.price_sol)}, P/L {row.profit_pct:+.2f} %, stop {short_price(row.stop_sol)}"
    )


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _optional(value: object) -> Decimal | None:
    return _decimal(value) if value is not None else None
