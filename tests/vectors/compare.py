"""Compare what a vector expects with what the domain answered."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

RELATIVE_TOLERANCE = Decimal("1e-9")
ABSOLUTE_TOLERANCE = Decimal("1e-12")
# Numbers written as strings are decimals of the ledger, at worst with the noise of one double in their last digits.
STRING_TOLERANCE = Decimal("1e-13")

# Differences of large numbers: the doubles a vector was made with leave noise there that is not relative to
# the result.
_DIFFERENCES = frozenset(
    {
        "profitLossSol",
        "profitLossUsd",
        "changePercent",
        "totalProfitLossSol",
        "realizedProfitLossSol",
        "unrealizedProfitLossSol",
        "unrealizedPnLSol",
        "averageReturn",
    }
)


def mismatches(expected: object, actual: object, path: str = "") -> list[str]:
    """Return one line for each place where `actual` differs.

    Keys that `expected` does not have are not looked at.
    """
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return [f"{path or 'result'}: expected {_text(expected)}, got {_text(actual)}"]
        lines: list[str] = []
        for key, value in expected.items():
            where = f"{path}.{key}" if path else str(key)
            lines += mismatches(value, actual[key], where) if key in actual else [f"{where}: no such result"]
        return lines
    if isinstance(expected, list):
        if not isinstance(actual, list | tuple) or len(actual) != len(expected):
            return [f"{path}: expected {_text(expected)}, got {_text(actual)}"]
        return [
            line
            for index, (want, got) in enumerate(zip(expected, actual, strict=True))
            for line in mismatches(want, got, f"{path}.{index}")
        ]
    field = path.rsplit(".", 1)[-1]
    if _same(expected, actual, difference=field in _DIFFERENCES):
        return []
    return [f"{path or 'result'}: expected {_text(expected)}, got {_text(actual)}"]


def is_close(actual: Decimal, expected: Decimal, *, difference: bool = False) -> bool:
    """Tell whether two numbers agree: relatively, except for an expected zero and for differences."""
    gap = abs(actual - expected)
    if expected == 0 or difference:
        return gap <= max(ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE * abs(expected))
    return gap <= RELATIVE_TOLERANCE * abs(expected)


def number(value: object) -> Decimal | None:
    """Return a number, or a string that is one, as a decimal; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def _same(expected: object, actual: object, *, difference: bool) -> bool:
    if expected is None or isinstance(expected, bool) or actual is None or isinstance(actual, bool):
        return expected is actual
    want, got = number(expected), number(actual)
    if want is None or got is None or (isinstance(expected, str) and isinstance(actual, str)):
        return expected == actual
    if isinstance(expected, str):
        return abs(got - want) <= STRING_TOLERANCE * abs(want)
    return is_close(got, want, difference=difference)


def _text(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)
