"""Cells of CSV files, read back by Python's own reader."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.api.csv_text import csv_line, free_text, number_text, signed_text, time_text

NIGHT = datetime(2024, 1, 15, 20, 45, 12, 999_999, UTC)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=2))
def test_a_line_is_read_back_as_it_was(cells: list[str]) -> None:
    line = csv_line(cells)

    assert line.endswith("\n")
    assert next(csv.reader(io.StringIO(line, newline=""))) == cells


@given(st.text(min_size=1))
def test_no_text_of_a_user_begins_like_a_formula(text: str) -> None:
    shown = free_text(text)

    assert shown.lstrip()[:1] not in {"=", "+", "-", "@"}
    assert shown[0] not in "\t\r\n"
    assert shown in {text, f"'{text}"}


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", "\u00a0=1"]
)
def test_formulas_are_texts(text: str) -> None:
    assert free_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "EXM", "a=b", "1-1", "'=1"])
def test_other_texts_stay(text: str) -> None:
    assert free_text(text) == text


@pytest.mark.parametrize(
    ("value", "places", "text", "signed"),
    [
        ("1.005", 2, "1.01", "+1.01"),
        ("-1.005", 2, "-1.01", "-1.01"),
        ("0", 4, "0.0000", "+0.0000"),
        ("-0", 2, "-0.00", "+0.00"),
        ("-0.001", 2, "-0.00", "-0.00"),
        ("0.00000000005", 10, "0.0000000001", "+0.0000000001"),
        ("999999999999.999999999999999999", 2, "1000000000000.00", "+1000000000000.00"),
    ],
)
def test_numbers(value: str, places: int, text: str, signed: str) -> None:
    assert number_text(Decimal(value), places) == text
    assert signed_text(Decimal(value), places) == signed


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("UTC", "Jan 15, 2024 08:45:12 PM"),
        ("America/New_York", "Jan 15, 2024 03:45:12 PM"),
        ("Asia/Tokyo", "Jan 16, 2024 05:45:12 AM"),
        ("Asia/Kathmandu", "Jan 16, 2024 02:30:12 AM"),
    ],
)
def test_times(zone: str, text: str) -> None:
    assert time_text(NIGHT, ZoneInfo(zone)) == text


def test_noon_and_midnight() -> None:
    assert time_text(datetime(2024, 12, 1, 0, 5, tzinfo=UTC), UTC) == "Dec 01, 2024 12:05:00 AM"
    assert time_text(datetime(2024, 12, 1, 12, 5, tzinfo=UTC), UTC) == "Dec 01, 2024 12:05:00 PM"
