"""Decimals in JSON are written as people write them."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.shared.json_text import encode_json

numbers = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30")
)
texts = st.text() | st.from_regex(r'.?[":,\[\]{}\\]*-?\d(\.\d)?E[+-]\d[":,\[\]{}]*', fullmatch=True)
documents = st.recursive(
    numbers | texts | st.none() | st.booleans() | st.integers(-(2**53), 2**53),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"\w{1,8}", fullmatch=True), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": Decimal("0E-9")}, '{"a":0}'),
        ({"a": Decimal("-0E-18"), "b": Decimal("2.5E-11")}, '{"a":0,"b":0.000000000025}'),
        ([Decimal("1E-7"), Decimal("1.0E+3")], "[0.0000001,1000]"),
        (Decimal("1E-7"), "0.0000001"),
        ({"a": ":1E-7,", "b": [{"c": '":1E-7,'}]}, None),
        ({"a": "1E-7", "b": Decimal("1E-7")}, '{"a":"1E-7","b":0.0000001}'),
        ({"a": msgspec.Raw(b'{"x":1}'), "b": [Decimal("1E-7")]}, '{"a":{"x":1},"b":[0.0000001]}'),
        ({"a": Decimal("3.000")}, '{"a":3.000}'),
    ],
)
def test_examples(value: object, text: str | None) -> None:
    encoded = encode_json(value).decode()

    assert encoded == (text if text is not None else json.dumps(value, separators=(",", ":")))


@given(documents)
def test_values_stay_what_they_are_and_no_number_has_an_exponent(value: object) -> None:
    encoded = encode_json(value)

    spelled: list[str] = []

    def decimal(text: str) -> Decimal:
        spelled.append(text)
        return Decimal(text)

    assert json.loads(encoded, parse_float=decimal, parse_int=decimal) == value
    assert [text for text in spelled if not re.fullmatch(r"-?\d+(\.\d+)?", text)] == []
