"""Names and positions of the journal's parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from nexgent.infrastructure.database.journal.parts import (
    POSITIONS_A_MONTH,
    end_position,
    first_position,
    is_part,
    missing_parts,
    part_of,
    start_position,
)

LAST_OF_JANUARY = datetime(2027, 1, 31, 23, 59, tzinfo=UTC)


def test_a_month_is_that_of_universal_time() -> None:
    assert part_of(datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "journal_2026_12"


def test_positions_tell_the_month_and_grow_with_it() -> None:
    assert first_position("journal_2026_12") == 202612 * POSITIONS_A_MONTH
    assert first_position("journal_before_2026_12") == first_position("journal_2026_12")
    assert (start_position("journal_before_2026_12"), end_position("journal_before_2026_12")) == (
        0,
        start_position("journal_2026_12"),
    )
    assert end_position("journal_2026_11") == start_position("journal_2026_12")
    assert end_position("journal_2026_12") == start_position("journal_2027_01")
    assert first_position("journal_2027_01") > first_position("journal_2026_12") + POSITIONS_A_MONTH
    # Programs in JavaScript read positions as well.
    assert first_position("journal_9006_12") < 2**53


@pytest.mark.parametrize(
    "table",
    [
        "journal",
        "journal_heads",
        "journal_streams",
        "journal_watermark",
        "journal_2026_13",
        "journal_2026_1",
        "x_journal_2026_12",
    ],
)
def test_other_tables_are_no_parts(table: str) -> None:
    assert not is_part(table)
    with pytest.raises(ValueError, match=table):
        first_position(table)


def test_this_month_and_the_next_two_are_wanted_however_long_they_are() -> None:
    wanted = ["journal_2027_01", "journal_2027_02", "journal_2027_03"]
    assert missing_parts([], LAST_OF_JANUARY) == wanted
    assert missing_parts(["journal_2026_12", "journal_2027_02"], LAST_OF_JANUARY) == [wanted[0], wanted[2]]
    assert missing_parts(wanted, LAST_OF_JANUARY) == []


def test_what_the_first_part_holds_needs_no_other() -> None:
    assert missing_parts(["journal_before_2027_03"], LAST_OF_JANUARY) == ["journal_2027_03"]
    assert missing_parts(["journal_before_2027_05"], LAST_OF_JANUARY) == []
