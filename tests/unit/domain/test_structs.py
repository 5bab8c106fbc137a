"""Values that are declared as frozen dataclasses and made by C code are both."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import pytest

from nexgent.shared.structs import as_struct, replace


@as_struct
@dataclass(frozen=True, slots=True)
class Leg:
    """One side of something."""

    name: str
    amount_raw: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_gain(self) -> bool:
        """Tell whether something comes in."""
        return self.amount_raw > 0

    @classmethod
    def of(cls, name: str) -> Leg:
        """Return one of nothing."""
        return cls(name)


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Fields go by name, so one with a default may come first."""

    fee_raw: int = 0
    legs: tuple[Leg, ...]


def test_a_value_has_the_fields_the_methods_and_the_defaults_of_its_dataclass() -> None:
    leg = Leg("in", 5)

    assert (leg.name, leg.amount_raw, leg.notes, leg.is_gain) == ("in", 5, {}, True)
    assert Leg.of("out") == Leg("out", 0)
    assert Leg("a").notes is not Leg("b").notes
    assert Leg.__doc__ == "One side of something."
    assert repr(leg) == "Leg(name='in', amount_raw=5, notes={})"


def test_a_value_never_changes_and_has_room_for_nothing_else() -> None:
    leg = Leg("in", 5)

    with pytest.raises(AttributeError):
        leg.amount_raw = 6  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del leg.amount_raw
    with pytest.raises(AttributeError):
        leg.other = 6  # type: ignore[attr-defined]


def test_values_are_equal_by_their_fields_and_found_by_them() -> None:
    one, same, other = Swap(legs=()), Swap(fee_raw=0, legs=()), Swap(fee_raw=1, legs=())

    assert one == same
    assert one != other
    assert {one: "found"}[same] == "found"
    assert {one: "found"}.get(other) is None


def test_fields_that_go_by_name_go_by_no_other_way() -> None:
    with pytest.raises(TypeError):
        Swap(0, ())  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Swap(fee_raw=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Leg("in", price=1)  # type: ignore[call-arg]


def test_tools_for_dataclasses_and_for_structs_know_it() -> None:
    swap = Swap(fee_raw=1, legs=(Leg("in", 5),))

    assert [one.name for one in dataclasses.fields(Swap)] == ["fee_raw", "legs"]
    assert dataclasses.replace(swap, fee_raw=2) == Swap(fee_raw=2, legs=(Leg("in", 5),))
    assert replace(swap, fee_raw=2) == Swap(fee_raw=2, legs=(Leg("in", 5),))
    assert isinstance(swap, msgspec.Struct)
    assert dataclasses.asdict(swap)["legs"] == ({"name": "in", "amount_raw": 5, "notes": {}},)


def test_it_is_matched_and_survives_json() -> None:
    match Leg("in", 5):
        case Leg(name, amount_raw):
            assert (name, amount_raw) == ("in", 5)
    swap = Swap(fee_raw=1, legs=(Leg("in", 2**70),))

    assert msgspec.json.decode(msgspec.json.encode(swap), type=Swap) == swap
