"""How much it takes until a position is written off, to the poll, the sale and the instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from nexgent.domain.trading.rules.liquidity import MarketReading, MarketVerdict
from nexgent.domain.trading.rules.write_off import (
    NO_EVIDENCE,
    DeadMarketEvidence,
    WriteOffReason,
    WriteOffRules,
    WriteOffStep,
    add_poll,
    decide_write_off,
)
from tests.builders import T0, TOKEN

RULES = WriteOffRules(
    min_polls=3,
    min_sources=2,
    min_duration=timedelta(minutes=10),
    max_gap=timedelta(minutes=5),
    min_refused_sales=2,
)
INSTANT = timedelta(microseconds=1)
JUST_ENOUGH = DeadMarketEvidence(
    polls=3, sources=frozenset({"one", "two"}), first_at=T0, last_at=T0 + timedelta(minutes=10)
)
NEWEST = T0 + timedelta(minutes=15)
"""When the last poll of what is just enough still counts, for the last time."""


def evidence_of(polls: int, sources: set[str], first_at: datetime, last_at: datetime) -> DeadMarketEvidence:
    return DeadMarketEvidence(polls=polls, sources=frozenset(sources), first_at=first_at, last_at=last_at)


def seen(verdict: MarketVerdict, *sources: str) -> list[MarketReading]:
    return [
        MarketReading(token_address=TOKEN, source=source, verdict=verdict, observed_at=T0)
        for source in sources
    ]


def test_just_enough_of_everything_writes_off() -> None:
    assert decide_write_off(JUST_ENOUGH, 2, NEWEST, RULES).step is WriteOffStep.WRITE_OFF


def test_usually_it_takes_five_polls_of_two_sources_over_ten_minutes_and_three_refused_sales() -> None:
    usual = WriteOffRules()
    evidence = evidence_of(5, {"one", "two"}, T0, T0 + timedelta(minutes=10))

    assert decide_write_off(evidence, 3, NEWEST, usual).step is WriteOffStep.WRITE_OFF
    assert decide_write_off(evidence, 2, NEWEST, usual).step is WriteOffStep.TRY_SALE
    assert decide_write_off(evidence, 3, NEWEST + INSTANT, usual).step is WriteOffStep.WAIT
    for less in (
        evidence_of(4, {"one", "two"}, T0, T0 + timedelta(minutes=10)),
        evidence_of(5, {"one"}, T0, T0 + timedelta(minutes=10)),
        evidence_of(5, {"one", "two"}, T0 + INSTANT, T0 + timedelta(minutes=10)),
    ):
        assert decide_write_off(less, 3, NEWEST, usual).step is WriteOffStep.WAIT


@pytest.mark.parametrize(
    ("evidence", "refused", "late", "reason"),
    [
        (NO_EVIDENCE, 2, timedelta(0), WriteOffReason.NO_EVIDENCE),
        (JUST_ENOUGH, 2, INSTANT, WriteOffReason.NO_EVIDENCE),
        (replace(JUST_ENOUGH, polls=2), 2, timedelta(0), WriteOffReason.TOO_FEW_POLLS),
        (replace(JUST_ENOUGH, sources=frozenset({"one"})), 2, timedelta(0), WriteOffReason.TOO_FEW_SOURCES),
        (replace(JUST_ENOUGH, first_at=T0 + INSTANT), 2, timedelta(0), WriteOffReason.TOO_SHORT),
    ],
)
def test_a_little_less_of_anything_waits(
    evidence: DeadMarketEvidence, refused: int, late: timedelta, reason: WriteOffReason
) -> None:
    decision = decide_write_off(evidence, refused, NEWEST + late, RULES)

    assert (decision.step, decision.reason) == (WriteOffStep.WAIT, reason)


def test_without_enough_refused_sales_another_one_is_tried() -> None:
    decision = decide_write_off(JUST_ENOUGH, 1, NEWEST, RULES)

    assert (decision.step, decision.reason) == (WriteOffStep.TRY_SALE, WriteOffReason.NO_SALE_REFUSED)


def test_polls_are_counted_with_whoever_saw_no_market() -> None:
    later = T0 + RULES.max_gap

    first = add_poll(NO_EVIDENCE, seen(MarketVerdict.DEAD, "one"), T0, RULES)
    # Whoever does not know says nothing, and a poll in which nobody does is none.
    nobody = add_poll(first, seen(MarketVerdict.UNKNOWN, "one", "two"), later, RULES)
    second = add_poll(
        nobody, [*seen(MarketVerdict.DEAD, "two"), *seen(MarketVerdict.UNKNOWN, "one")], later, RULES
    )

    assert nobody == first == evidence_of(1, {"one"}, T0, T0)
    assert second == evidence_of(2, {"one", "two"}, T0, later)


def test_evidence_that_is_not_repeated_in_time_starts_again() -> None:
    now = NEWEST + INSTANT

    assert add_poll(JUST_ENOUGH, seen(MarketVerdict.DEAD, "one"), now, RULES) == evidence_of(
        1, {"one"}, now, now
    )
    assert add_poll(JUST_ENOUGH, [], now, RULES) == NO_EVIDENCE
    assert add_poll(JUST_ENOUGH, [], NEWEST, RULES) == JUST_ENOUGH


def test_one_source_that_sees_a_market_ends_all_suspicion() -> None:
    readings = [*seen(MarketVerdict.DEAD, "one"), *seen(MarketVerdict.ALIVE, "two")]

    assert add_poll(JUST_ENOUGH, readings, NEWEST, RULES) == NO_EVIDENCE
