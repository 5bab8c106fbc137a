"""What the price validator lets through."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.prices.models import PriceObservation, PriceSource
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator, Verdict
from tests.builders import T0, TOKEN
from tests.unit.prices.polls import BOTH, DEX, JUP, THIRD, Polls

BAD = ["0", "-0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "1e-999999", "1e40", "1e-40"]


@pytest.mark.parametrize("bad", BAD)
def test_a_zero_price_does_not_close_a_winning_position(bad: str) -> None:
    poll = Polls(paid="0.001")

    assert poll.says("0.0015") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0015") is Verdict.ACCEPTED
    assert poll.wait().says(bad) is Verdict.NOT_A_PRICE
    assert poll.wait().says(bad) is Verdict.NOT_A_PRICE
    assert poll.wait().says("0.0015") is Verdict.ACCEPTED


def test_a_wrong_sol_price_does_not_move_a_token_quoted_in_sol() -> None:
    poll = Polls(paid="0.001")

    assert poll.says("0.001", usd="0.15", sol_usd="195") is Verdict.ACCEPTED


def test_a_spike_of_sol_does_not_move_a_token_known_in_usd_only_at_once() -> None:
    poll = Polls(paid="0.001")

    assert poll.says(None, usd="0.15") is Verdict.ACCEPTED
    assert poll.wait().says(None, usd="0.15", sol_usd="195") is Verdict.UNCONFIRMED
    assert poll.wait().says(None, usd="0.15", sol_usd="150") is Verdict.ACCEPTED


def test_without_a_fresh_sol_price_nothing_is_converted() -> None:
    assert Polls(paid="0.001").says(None, usd="0.15", sol_usd=None) is Verdict.NO_SOL_PRICE


def test_a_real_crash_is_accepted_at_the_second_poll() -> None:
    poll = Polls(paid="0.001")

    assert poll.says("0.0005") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.00048") is Verdict.ACCEPTED


def test_the_same_instant_told_twice_is_no_second_witness() -> None:
    poll = Polls(paid="0.001")

    assert poll.says("0.0005") is Verdict.UNCONFIRMED
    assert poll.says("0.0005") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0005") is Verdict.ACCEPTED


def test_what_was_paid_does_not_replace_what_the_market_has_said() -> None:
    poll = Polls()
    assert poll.says("0.001") is Verdict.ACCEPTED

    # Somebody paid ten times as much in a bad fill: that is no reason to believe a feed that says so too.
    poll.validator.seed(TOKEN, Decimal("0.01"))

    assert poll.wait().says("0.01") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.001") is Verdict.ACCEPTED


def test_nothing_paid_is_no_price_to_compare_with() -> None:
    poll = Polls(paid="0")

    assert poll.says("0.001") is Verdict.ACCEPTED


def test_a_crash_both_sources_see_is_accepted_at_once() -> None:
    poll = Polls.at("0.001")

    assert poll.wait().says("0.0005", JUP) is Verdict.UNCONFIRMED
    assert poll.says("0.00051") is Verdict.ACCEPTED
    assert poll.accepted == Decimal("0.00051")


def test_one_lying_source_moves_nothing_while_the_other_contradicts() -> None:
    poll = Polls.at("0.001")

    for _ in range(10):
        poll.wait(0.5)
        assert poll.says("0.0001") in (Verdict.UNCONFIRMED, Verdict.CONTRADICTED)
        poll.wait(0.5)
        poll.says("0.001", JUP)
    assert poll.accepted == Decimal("0.001")


@pytest.mark.parametrize("bad", BAD)
def test_nonsense_in_usd_or_of_sol_converts_nothing(bad: str) -> None:
    assert Polls(paid="0.001").says(None, usd=bad) is Verdict.NOT_A_PRICE
    assert Polls(paid="0.001").says(None, usd="0.15", sol_usd=bad) is Verdict.NOT_A_PRICE
    assert Polls(paid="0.001").says("0.001", usd=bad) is Verdict.ACCEPTED


def test_a_liar_does_not_win_by_answering_after_the_other_once_and_before_it_the_next_time() -> None:
    poll = Polls.at("0.001")

    for _ in range(5):
        poll.wait(0.4).says("0.001")
        assert poll.wait(0.1).says("0.0001", JUP) is not Verdict.ACCEPTED
        assert poll.wait(0.4).says("0.0001", JUP) is not Verdict.ACCEPTED
        assert poll.wait(0.1).says("0.001") is Verdict.ACCEPTED


def test_a_crash_is_accepted_at_the_second_poll_when_the_other_source_goes_away_with_it() -> None:
    poll = Polls.at("0.001")

    assert poll.wait().silent(JUP).says("0.0005") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0005") is Verdict.ACCEPTED


@pytest.mark.parametrize("garbage", ["0", "-1", "NaN"])
def test_a_source_that_says_nonsense_denies_nothing_and_is_not_waited_for(garbage: str) -> None:
    assert Polls(sources=BOTH, paid="100").poll({JUP: garbage, DEX: "100"}).accepted == 100
    poll = Polls.at("100").poll({JUP: garbage, DEX: "50"})
    assert poll.accepted == 100
    poll.poll({JUP: garbage, DEX: "50"})
    assert poll.accepted == 50


def test_one_failed_call_does_not_take_the_say_from_a_source() -> None:
    poll = Polls.at("0.001")

    for _ in range(5):
        assert poll.wait().silent(JUP).says("0.0005") is not Verdict.ACCEPTED
        assert poll.wait(0.4).says("0.0005") is not Verdict.ACCEPTED
        poll.wait(0.1).says("0.001", JUP)


@pytest.mark.parametrize(("liar", "other"), [("0.0001", "0.01"), ("0.01", "0.0001")])
def test_sources_that_jump_apart_confirm_nothing(liar: str, other: str) -> None:
    poll = Polls.at("0.001")

    for _ in range(5):
        assert poll.wait(0.5).says(liar) is not Verdict.ACCEPTED
        assert poll.wait(0.5).says(other, JUP) is not Verdict.ACCEPTED


def test_of_two_falls_the_smaller_is_believed() -> None:
    poll = Polls.at("0.001")

    assert poll.wait().says("0.0004") is Verdict.UNCONFIRMED
    assert poll.says("0.0007", JUP) is Verdict.ACCEPTED
    assert poll.accepted == Decimal("0.0007")
    assert poll.wait().says("0.0004") is not Verdict.ACCEPTED


def test_a_frozen_source_neither_moves_anything_nor_ages_into_a_price() -> None:
    poll = Polls(paid="0.001")

    assert poll.says("0.001") is Verdict.ACCEPTED
    frozen_at = poll.now
    verdicts = set()
    for _ in range(15):
        poll.wait()
        verdicts.add(poll.says("0.001", age_seconds=(poll.now - frozen_at).total_seconds()))
    assert verdicts == {Verdict.ACCEPTED, Verdict.STALE}
    assert poll.says("0.001", age_seconds=11) is Verdict.STALE


def test_stale_and_disordered_answers_are_dropped() -> None:
    poll = Polls(paid="0.001")

    assert poll.says("0.001", age_seconds=11) is Verdict.STALE
    assert poll.says("0.001") is Verdict.ACCEPTED
    assert poll.wait().says("0.0011", age_seconds=2) is Verdict.OUT_OF_ORDER


def test_the_second_source_steps_in_only_while_the_preferred_one_is_silent() -> None:
    poll = Polls.at("0.001")

    assert poll.wait().says("0.001") is Verdict.ACCEPTED
    assert poll.says("0.00101", JUP) is Verdict.NOT_PREFERRED
    assert poll.wait(11).says("0.00101", JUP) is Verdict.ACCEPTED
    assert poll.accepted == Decimal("0.00101")


@given(prices=st.lists(st.decimals(allow_nan=True, allow_infinity=True), min_size=1, max_size=30))
def test_nothing_accepted_is_further_than_the_factor_without_a_witness(prices: list[Decimal]) -> None:
    validator = PriceValidator(PriceValidationRules(), [DEX])
    validator.seed(TOKEN, Decimal(1))
    accepted = Decimal(1)
    before: Decimal | None = None
    now = T0
    for price in prices:
        now += timedelta(seconds=1)
        verdict, result = validator.judge(
            PriceObservation(TOKEN, DEX, price, None, now), sol_usd=None, now=now
        )
        if result is None:
            assert verdict is not Verdict.ACCEPTED
        else:
            assert price.is_finite()
            assert price > 0
            near = Decimal("0.8") <= price / accepted <= Decimal("1.25")
            repeated = before is not None and Decimal("0.79") <= price / before <= Decimal("1.26")
            assert near or repeated
            accepted = price
        if price.is_finite() and price > 0:
            before = price


@pytest.mark.parametrize("factor", ["0.999", "0.95", "0.9", "0.82", "0.5", "0.01", "1.05", "1.3", "100"])
@pytest.mark.parametrize("liar", BOTH)
def test_what_the_other_source_denies_moves_nothing_whatever_its_size(liar: PriceSource, factor: str) -> None:
    poll, lie = Polls.at("100"), Decimal(100) * Decimal(factor)
    for _ in range(5):
        poll.poll({source: lie if source == liar else "100" for source in BOTH})
        poll.poll({source: lie if source == liar else "100" for source in reversed(BOTH)})

    assert all(abs(price - 100) <= Decimal("0.1") for price in poll.published)


@pytest.mark.parametrize("liar", BOTH)
def test_a_series_of_small_lies_adds_up_to_nothing(liar: PriceSource) -> None:
    poll, lie = Polls.at("100"), Decimal(100)
    for _ in range(60):
        lie *= Decimal("0.999")
        poll.poll({source: lie if source == liar else "100" for source in BOTH})

    assert all(abs(price - 100) <= Decimal("0.1") for price in poll.published)


def test_sources_that_differ_for_ever_move_the_price_when_both_move() -> None:
    poll = Polls.at("100")
    poll.poll({DEX: "100", JUP: "104"}).poll({DEX: "97", JUP: "101"})
    assert poll.accepted == 100

    poll.poll({DEX: "90", JUP: "94"})
    assert poll.accepted == 94
    poll.poll({DEX: "110", JUP: "114"})
    assert poll.accepted == 110


def test_what_differs_by_rounding_is_the_preferred_figure() -> None:
    poll = Polls.at("100")

    poll.poll({JUP: "90.00000001", DEX: "90"})

    assert poll.accepted == 90


def test_a_crash_one_source_sees_a_second_before_the_other_is_accepted_when_the_other_sees_it() -> None:
    for first, second in (BOTH, BOTH[::-1]):
        poll = Polls.at("100")
        poll.poll({first: "50", second: "100"})
        assert poll.accepted == 100
        assert poll.doubtful

        poll.poll({first: "48", second: "49"})
        assert poll.accepted == 49
        assert not poll.doubtful


def test_a_source_that_never_agreed_about_a_token_can_deny_nothing() -> None:
    poll = Polls(sources=BOTH, paid="100")
    # Its decimals are wrong, or it looks at another pool.
    poll.poll({DEX: "100", JUP: "100000"})
    assert poll.accepted == 100

    poll.poll({DEX: "85", JUP: "85000"})
    assert poll.accepted == 85
    assert not poll.doubtful
    for _ in range(3):
        poll.poll({DEX: None, JUP: "85000"})
    assert poll.accepted == 85
    poll.poll({DEX: None, JUP: "86"})
    assert poll.accepted == 86


def test_a_source_that_joins_late_and_is_all_there_is_counts() -> None:
    poll = Polls(sources=BOTH, paid="100")
    poll.poll({JUP: None, DEX: "100"})
    poll.poll({JUP: None, DEX: None}, seconds=5)

    poll.poll({DEX: None, JUP: "50"}).poll({DEX: None, JUP: "50"})

    assert poll.accepted == 50


def test_a_token_nobody_else_knows_has_a_price_at_the_first_poll() -> None:
    assert Polls(sources=BOTH, paid="100").poll({JUP: None, DEX: "101"}).accepted == 101
    assert Polls(sources=BOTH, paid="100").poll({DEX: "101", JUP: None}).poll({DEX: "101"}).accepted == 101
    # Nobody has said that the other one does not know it either: it is waited for, but not for ever.
    assert Polls(sources=BOTH, paid="100").poll({DEX: "101"}).accepted is None
    assert Polls(sources=BOTH, paid="100").poll({DEX: "101"}).poll({DEX: "101"}).accepted == 101


def test_after_a_start_sources_agree_on_a_price_far_from_what_was_paid() -> None:
    poll = Polls(sources=BOTH, paid="100", paid_ago=86_400)

    assert poll.wait().says("300") is Verdict.UNCONFIRMED
    assert poll.says("305", JUP) is Verdict.ACCEPTED
    assert poll.accepted == 300


def test_after_a_start_a_liar_who_answers_first_moves_nothing() -> None:
    poll = Polls(sources=BOTH, paid="100", paid_ago=86_400)
    # The stop has trailed to 250; a source says what was paid.
    for _ in range(30):
        poll.poll({JUP: "100", DEX: "300"})
    assert poll.accepted is None
    assert poll.doubtful

    poll.poll({JUP: "299", DEX: "300"})
    assert poll.accepted == 299


def test_after_a_start_a_source_that_is_wrong_keeps_no_position_in_danger_for_ever() -> None:
    poll = Polls(sources=BOTH, paid="100", paid_ago=86_400)
    for _ in range(62):
        poll.poll({DEX: "300", JUP: "300000"})
    assert poll.accepted == 300

    poll.poll({DEX: "200", JUP: "300000"}).poll({DEX: "200", JUP: "300000"})
    assert poll.accepted == 200


def test_just_after_a_purchase_what_was_paid_tells_who_is_wrong() -> None:
    for wrong, right in (BOTH, BOTH[::-1]):
        poll = Polls(sources=BOTH, paid="100", paid_ago=1).poll({wrong: "15", right: "98"})
        assert poll.accepted == 98
    assert Polls(sources=BOTH, paid="100").poll({DEX: "15", JUP: "700"}).accepted is None


def test_of_several_purchases_the_newest_is_compared_with() -> None:
    poll = Polls(sources=[DEX], paid="100", paid_ago=60)
    poll.validator.seed(TOKEN, Decimal(300), T0 - timedelta(seconds=30))
    poll.validator.seed(TOKEN, Decimal(500), T0 - timedelta(seconds=90))

    assert poll.says("310") is Verdict.ACCEPTED


class TestThreeSources:
    SOURCES = (DEX, JUP, THIRD)

    @pytest.mark.parametrize("liar", SOURCES)
    @pytest.mark.parametrize("lie", ["1", "82", "99", "101", "1000"])
    def test_two_outvote_a_liar_who_denies_and_one_who_cries_wolf(self, liar: PriceSource, lie: str) -> None:
        poll = Polls.at("100", self.SOURCES)
        for _ in range(5):
            poll.poll({source: lie if source == liar else "100" for source in self.SOURCES})
        assert all(abs(price - 100) <= Decimal("0.1") for price in poll.published)

        poll.poll({source: "100" if source == liar else "50" for source in self.SOURCES})
        assert poll.accepted == 50

    def test_one_alone_is_left_when_the_others_are_silent(self) -> None:
        poll = Polls.at("100", self.SOURCES)
        for _ in range(3):
            poll.poll({DEX: None, THIRD: None, JUP: "85"})

        assert poll.accepted == 85


class TestFrozen:
    WIGGLE = ("101", "99.5", "100.5", "99", "101", "100")

    def frozen(self, source: PriceSource, polls: int = 18) -> Polls:
        """Return polls of which one source repeats itself while the other goes to and fro."""
        poll = Polls.at("100")
        for number in range(polls):
            price = self.WIGGLE[number % len(self.WIGGLE)]
            poll.poll({one: "100" if one == source else price for one in BOTH})
        return poll

    @pytest.mark.parametrize("source", BOTH)
    def test_a_source_that_repeats_itself_while_the_other_moves_is_frozen(self, source: PriceSource) -> None:
        poll = self.frozen(source)
        (other,) = set(BOTH) - {source}

        assert poll.validator.freshness.frozen(DEX, poll.now) == (source == DEX)
        assert poll.validator.freshness.frozen(JUP, poll.now) == (source == JUP)
        poll.poll({source: "100", other: "50"})
        assert poll.accepted != 50
        poll.poll({source: "100", other: "50"})
        assert poll.accepted == 50

    def test_what_a_frozen_source_says_is_no_price(self) -> None:
        poll = self.frozen(DEX)

        assert poll.wait().says("100", DEX, usd="15000") is Verdict.FROZEN

    def test_a_fall_of_less_than_a_jump_is_believed_at_once_beside_a_frozen_source(self) -> None:
        assert self.frozen(DEX).poll({DEX: "100", JUP: "82"}).accepted == 82

    def test_it_takes_a_while_to_be_frozen(self) -> None:
        poll = self.frozen(DEX, polls=8)

        assert not poll.validator.freshness.frozen(DEX, poll.now)
        assert poll.validator.freshness.suspect(DEX, poll.now)

    def test_something_new_thaws_it_and_moves_nothing_by_itself(self) -> None:
        poll = self.frozen(DEX)
        poll.poll({DEX: "100", JUP: "50"}).poll({DEX: "100", JUP: "50"})
        # It catches up with what happened while it was away.
        for late in ("99", "80", "60"):
            poll.poll({DEX: late, JUP: "50"})
            assert not poll.validator.freshness.frozen(DEX, poll.now)
            assert poll.accepted == 50
        poll.poll({DEX: "51", JUP: "51"})
        assert poll.accepted == 51

    def test_a_quiet_market_is_not_frozen(self) -> None:
        poll = Polls.at("100")
        for _ in range(60):
            poll.poll(dict.fromkeys(BOTH, "100"))

        assert not any(poll.validator.freshness.suspect(source, poll.now) for source in BOTH)

    def test_news_of_any_other_token_or_of_sol_show_that_a_source_is_alive(self) -> None:
        poll = Polls.at("100")
        for number in range(40):
            poll.poll({DEX: "100", JUP: self.WIGGLE[number % 6]})
            poll.news(DEX, number)

        assert not poll.validator.freshness.suspect(DEX, poll.now)
        poll.poll({DEX: "100", JUP: "50"}).poll({DEX: "100", JUP: "50"})
        assert poll.accepted == 100

    @pytest.mark.parametrize("moving", ["sol", "usd"])
    def test_prices_that_follow_sol_alone_are_no_moves(self, moving: str) -> None:
        poll = Polls.at("100")
        for number in range(40):
            poll.poll({DEX: "100"})
            sol_usd = Decimal(150 + number % 3)
            # Nobody trades the token: its price stays in one currency and moves in the other.
            if moving == "usd":
                poll.says("100", JUP, usd=100 * sol_usd)
            else:
                poll.says(15000 / sol_usd, JUP, usd="15000")

        assert not poll.validator.freshness.suspect(DEX, poll.now)

    def test_lies_in_one_direction_and_back_freeze_nobody(self) -> None:
        poll = Polls.at("100")
        for number in range(40):
            poll.poll({DEX: "100", JUP: str(100 - number if number < 20 else 100)})

        assert not poll.validator.freshness.frozen(DEX, poll.now)

    def test_a_source_that_was_not_asked_is_not_frozen(self) -> None:
        poll = Polls.at("100")
        for number in range(40):
            poll.poll({JUP: self.WIGGLE[number % 6]})
        poll.poll({DEX: "100", JUP: "100"})

        assert not poll.validator.freshness.frozen(DEX, poll.now)

    @pytest.mark.parametrize("usd", ["NaN", "sNaN", "Infinity"])
    def test_figures_that_are_no_numbers_disturb_nothing(self, usd: str) -> None:
        poll = Polls.at("100")
        for _ in range(3):
            poll.wait().says("100", DEX, usd=usd)

        assert poll.accepted == 100


_LIES = st.decimals("0.01", "10000", places=4)
_HONEST = st.decimals("50", "150", places=4)


@given(
    liar=st.sampled_from(BOTH),
    start=_HONEST,
    polls=st.lists(st.tuples(_HONEST, st.none() | _LIES, st.booleans(), st.floats(0.2, 1.4)), max_size=60),
)
def test_a_liar_alone_never_moves_a_price_beyond_what_the_honest_one_has_said(
    liar: PriceSource, start: Decimal, polls: list[tuple[Decimal, Decimal | None, bool, float]]
) -> None:
    (honest,) = set(BOTH) - {liar}
    poll = Polls.at(str(start))
    low = high = start
    for number, (truth, lie, first, seconds) in enumerate(polls):
        low, high = min(low, truth), max(high, truth)
        order = (liar, honest) if first else (honest, liar)
        poll.news(honest, number)
        poll.poll({source: lie if source == liar else truth for source in order}, seconds=seconds)
        assert poll.accepted is not None
        # The tenth of a percent that sources may round.
        assert low / Decimal("1.002") <= poll.accepted <= high * Decimal("1.002")


@given(
    before=st.lists(st.tuples(_HONEST, st.booleans()), max_size=20),
    order=st.permutations(BOTH),
    crash=st.decimals("0.01", "0.7", places=4),
    spread=st.decimals("0.97", "1.03", places=4),
    late=st.sampled_from([None, *BOTH]),
)
def test_a_crash_both_see_is_accepted_within_two_polls(
    before: list[tuple[Decimal, bool]],
    order: list[PriceSource],
    crash: Decimal,
    spread: Decimal,
    late: PriceSource | None,
) -> None:
    poll = Polls.at("100")
    for price, first in before:
        poll.poll(dict.fromkeys(BOTH if first else BOTH[::-1], price))
    assert poll.accepted is not None
    price = min(poll.accepted, before[-1][0] if before else Decimal(100)) * crash
    said = {DEX: price, JUP: price * spread}
    old = poll.accepted
    poll.poll({source: old if source == late else said[source] for source in order})
    poll.poll({source: said[source] for source in order})

    assert poll.accepted in said.values()
