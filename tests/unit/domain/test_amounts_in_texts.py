"""Amounts in texts are plain numbers: `3 SOL`, and not `3.000000000000000000 SOL` or `0E-9 SOL`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nexgent
from nexgent.shared.money import from_raw, sol

DOMAIN = Path(nexgent.__file__).parent / "domain"
"""Where the reasons of decisions and refusals are written."""
# What the names of decimals end with, by the rule that names carry units.
_DECIMAL = re.compile(
    r"(^|_)(sol|usd|pct|percent|ratio|amount|balance|price|size|minimum|maximum|available|exposure|total|fee)$"
)
_CONVERTING = {"sol", "from_raw", "abs", "Decimal", "unit_price_sol"}


def unformatted_amounts(code: str) -> list[tuple[int, str]]:
    """Return line and text of each amount that a text would show as the decimal happens to be written."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.FormattedValue) or node.format_spec is not None:
            continue
        value = node.value
        if isinstance(value, ast.Call):
            name = value.func.id if isinstance(value.func, ast.Name) else ""
            wrong = name in _CONVERTING
        elif isinstance(value, ast.Name | ast.Attribute):
            name = value.id if isinstance(value, ast.Name) else value.attr
            wrong = _DECIMAL.search(name) is not None
        else:
            wrong = isinstance(value, ast.BinOp)
        if wrong:
            found.append((node.lineno, ast.unparse(value)))
    return found


def test_it_finds_what_is_to_be_found() -> None:
    code = 'f"{size_sol} {sol(3)} {limits.minimum_balance} {a * b} {plain(size_sol)} {name} {price:.3e}"'

    assert [text for _, text in unformatted_amounts(code)] == [
        "size_sol",
        "sol(3)",
        "limits.minimum_balance",
        "a * b",
    ]


def test_amounts_in_texts_go_through_the_one_formatter() -> None:
    wrong = [
        f"{path.relative_to(DOMAIN)}:{line}: {text}"
        for path in DOMAIN.rglob("*.py")
        for line, text in unformatted_amounts(path.read_text())
    ]

    assert wrong == []


def test_nothing_is_nought_and_not_nought_to_the_minus_ninth() -> None:
    assert (str(sol(0)), str(from_raw(0, 6)), str(from_raw(0, 0))) == ("0", "0", "0")
