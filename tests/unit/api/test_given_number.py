"""Numbers in bodies: what is too much for what is stored is refused, also where rounding makes it so."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nexgent.api.http.types import GivenNumber
from nexgent.shared.errors import InvalidInputError

LIMIT = Decimal(10) ** 32


def read(reader: GivenNumber, text: str) -> Decimal:
    return Decimal(reader._read(text, "amount"))


@pytest.mark.parametrize(
    "text", ["1e32", "-1e32", "1e33", "99999999999999999999999999999999.9999999999999999999"]
)
def test_a_number_that_is_the_limit_or_is_rounded_to_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="it must be less than 1"):
        read(GivenNumber(below=LIMIT), text)


def test_the_largest_number_there_is_room_for_is_kept_to_its_last_place() -> None:
    largest = "99999999999999999999999999999999.999999999999999999"

    assert read(GivenNumber(below=LIMIT), largest) == Decimal(largest)


@pytest.mark.parametrize(
    ("text", "is_taken"), [("100", True), ("99.9999999999999999999", True), ("100.000001", False)]
)
def test_a_limit_may_be_allowed_itself(text: str, is_taken: bool) -> None:
    reader = GivenNumber(below=Decimal(100), or_equal=True)

    if is_taken:
        assert read(reader, text) == 100
    else:
        with pytest.raises(InvalidInputError, match="it must not be greater than 100"):
            read(reader, text)
