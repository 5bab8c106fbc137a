"""What the validator of SOL/USD lets through."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.prices.models import PriceSource, SolPrice
from nexgent.domain.prices.sol_validation import SolGateRules, SolPriceValidator
from tests.builders import T0

PYTH, JUPITER = PriceSource("pyth"), PriceSource("jupiter")


class Feed:
    """Tell a validator prices second by second."""

    def __init__(self) -> None:
        self.gate = SolPriceValidator(SolGateRules())
        self.now = T0

    def wait(self, seconds: float = 1.0) -> Feed:
        self.now += timedelta(seconds=seconds)
        return self

    def says(self, usd: str, source: PriceSource = PYTH, *, age_seconds: float = 0.0) -> bool:
        price = SolPrice(Decimal(usd), self.now - timedelta(seconds=age_seconds), source)
        return self.gate.judge(price, self.now)

    @property
    def usd(self) -> Decimal | None:
        price = self.gate.current(self.now)
        return price.price_usd if price is not None else None


def test_small_moves_are_accepted_and_age() -> None:
    feed = Feed()

    assert feed.says("150")
    assert feed.wait().says("156")
    assert feed.usd == 156
    assert feed.wait(31).usd is None
    latest = feed.gate.latest()
    assert latest is not None
    assert latest.price_usd == 156


def test_without_an_update_there_is_no_price() -> None:
    assert Feed().usd is None


@pytest.mark.parametrize("spike", ["195", "105"])
def test_while_a_jump_is_open_there_is_no_price(spike: str) -> None:
    feed = Feed()
    feed.says("150")

    assert not feed.wait().says(spike)
    assert feed.usd is None
    assert feed.wait().says("150.1")
    assert feed.usd == Decimal("150.1")


def test_a_jump_is_accepted_when_another_source_says_the_same() -> None:
    feed = Feed()
    feed.says("150")
    feed.wait().says("105")

    assert feed.says("104.5", JUPITER)
    assert feed.usd == Decimal("104.5")
    assert feed.wait().says("105")


def test_a_source_that_lies_alone_never_wins_against_another() -> None:
    feed = Feed()
    feed.says("150")
    for _ in range(60):
        assert not feed.wait().says("195")
        assert feed.wait().says("150.2", JUPITER)
        assert feed.usd == Decimal("150.2")


def test_what_the_other_said_before_the_jump_contradicts_nothing() -> None:
    feed = Feed()
    feed.says("150", JUPITER)
    feed.wait().says("150")
    feed.wait().says("105")

    assert feed.usd is None


def test_a_source_without_company_is_believed_after_a_while() -> None:
    feed = Feed()
    feed.says("150")
    feed.wait(0.4).says("105")
    accepted_after = 0.0
    while not feed.wait(0.4).says("105.1"):
        accepted_after += 0.4
        assert feed.usd is None
    assert accepted_after >= 9
    assert feed.usd == Decimal("105.1")


@pytest.mark.parametrize("bad", ["0", "-1", "1e-9", "1e9", "NaN", "Infinity", "-Infinity"])
def test_what_is_no_price_changes_nothing(bad: str) -> None:
    feed = Feed()
    feed.says("150")

    assert not feed.wait().says(bad)
    assert feed.usd == 150


def test_stale_and_disordered_updates_are_dropped() -> None:
    feed = Feed()
    assert not feed.says("149", age_seconds=31)
    assert feed.usd is None
    assert feed.says("150")
    assert not feed.wait().says("151", age_seconds=3)
    assert feed.usd == 150


def test_an_update_is_of_use_for_thirty_seconds_and_not_an_instant_longer() -> None:
    feed = Feed()
    assert feed.says("150", age_seconds=30)
    assert feed.usd == 150
    assert feed.wait(0.000001).usd is None
    assert not feed.says("150", age_seconds=30.000001)
    assert feed.says("151", age_seconds=30)


def test_of_several_updates_of_one_instant_the_last_one_counts() -> None:
    feed = Feed()
    assert feed.says("150")
    assert feed.says("151")
    assert feed.usd == 151
    # Another source has a time of its own.
    assert feed.says("152", JUPITER, age_seconds=5)
    assert not feed.says("151", age_seconds=1)


def test_without_an_accepted_price_what_came_too_late_is_the_latest() -> None:
    feed = Feed()
    assert feed.gate.latest() is None
    feed.says("140", age_seconds=60)
    latest = feed.gate.latest()
    assert latest is not None
    assert latest.price_usd == 140
    feed.says("150")
    feed.says("140", age_seconds=60)
    latest = feed.gate.latest()
    assert latest is not None
    assert latest.price_usd == 150


@pytest.mark.parametrize(
    ("usd", "near"), [("157.5", True), ("157.50001", False), ("142.8572", True), ("142.857", False)]
)
def test_five_percent_are_no_jump_and_anything_more_is_one(usd: str, near: bool) -> None:
    feed = Feed()
    feed.says("150")

    assert feed.wait().says(usd) == near


@pytest.mark.parametrize(("usd", "agrees"), [("103", True), ("103.0001", False)])
def test_sources_agree_within_three_percent(usd: str, agrees: bool) -> None:
    feed = Feed()
    feed.says("150")
    feed.wait().says("100")

    assert feed.wait().says(usd, JUPITER) == agrees


def test_a_jump_is_confirmed_by_whoever_said_it_within_thirty_seconds() -> None:
    for seconds, accepted in ((30, True), (30.000001, False)):
        feed = Feed()
        feed.says("150")
        feed.says("105")

        assert feed.wait(seconds).says("105", JUPITER) == accepted


def test_a_jump_is_in_doubt_for_thirty_seconds_and_its_source_unheard() -> None:
    feed = Feed()
    assert not feed.gate.heard(PYTH, feed.now)
    feed.says("150")
    assert feed.gate.heard(PYTH, feed.now + timedelta(seconds=30))
    assert not feed.gate.heard(PYTH, feed.now + timedelta(seconds=30.000001))
    assert not feed.gate.doubtful(feed.now)

    feed.says("105")

    assert not feed.gate.heard(PYTH, feed.now)
    assert feed.gate.doubtful(feed.now + timedelta(seconds=30))
    assert not feed.gate.doubtful(feed.now + timedelta(seconds=30.000001))


@pytest.mark.parametrize(
    ("seconds", "accepted"),
    [
        # Five times, over ten seconds: neither alone is enough.
        ((2.5, 2.5, 2.5, 2.5), True),
        ((2.5, 2.5, 2.5, 2.499), False),
        ((4, 4, 4), False),
        ((1, 1, 1, 1, 1, 1, 1, 1, 1), False),
        ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), True),
    ],
)
def test_a_source_alone_says_a_jump_five_times_over_ten_seconds(
    seconds: tuple[float, ...], accepted: bool
) -> None:
    feed = Feed()
    feed.says("150")
    feed.wait().says("105")

    assert [feed.wait(one).says("105") for one in seconds] == [False] * (len(seconds) - 1) + [accepted]


def test_a_jump_elsewhere_begins_anew() -> None:
    feed = Feed()
    feed.says("150")
    for _ in range(9):
        assert not feed.wait().says("105")
    for _ in range(10):
        assert not feed.wait().says("195")

    assert feed.wait().says("195")


def test_only_what_the_other_says_after_the_jump_contradicts_it() -> None:
    for age, doubtful in ((1.0, True), (0.999999, False)):
        feed = Feed()
        feed.says("150")
        feed.says("105")
        feed.wait().says("150.1", JUPITER, age_seconds=age)
        assert feed.gate.doubtful(feed.now) == doubtful
        # What is neither here nor there says nothing against it.
        feed.wait().says("120", JUPITER)
        assert feed.gate.doubtful(feed.now)


def test_a_confirmed_jump_ends_what_was_in_doubt_before() -> None:
    feed = Feed()
    feed.says("150")
    feed.wait().says("195", JUPITER)
    feed.wait().says("105")
    assert feed.gate.doubtful(feed.now)

    assert feed.wait().says("195")

    assert not feed.gate.doubtful(feed.now)
    assert feed.usd == 195
    assert feed.gate.heard(JUPITER, feed.now)


def test_who_comes_back_has_jumped_nowhere() -> None:
    feed = Feed()
    feed.says("150")
    for _ in range(4):
        feed.wait(3).says("105")
    feed.says("150")

    assert feed.gate.heard(PYTH, feed.now)
    assert not feed.wait().says("105")


@given(
    told=st.lists(
        st.tuples(
            st.sampled_from([PYTH, JUPITER]),
            st.one_of(
                st.sampled_from(["150", "151", "195", "105", "1500", "15"]).map(Decimal),
                st.decimals(allow_nan=True, allow_infinity=True),
            ),
            st.floats(0.1, 4),
        ),
        max_size=60,
    )
)
def test_no_jump_is_current_without_a_witness(told: list[tuple[PriceSource, Decimal, float]]) -> None:
    feed, last, said = Feed(), Decimal(150), list[tuple[PriceSource, Decimal, datetime]]()
    feed.says("150")
    for source, usd, seconds in told:
        feed.wait(seconds)
        accepted = feed.gate.judge(SolPrice(usd, feed.now, source), feed.now)
        if accepted:
            assert usd.is_finite()
            assert usd > 0
            near = max(usd, last) <= min(usd, last) * Decimal("1.05")
            lately = [(name, at) for name, value, at in said if _agree(value, usd)]
            other = any(name is not source and feed.now - at <= timedelta(seconds=30) for name, at in lately)
            again = any(name is source and feed.now - at >= timedelta(seconds=9.999) for name, at in lately)
            assert near or other or again
            last = usd
        if usd.is_finite() and usd > 0:
            said.append((source, usd, feed.now))
        current = feed.gate.current(feed.now)
        assert current is None or current.price_usd == last


def _agree(one: Decimal, other: Decimal) -> bool:
    return max(one, other) <= min(one, other) * Decimal("1.0301")
