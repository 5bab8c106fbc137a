"""Values as cells of a CSV file that people open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal

from nexgent.shared.money import CONTEXT

NOT_AVAILABLE = "N/A"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STEPS = tuple(Decimal(1).scaleb(-places) for places in range(19))
# Spreadsheets take the full-width forms for the usual ones.
_FORMULA_STARTS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_NEEDS_QUOTES = frozenset(',"\r\n')


def csv_line(cells: Iterable[str]) -> str:
    r"""Return finished cells as a line that ends with `\n`; those with a comma, quote or line break are quoted."""
    return ",".join(map(_quoted, cells)) + "\n"


def _quoted(cell: str) -> str:
    if _NEEDS_QUOTES.isdisjoint(cell):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def free_text(value: str | None) -> str:
    """Return what somebody typed in, `N/A` for nothing. What a spreadsheet would compute gets a leading apostrophe.

    Blanks in front do not hide a formula from every spreadsheet, so they do not hide it here either.
    """
    if value is None:
        return NOT_AVAILABLE
    if value[:1] in {"\t", "\r", "\n"} or value.lstrip()[:1] in _FORMULA_STARTS:
        return f"'{value}"
    return value


def number_text(value: Decimal, places: int) -> str:
    """Return a number with that many decimals, halves rounded away from zero."""
    return f"{value.quantize(_STEPS[places], ROUND_HALF_UP, CONTEXT):f}"


def signed_text(value: Decimal, places: int) -> str:
    """Return a number with that many decimals and its sign; zero is positive."""
    text = number_text(value, places)
    return f"+{text.removeprefix('-')}" if value >= 0 else text


def time_text(moment: datetime, zone: tzinfo) -> str:
    """Return a time as `Jan 15, 2024 03:45:12 PM` on the clocks of a zone."""
    there = moment.astimezone(zone)
    half = "AM" if there.hour < 12 else "PM"
    hour = there.hour % 12 or 12
    return (
        f"{_MONTHS[there.month - 1]} {there.day:02d}, {there.year:04d} "
        f"{hour:02d}:{there.minute:02d}:{there.second:02d} {half}"
    )
