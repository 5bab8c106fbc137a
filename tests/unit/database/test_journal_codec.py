"""Entries survive the way through JSON exactly."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, NewType, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.ledger.models import Adjusted, Entry, EntryBody
from nexgent.domain.positions.models import Position
from nexgent.infrastructure.database.journal.codec import (
    KINDS,
    CorruptEntryError,
    decode_entry,
    decode_position,
    encode_entry,
    to_json,
)
from nexgent.shared.money import SOL_MINT

# Text PostgreSQL can store: no NUL, no lone surrogates.
_PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30),
    int: st.integers(-(2**70), 2**70),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(timezones=st.just(UTC)),
    UUID: st.uuids(),
    NoneType: st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the ledger."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{field.name: values_of(hints[field.name]) for field in fields(hint)})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if get_origin(hint) is tuple:
        return st.lists(values_of(get_args(hint)[0]), max_size=3).map(tuple)
    return st.one_of([values_of(option) for option in get_args(hint)])


@given(entry=values_of(Entry))
def test_round_trip(entry: Entry) -> None:
    encoded = encode_entry(entry)._asdict()

    assert decode_entry(encoded) == entry


@given(position=values_of(Position))
def test_positions_round_trip(position: Position) -> None:
    assert decode_position(to_json(position)) == position


def test_every_kind_of_body_has_a_name() -> None:
    assert set(KINDS) == set(EntryBody.__args__)
    assert len(set(KINDS.values())) == len(KINDS)


@given(entry=values_of(Entry))
def test_a_future_kind_is_refused_clearly(entry: Entry) -> None:
    encoded = encode_entry(replace(entry, body=Adjusted(SOL_MINT, "x"), postings=()))._asdict()

    with pytest.raises(CorruptEntryError, match="unknown kind 'later'"):
        decode_entry({**encoded, "kind": "later"})
    with pytest.raises(CorruptEntryError, match="cannot be read"):
        decode_entry({**encoded, "kind": "settled"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\x00b", '"ab"'),
        ("\x00\x00", '""'),
        ("\\u0000", '"\\\\u0000"'),
        ("\\\x00", '"\\\\"'),
        ("\\\\u0000\x00", '"\\\\\\\\u0000"'),
    ],
)
def test_only_real_nuls_are_left_out(value: str, expected: str) -> None:
    assert to_json(value) == expected
