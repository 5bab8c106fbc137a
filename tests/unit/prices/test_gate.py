"""What the price validator lets through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.prices.models import PriceObservation, PriceSource
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator, Verdict
from nexgent.shared.types import TokenAddress

TOKEN = TokenAddress("6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf")
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Poll:
    """Feed a validator second by second."""

    def __init__(self, paid: str | None = None) -> None:
        self.gate = PriceValidator(PriceValidationRules(), PriceSource.DEXSCREENER)
        self.now = T0
        if paid is not None:
            self.gate.seed(TOKEN, Decimal(paid))

    def wait(self, seconds: float = 1.0) -> Poll:
        self.now += timedelta(seconds=seconds)
        return self

    def says(
        self,
        price: str | None,
        source: PriceSource = PriceSource.DEXSCREENER,
        *,
        usd: str | None = None,
        sol_usd: str | None = "150",
        age_seconds: float = 0.0,
    ) -> Verdict:
        observation = PriceObservation(
            TOKEN,
            source,
            Decimal(price) if price is not None else None,
            Decimal(usd) if usd is not None else None,
            self.now - timedelta(seconds=age_seconds),
        )
        rate = Decimal(sol_usd) if sol_usd is not None else None
        verdict, accepted = self.gate.judge(observation, sol_usd=rate, now=self.now)
        assert (accepted is not None) == (verdict is Verdict.ACCEPTED)
        return verdict


BAD = ["0", "-0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1e999999", "1e-999999", "1e40", "1e-40"]


@pytest.mark.parametrize("bad", BAD)
def test_a_zero_price_does_not_close_a_winning_position(bad: str) -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.0015") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0015") is Verdict.ACCEPTED
    assert poll.wait().says(bad) is Verdict.NOT_A_PRICE
    assert poll.wait().says(bad) is Verdict.NOT_A_PRICE
    assert poll.wait().says("0.0015") is Verdict.ACCEPTED


def test_a_wrong_sol_price_does_not_move_a_token_quoted_in_sol() -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.001", usd="0.15", sol_usd="195") is Verdict.ACCEPTED


def test_a_spike_of_sol_does_not_move_a_token_known_in_usd_only_at_once() -> None:
    poll = Poll(paid="0.001")

    assert poll.says(None, usd="0.15") is Verdict.ACCEPTED
    assert poll.wait().says(None, usd="0.15", sol_usd="195") is Verdict.UNCONFIRMED
    assert poll.wait().says(None, usd="0.15", sol_usd="150") is Verdict.ACCEPTED


def test_without_a_fresh_sol_price_nothing_is_converted() -> None:
    assert Poll(paid="0.001").says(None, usd="0.15", sol_usd=None) is Verdict.NO_SOL_PRICE


def test_a_real_crash_is_accepted_at_the_second_poll() -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.0005") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.00048") is Verdict.ACCEPTED


def test_the_same_instant_told_twice_is_no_second_witness() -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.0005") is Verdict.UNCONFIRMED
    assert poll.says("0.0005") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0005") is Verdict.ACCEPTED


def test_what_was_paid_does_not_replace_what_the_market_has_said() -> None:
    poll = Poll()
    assert poll.says("0.001") is Verdict.ACCEPTED

    # Somebody paid ten times as much in a bad fill: that is no reason to believe a feed that says so too.
    poll.gate.seed(TOKEN, Decimal("0.01"))

    assert poll.wait().says("0.01") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.001") is Verdict.ACCEPTED


def test_nothing_paid_is_no_price_to_compare_with() -> None:
    poll = Poll(paid="0")

    assert poll.says("0.001") is Verdict.ACCEPTED


def test_a_crash_both_sources_see_is_accepted_at_once() -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.0005", PriceSource.JUPITER) is Verdict.UNCONFIRMED
    assert poll.says("0.00051") is Verdict.ACCEPTED


def test_one_lying_source_moves_nothing_while_the_other_contradicts() -> None:
    poll = Poll(paid="0.001")

    for _ in range(10):
        assert poll.says("0.0001") in (Verdict.UNCONFIRMED, Verdict.CONTRADICTED)
        poll.wait(0.5)
        poll.says("0.001", PriceSource.JUPITER)
        poll.wait(0.5)


@pytest.mark.parametrize("bad", BAD)
def test_nonsense_in_usd_or_of_sol_converts_nothing(bad: str) -> None:
    assert Poll(paid="0.001").says(None, usd=bad) is Verdict.NOT_A_PRICE
    assert Poll(paid="0.001").says(None, usd="0.15", sol_usd=bad) is Verdict.NOT_A_PRICE
    assert Poll(paid="0.001").says("0.001", usd=bad) is Verdict.ACCEPTED


def test_a_liar_does_not_win_by_answering_after_the_other_once_and_before_it_the_next_time() -> None:
    poll = Poll(paid="0.001")

    for _ in range(5):
        poll.wait(0.4).says("0.001")
        assert poll.wait(0.1).says("0.0001", PriceSource.JUPITER) is not Verdict.ACCEPTED
        assert poll.wait(0.4).says("0.0001", PriceSource.JUPITER) is not Verdict.ACCEPTED
        assert poll.wait(0.1).says("0.001") is Verdict.ACCEPTED


def test_a_crash_is_accepted_at_the_third_poll_when_the_other_source_goes_away_with_it() -> None:
    poll = Poll(paid="0.001")
    poll.says("0.001", PriceSource.JUPITER)

    assert poll.wait().says("0.0005") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0005") is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0005") is Verdict.ACCEPTED


@pytest.mark.parametrize(("liar", "other"), [("0.0001", "0.01"), ("0.01", "0.0001")])
def test_sources_that_jump_apart_confirm_nothing(liar: str, other: str) -> None:
    poll = Poll(paid="0.001")

    for _ in range(5):
        assert poll.wait(0.5).says(liar) is not Verdict.ACCEPTED
        assert poll.wait(0.5).says(other, PriceSource.JUPITER) is not Verdict.ACCEPTED


def test_a_smaller_fall_of_the_other_source_is_no_denial() -> None:
    poll = Poll(paid="0.001")

    assert poll.wait().says("0.0004") is Verdict.UNCONFIRMED
    assert poll.says("0.0007", PriceSource.JUPITER) is Verdict.UNCONFIRMED
    assert poll.wait().says("0.0004") is Verdict.ACCEPTED


def test_a_frozen_source_neither_moves_anything_nor_ages_into_a_price() -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.001") is Verdict.ACCEPTED
    frozen_at = poll.now
    verdicts = set()
    for _ in range(15):
        poll.wait()
        verdicts.add(poll.says("0.001", age_seconds=(poll.now - frozen_at).total_seconds()))
    assert verdicts == {Verdict.ACCEPTED, Verdict.STALE}
    assert poll.says("0.001", age_seconds=11) is Verdict.STALE


def test_stale_and_disordered_answers_are_dropped() -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.001", age_seconds=11) is Verdict.STALE
    assert poll.says("0.001") is Verdict.ACCEPTED
    assert poll.wait().says("0.0011", age_seconds=2) is Verdict.OUT_OF_ORDER


def test_the_second_source_steps_in_only_while_the_preferred_one_is_silent() -> None:
    poll = Poll(paid="0.001")

    assert poll.says("0.001") is Verdict.ACCEPTED
    assert poll.says("0.00101", PriceSource.JUPITER) is Verdict.NOT_PREFERRED
    assert poll.wait(11).says("0.00101", PriceSource.JUPITER) is Verdict.ACCEPTED


@given(prices=st.lists(st.decimals(allow_nan=True, allow_infinity=True), min_size=1, max_size=30))
def test_nothing_accepted_is_further_than_the_factor_without_a_witness(prices: list[Decimal]) -> None:
    validator = PriceValidator(PriceValidationRules(), PriceSource.DEXSCREENER)
    validator.seed(TOKEN, Decimal(1))
    accepted = Decimal(1)
    before: Decimal | None = None
    now = T0
    for price in prices:
        now += timedelta(seconds=1)
        verdict, result = validator.judge(
            PriceObservation(TOKEN, PriceSource.DEXSCREENER, price, None, now), sol_usd=None, now=now
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
