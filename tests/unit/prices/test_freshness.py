"""When a source is called frozen: how often it repeats itself, how often others turn, and for how long."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from nexgent.domain.prices.freshness import SourceFreshness
from nexgent.domain.prices.models import PriceObservation, PriceSource
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import T0, TOKEN
from tests.unit.prices.polls import BOTH, DEX, JUP

AFTER = timedelta(seconds=10)
OTHER = TokenAddress("OtherMint")
INSTANT = timedelta(microseconds=1)


class Ears:
    """Hears two sources, of which DEX stands still."""

    def __init__(self) -> None:
        self.freshness = SourceFreshness(BOTH, AFTER)

    def says(
        self,
        source: PriceSource,
        sol: str | None,
        usd: str | None = None,
        *,
        token: TokenAddress = TOKEN,
        at: datetime = T0,
    ) -> None:
        figures = [Decimal(one) if one is not None else None for one in (sol, usd)]
        self.freshness.note(PriceObservation(token, source, figures[0], figures[1], at))

    def repeats(self, times: int, source: PriceSource = DEX) -> None:
        for _ in range(times):
            self.says(source, "100")

    def turns(self, times: int, source: PriceSource = JUP, *, token: TokenAddress = TOKEN) -> None:
        """Let a source turn so often: the first move turns nothing."""
        self.says(source, "100", token=token)
        for number in range(times + 1):
            self.says(source, "101" if number % 2 == 0 else "99", token=token)

    def stands(self, after: timedelta = AFTER) -> tuple[bool, bool]:
        """Tell whether DEX is suspected, and whether it is frozen, so long after T0."""
        return self.freshness.suspect(DEX, T0 + after), self.freshness.frozen(DEX, T0 + after)


@pytest.mark.parametrize(
    ("repeats", "turns", "after", "suspect", "frozen"),
    [
        (3, 4, AFTER, True, True),
        (2, 4, AFTER, False, False),
        (3, 3, AFTER, True, False),
        (3, 4, AFTER - INSTANT, True, False),
        (3, 1, AFTER / 2, True, False),
        (3, 4, AFTER / 2 - INSTANT, False, False),
        (3, 0, AFTER, False, False),
    ],
)
def test_it_takes_three_repetitions_four_turns_of_others_and_ten_seconds(
    repeats: int, turns: int, after: timedelta, suspect: bool, frozen: bool
) -> None:
    ears = Ears()
    ears.says(DEX, "100")
    ears.repeats(repeats)
    ears.turns(turns)

    assert ears.stands(after) == (suspect, frozen)


def test_a_source_that_has_said_nothing_is_not_frozen() -> None:
    ears = Ears()
    ears.turns(9)

    assert ears.stands() == (False, False)


def test_neither_its_own_turns_count_nor_those_of_others_before_it_said_something_new() -> None:
    for turns, frozen in ((3, False), (4, True)):
        ears = Ears()
        ears.turns(5)
        ears.turns(2, DEX)
        # Something new of the token it is asked about, and where it stands from now on.
        ears.says(DEX, "100")
        ears.repeats(3)
        assert ears.stands() == (False, False)

        ears.turns(turns, token=OTHER)

        assert ears.stands() == (True, frozen)


def test_the_first_word_ever_comes_after_the_turns_others_have_made_already() -> None:
    ears = Ears()
    ears.turns(4)
    ears.says(DEX, "100")
    ears.repeats(3)

    assert ears.stands() == (False, False)


def test_tokens_it_is_asked_about_for_the_first_time_are_no_news() -> None:
    for tokens, suspect in ((2, False), (3, True)):
        ears = Ears()
        ears.says(DEX, "100")
        ears.turns(1)
        for number in range(tokens):
            ears.says(DEX, "7", token=TokenAddress(f"New{number}"), at=T0 + AFTER / 2)

        assert ears.stands() == (suspect, False)


@pytest.mark.parametrize(("sol", "usd"), [("100", "15001"), ("101", "15000"), ("100", None), (None, "15000")])
def test_either_figure_that_changes_is_news(sol: str | None, usd: str | None) -> None:
    ears = Ears()
    ears.says(DEX, "100", "15000")
    for _ in range(3):
        ears.says(DEX, "100", "15000")
    ears.turns(1)
    assert ears.stands() == (True, False)

    ears.says(DEX, sol, usd, at=T0 + AFTER)

    # It begins to count again, from the instant of the news.
    for _ in range(3):
        ears.says(DEX, sol, usd)
    ears.turns(1, token=OTHER)
    assert ears.stands(1.5 * AFTER - INSTANT) == (False, False)
    assert ears.stands(1.5 * AFTER) == (True, False)


Figures = tuple[str | None, str | None]


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        # Down and up again, or up and down, in both currencies.
        ([("100", "15000"), ("99", "14850"), ("100", "15000")], True),
        ([("100", "15000"), ("101", "15150"), ("100", "15000")], True),
        # Where only one of them is known it alone counts.
        ([("100", None), ("99", None), ("100", None)], True),
        ([(None, "15000"), (None, "14850"), (None, "15000")], True),
        # No figures to compare with, or figures that are none.
        ([("100", None), (None, None), ("99", None)], False),
        ([("100", None), ("NaN", None), ("99", None), ("NaN", None), ("100", None)], False),
        # Onwards is no turn, nor is a first move.
        ([("100", None), ("101", None), ("102", None)], False),
        ([("100", None), ("99", None)], False),
        # The price in SOL moves and that in USD does not, or the other way.
        ([("100", "15000"), ("99", "14850"), ("100", "14850"), ("101", "14000")], False),
        ([("100", "15000"), ("99", "15000"), ("100", "15000")], False),
        ([("100", "15000"), ("100", "14850"), ("100", "15000")], False),
        # Up to a hundred-thousandth is rounding, what goes beyond it is not.
        ([("100", None), ("99", None), ("99.00099", None)], False),
        ([("100", None), ("99", None), ("99.000991", None)], True),
        # It goes on where it was before it stood still.
        ([("100", None), ("99", None), ("99.0001", None), ("100", None)], True),
    ],
)
def test_a_turn_is_a_move_of_the_price_in_another_direction(said: list[Figures], turned: bool) -> None:
    ears = Ears()
    ears.says(DEX, "100")
    ears.repeats(3)

    for sol, usd in said:
        ears.says(JUP, sol, usd)

    assert ears.stands() == (turned, False)


@pytest.mark.parametrize(("token", "turned"), [(SOL_MINT, True), (TOKEN, False)])
def test_of_sol_its_price_in_usd_alone_counts(token: TokenAddress, turned: bool) -> None:
    ears = Ears()
    ears.says(DEX, "100")
    ears.repeats(3)

    for usd in ("150", "149", "150"):
        ears.says(JUP, "1", usd, token=token)

    assert ears.stands() == (turned, False)


def test_of_a_token_that_is_forgotten_another_figure_is_no_news_and_no_move() -> None:
    ears = Ears()
    ears.says(DEX, "100")
    ears.turns(1)
    for sol in ("99", "98", "97"):
        ears.freshness.forget(TOKEN)
        ears.says(DEX, sol, at=T0 + AFTER)
        ears.says(JUP, sol, at=T0 + AFTER)

    assert ears.stands() == (True, False)
