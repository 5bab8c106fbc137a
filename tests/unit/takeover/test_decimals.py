"""How many decimals a token has is told by swaps that agree, and never guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.infrastructure.takeover.decimals import MOST_DECIMALS, TokenScales, decimals_of
from nexgent.infrastructure.takeover.source import Evidence
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

MINT = TokenAddress("3BuW9SR5tG6VFK4MmkQQ3Ak8ny1K1Vv5Uz7is8Aa5pwG")


@given(raw=st.integers(1, 2**64 - 1), decimals=st.integers(0, MOST_DECIMALS))
def test_an_amount_and_its_base_units_tell(raw: int, decimals: int) -> None:
    amount = Decimal(raw).scaleb(-decimals)

    assert decimals_of([Evidence(MINT, amount, str(raw))]) == {MINT: decimals}


@given(raw=st.integers(1000, 2**64 - 1), slip=st.decimals("0.85", "1.15", places=3))
def test_a_fill_that_differs_from_the_quote_tells_as_well(raw: int, slip: Decimal) -> None:
    amount = Decimal(raw).scaleb(-6) * slip

    assert decimals_of([Evidence(MINT, amount, str(raw))]) == {MINT: 6}


@pytest.mark.parametrize(
    ("amount", "raw"),
    [
        ("1", None),
        ("1", ""),
        ("1", "0"),
        ("1", "-1000000"),
        ("1", "1e6"),
        ("1", "١٠٠٠"),
        ("1", "9" * 41),
        ("0", "1000000"),
        ("-1", "1000000"),
        ("NaN", "1000000"),
        ("Infinity", "1000000"),
        ("1", "3000000"),
        ("1000", "1"),
    ],
)
def test_what_tells_nothing(amount: str, raw: str | None) -> None:
    assert decimals_of([Evidence(MINT, Decimal(amount), raw)]) == {}


def test_swaps_that_contradict_each_other_tell_nothing() -> None:
    six, nine = Evidence(MINT, Decimal(1), "1000000"), Evidence(MINT, Decimal(1), "1000000000")

    assert decimals_of([six, six]) == {MINT: 6}
    assert decimals_of([six, nine]) == {}


async def test_what_is_said_goes_before_what_is_seen() -> None:
    scales = TokenScales({MINT: 5}, None)
    await scales.learn([MINT], [Evidence(MINT, Decimal(1), "1000000")])

    assert (scales.of(MINT), scales.of(SOL_MINT)) == (5, 9)
    assert scales.unknown([MINT, SOL_MINT]) == set()


async def test_nobody_tells() -> None:
    scales = TokenScales({}, None)
    await scales.learn([MINT], [])

    assert scales.of(MINT) is None
    assert "--decimals MINT=NUMBER" in scales.problem(MINT)
    assert scales.unknown([MINT]) == set(), "it is not asked for again"
