"""Who has a say about a token, from when on and until when: to the instant, and to the last digit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.prices.models import PriceObservation, PriceSource
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator, Verdict
from nexgent.shared.types import TokenAddress
from tests.builders import T0, TOKEN
from tests.unit.prices.polls import BOTH, DEX, JUP, THIRD, Polls

INSTANT = 0.000001
OTHER = TokenAddress("OtherMint")


def test_of_two_purchases_of_one_instant_the_last_one_told_is_compared_with() -> None:
    poll = Polls(paid="100")
    poll.validator.seed(TOKEN, Decimal(300), T0)

    assert poll.says("300") is Verdict.ACCEPTED


def test_of_a_token_that_is_forgotten_nothing_is_known() -> None:
    poll = Polls.at("100")
    poll.validator.seed(OTHER, Decimal(1))

    poll.validator.forget(TOKEN)
    poll.validator.forget(TOKEN)

    assert len(poll.validator) == 1
    assert poll.wait().says("5") is Verdict.UNCONFIRMED
    assert poll.says("5", JUP) is Verdict.ACCEPTED
    poll.validator.keep_only([TOKEN])
    assert len(poll.validator) == 1
    poll.validator.keep_only([])
    assert len(poll.validator) == 0


def test_figures_of_a_token_that_is_forgotten_are_no_news_when_it_comes_back() -> None:
    poll = Polls.at("100")
    for price in ("101", "99", "101", "99", "101"):
        poll.poll({JUP: price})
    for price in ("90", "80", "70"):
        poll.validator.forget(TOKEN)
        poll.poll({DEX: price})

    assert poll.validator.freshness.suspect(DEX, poll.now)


def test_another_word_is_waited_for_from_the_first_one_until_there_is_a_price() -> None:
    poll = Polls(sources=BOTH, paid="100")
    assert not poll.validator.waits(TOKEN)
    poll.says("100")
    assert poll.validator.waits(TOKEN)
    assert not poll.validator.waits(OTHER)
    poll.says("100", JUP)
    assert not poll.validator.waits(TOKEN)
    poll.wait().says("50")
    assert poll.validator.waits(TOKEN)


def test_an_answer_is_of_use_for_ten_seconds() -> None:
    assert Polls(paid="100").says("100", age_seconds=10) is Verdict.ACCEPTED
    assert Polls(paid="100").says("100", age_seconds=10 + INSTANT) is Verdict.STALE


def test_answers_of_one_instant_are_in_order() -> None:
    poll = Polls(paid="100")
    assert poll.says("100") is Verdict.ACCEPTED
    assert poll.says("101") is Verdict.ACCEPTED
    assert poll.says("102", age_seconds=INSTANT) is Verdict.OUT_OF_ORDER


@pytest.mark.parametrize(("seconds", "accepted"), [(0.5, False), (0.5 + INSTANT, True)])
def test_a_word_denies_for_ten_seconds(seconds: float, accepted: bool) -> None:
    poll = Polls.at("100")
    poll.wait(9.5).says("50")

    assert (poll.wait(seconds).says("50") is Verdict.ACCEPTED) == accepted


@pytest.mark.parametrize(("seconds", "accepted"), [(0.5 - INSTANT, False), (0.5, True)])
def test_a_word_that_was_asked_for_again_in_vain_denies_for_a_second_and_a_half(
    seconds: float, accepted: bool
) -> None:
    poll = Polls.at("100").wait().silent(JUP)
    poll.says("50")

    assert (poll.wait(seconds).says("50") is Verdict.ACCEPTED) == accepted


def test_a_source_that_answers_again_has_its_say_back() -> None:
    poll = Polls.at("100").wait().silent(JUP)
    poll.says("100", JUP)
    poll.wait().says("50")

    assert poll.wait().says("50") is not Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("price", "verdict"), [("80", Verdict.UNCONFIRMED), ("79.999", Verdict.CONTRADICTED)]
)
def test_who_is_near_the_price_when_he_joins_has_a_say(price: str, verdict: Verdict) -> None:
    poll = Polls(sources=BOTH, paid="100").poll({JUP: None, DEX: "100"}).poll({DEX: "100"})

    assert poll.says(price, JUP) is verdict


@pytest.mark.parametrize(("price", "verdict"), [("55", Verdict.ACCEPTED), ("55.001", Verdict.CONTRADICTED)])
def test_who_agrees_with_another_one_when_he_joins_has_a_say(price: str, verdict: Verdict) -> None:
    poll = Polls(sources=BOTH, paid="100").poll({JUP: None, DEX: "100"})
    poll.poll({DEX: "50"})

    assert poll.says(price, JUP) is verdict


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(10, Verdict.ACCEPTED), (10 + INSTANT, Verdict.CONTRADICTED)]
)
def test_who_agrees_with_what_another_one_said_ten_seconds_ago_has_a_say(
    seconds: float, verdict: Verdict
) -> None:
    poll = Polls(sources=(DEX, JUP, THIRD), paid="100")
    poll.poll({JUP: None, DEX: "100", THIRD: "100"}).poll({DEX: "50"})
    poll.wait(seconds).says("100", THIRD)

    assert poll.says("51", JUP) is verdict


def test_who_was_not_believed_at_first_is_not_believed_alone_either() -> None:
    poll = Polls(sources=BOTH, paid="100").poll({DEX: "100", JUP: "100000"})
    assert poll.accepted == 100
    poll.wait(5).silent(DEX)

    for _ in range(3):
        assert poll.wait().says("100000", JUP) is Verdict.CONTRADICTED
    # Nobody who counts says otherwise.
    assert not poll.doubtful
    assert poll.wait().says("110", JUP) is Verdict.ACCEPTED


def test_the_first_price_is_the_preferred_figure_where_nothing_was_paid() -> None:
    assert Polls(sources=BOTH).poll({DEX: "100", JUP: "105"}).accepted == 100
    assert Polls(sources=BOTH).poll({JUP: "105", DEX: "100"}).accepted == 100
    assert Polls(sources=BOTH[::-1]).poll({DEX: "100", JUP: "105"}).accepted == 105


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0.5 - INSTANT, Verdict.UNCONFIRMED), (0.5, Verdict.ACCEPTED)]
)
def test_a_first_word_waits_half_a_second_for_others(seconds: float, verdict: Verdict) -> None:
    poll = Polls(sources=BOTH, paid="100")
    assert poll.says("100") is Verdict.UNCONFIRMED

    assert poll.wait(seconds).says("100") is verdict


@pytest.mark.parametrize(("ago", "accepted"), [(60 - INSTANT, Decimal(98)), (60, None)])
def test_what_was_paid_within_a_minute_tells_who_is_wrong(ago: float, accepted: Decimal | None) -> None:
    poll = Polls(sources=BOTH, paid="100", paid_ago=ago - 1)

    assert poll.poll({DEX: "15", JUP: "98"}).accepted == accepted


@pytest.mark.parametrize(("seconds", "accepted"), [(60 - INSTANT, None), (60, Decimal(98))])
def test_after_a_minute_of_dispute_whoever_is_nearer_to_what_was_paid_is_believed(
    seconds: float, accepted: Decimal | None
) -> None:
    poll = Polls(sources=BOTH, paid="100", paid_ago=86_400).poll({DEX: "15", JUP: "98"})
    for _ in range(11):
        poll.poll({DEX: "15", JUP: "98"}, seconds=5)
    assert poll.accepted is None

    poll.poll({DEX: "15", JUP: "98"}, seconds=seconds - 55)

    assert poll.accepted == accepted


@pytest.mark.parametrize(("low", "high", "accepted"), [("50", "199", "199"), ("50", "201", "50")])
def test_far_from_what_was_paid_the_nearer_factor_is_believed(low: str, high: str, accepted: str) -> None:
    poll = Polls(sources=BOTH, paid="100", paid_ago=86_400)
    for _ in range(62):
        poll.poll({DEX: low, JUP: high})

    assert poll.published[0] == Decimal(accepted)


@pytest.mark.parametrize(("price", "agree"), [("110", True), ("110.001", False)])
def test_the_first_words_agree_within_ten_percent(price: str, agree: bool) -> None:
    poll = Polls(sources=BOTH).poll({DEX: "100", JUP: price})

    assert (poll.accepted is not None) == agree


def test_a_second_source_keeps_a_price_fresh_while_the_preferred_one_says_another() -> None:
    poll = Polls.at("100")

    assert poll.wait().says("50") is Verdict.UNCONFIRMED
    assert poll.says("100", JUP) is Verdict.ACCEPTED
    assert poll.wait().says("100") is Verdict.ACCEPTED
    assert poll.says("100", JUP) is Verdict.NOT_PREFERRED


def test_what_was_said_at_the_same_instant_or_before_denies_nothing() -> None:
    poll = Polls.at("100").wait()
    poll.says("100", JUP)

    assert poll.says("50") is Verdict.UNCONFIRMED
    assert poll.wait().says("50") is Verdict.UNCONFIRMED
    poll.says("100", JUP)
    assert poll.says("50") is Verdict.CONTRADICTED
    # Who comes back begins anew.
    assert poll.wait().says("100") is Verdict.ACCEPTED
    assert poll.wait().says("50") is Verdict.UNCONFIRMED


def test_what_cannot_be_compared_with_anything_is_not_in_doubt() -> None:
    poll = Polls(sources=BOTH)
    poll.says("100")
    assert not poll.doubtful
    assert not PriceValidator(PriceValidationRules(), BOTH).doubtful(TOKEN)


@pytest.mark.parametrize(
    ("price", "doubtful"), [("125", False), ("125.001", True), ("80", False), ("79.999", True)]
)
def test_before_the_first_price_a_jump_from_what_was_paid_is_in_doubt(price: str, doubtful: bool) -> None:
    poll = Polls(sources=BOTH, paid="100")
    poll.says(price)

    assert poll.doubtful == doubtful


@pytest.mark.parametrize(
    ("price", "doubtful"), [("110", False), ("110.001", True), ("90.91", False), ("90.9", True)]
)
def test_a_price_is_in_doubt_where_sources_differ_by_more_than_ten_percent(
    price: str, doubtful: bool
) -> None:
    poll = Polls.at("100").wait()
    poll.says(price)

    assert poll.doubtful == doubtful


@pytest.mark.parametrize(("price", "verdict"), [("125", Verdict.ACCEPTED), ("125.001", Verdict.UNCONFIRMED)])
def test_alone_a_step_of_a_quarter_is_believed_at_once_and_anything_more_at_the_second_poll(
    price: str, verdict: Verdict
) -> None:
    poll = Polls(paid="100")
    assert poll.says("100") is Verdict.ACCEPTED

    assert poll.wait().says(price) is verdict
    assert poll.wait().says(price) is Verdict.ACCEPTED


def test_a_jump_elsewhere_has_to_be_said_again() -> None:
    poll = Polls(paid="100")
    assert poll.says("50") is Verdict.UNCONFIRMED
    assert poll.wait().says("200") is Verdict.UNCONFIRMED
    assert poll.wait().says("250") is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("before", "preferred", "accepted"),
    [("80", "90.09", "90.09"), ("80", "90.091", "90"), ("100", "89.9101", "89.9101"), ("100", "89.91", "90")],
)
def test_a_tenth_of_a_percent_is_rounding(before: str, preferred: str, accepted: str) -> None:
    # Where it is more than rounding, the price goes only as far as both have gone.
    assert Polls.at(before).poll({JUP: "90", DEX: preferred}).accepted == Decimal(accepted)


@pytest.mark.parametrize(("before", "accepted"), [("80", 95), ("100", 95), ("93", 95), ("96", 95)])
def test_of_three_the_middle_one_is_the_price(before: str, accepted: int) -> None:
    poll = Polls.at(before, (DEX, JUP, THIRD))

    assert poll.poll({DEX: "90", JUP: "95", THIRD: "97"}).accepted == accepted


@pytest.mark.parametrize(
    ("paid", "said", "expected"),
    [
        # Who said the price, else the preferred one.
        ("100", {DEX: "90", JUP: "94"}, (Decimal(94), JUP)),
        ("90", {DEX: "94", JUP: "98"}, (Decimal(94), DEX)),
        ("100", {DEX: "98", JUP: "103"}, (Decimal(100), DEX)),
        ("100", {JUP: "98", DEX: "103"}, (Decimal(100), DEX)),
    ],
)
def test_a_price_names_whoever_said_it(
    paid: str, said: dict[PriceSource, str], expected: tuple[Decimal, PriceSource]
) -> None:
    validator = PriceValidator(PriceValidationRules(), BOTH)
    validator.seed(TOKEN, Decimal(paid), T0)
    prices = [
        validator.judge(PriceObservation(TOKEN, source, Decimal(sol), None, T0), sol_usd=None, now=T0)[1]
        for source, sol in said.items()
    ]

    assert prices[0] is None
    assert prices[1] is not None
    assert (prices[1].price_sol, prices[1].source) == expected


@pytest.mark.parametrize("usd", [None, "NaN", "0"])
@pytest.mark.parametrize(("sol_usd", "shown"), [(Decimal(150), Decimal(300)), (None, None)])
def test_a_price_in_usd_is_what_we_know_of_sol_where_the_source_does_not_say(
    usd: str | None, sol_usd: Decimal | None, shown: Decimal | None
) -> None:
    validator = PriceValidator(PriceValidationRules(), [DEX])
    said = Decimal(usd) if usd is not None else None

    _, price = validator.judge(PriceObservation(TOKEN, DEX, Decimal(2), said, T0), sol_usd=sol_usd, now=T0)

    assert price is not None
    assert (price.price_sol, price.price_usd, price.source, price.observed_at) == (Decimal(2), shown, DEX, T0)


def test_a_price_in_usd_follows_the_one_in_sol() -> None:
    validator = PriceValidator(PriceValidationRules(), BOTH)
    shown = list[tuple[Decimal, Decimal | None, str] | None]()
    for seconds, source, sol, usd in ((0, DEX, 2, 310), (0, JUP, 2, 310), (1, JUP, 3, 480), (1, DEX, 4, 620)):
        now = T0 + timedelta(seconds=seconds)
        observation = PriceObservation(TOKEN, source, Decimal(sol), Decimal(usd), now)
        _, price = validator.judge(observation, sol_usd=Decimal(150), now=now)
        shown.append((price.price_sol, price.price_usd, price.source) if price is not None else None)

    # What the source that was heard last says a SOL costs.
    assert shown == [None, (Decimal(2), Decimal(310), DEX), None, (Decimal(3), Decimal(465), JUP)]
