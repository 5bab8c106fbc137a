"""The decision: which facts block an entry, and what is said about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from nexgent.domain.agents.config_models import NO_PROTECTIONS, ProtectionsConfig
from nexgent.domain.protections.evaluate import cooldown_of, evaluate_protections
from nexgent.domain.protections.models import NOTHING_IN_THE_WAY, KillSwitch, ProtectionFacts
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import a_kill_switch

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


def a_config(**values: object) -> ProtectionsConfig:
    return ProtectionsConfig.model_validate(values)


def a_switch(*, engaged: bool = True, system: bool = False, reason: str | None = None) -> KillSwitch:
    owner = None if system else UserId(new_id())
    return a_kill_switch(owner, engaged=engaged, reason=reason, changed_at=NOW)


def facts_with(switch: KillSwitch, *, system: bool) -> ProtectionFacts:
    return ProtectionFacts(system_switch=switch) if system else ProtectionFacts(user_switch=switch)


def test_a_switch_says_whose_it_is_and_why() -> None:
    everybody = evaluate_protections(
        facts_with(a_switch(system=True, reason="news"), system=True), NO_PROTECTIONS, NOW
    )
    mine = evaluate_protections(facts_with(a_switch(), system=False), NO_PROTECTIONS, NOW)

    assert everybody.reason == "the kill switch stops all agents: news"
    assert mine.reason == "the kill switch stops all agents of this user"


def test_a_switch_that_does_not_say_so_sells_nothing() -> None:
    assert not KillSwitch(user_id=None, engaged=True, reason=None, changed_at=NOW).flatten


def test_nothing_is_on_by_default() -> None:
    facts = ProtectionFacts(
        profit_today_sol=Decimal(-1000), loss_streak=99, last_loss_at=NOW, exposure_sol=Decimal(10**6)
    )

    assert evaluate_protections(facts, NO_PROTECTIONS, NOW) is NOTHING_IN_THE_WAY
    assert evaluate_protections(facts, a_config(), NOW).gates == ()


BLOCKS = [
    # what is limited, facts that are just allowed, facts that are not, code
    (
        {"maxDailyLossSol": 1},
        ProtectionFacts(profit_today_sol=Decimal("-0.999999999")),
        ProtectionFacts(profit_today_sol=Decimal(-1)),
        "MAX_DAILY_LOSS",
    ),
    (
        # 9 SOL are left of 10: lost exactly a tenth.
        {"maxDailyLossPercent": 10},
        ProtectionFacts(profit_today_sol=Decimal("-0.999"), equity_sol=Decimal("9.001")),
        ProtectionFacts(profit_today_sol=Decimal(-1), equity_sol=Decimal(9)),
        "MAX_DAILY_LOSS",
    ),
    (
        {"maxDrawdownPercent": 25},
        ProtectionFacts(below_peak_sol=Decimal("2.499"), equity_sol=Decimal("7.501")),
        ProtectionFacts(below_peak_sol=Decimal("2.5"), equity_sol=Decimal("7.5")),
        "MAX_DRAWDOWN",
    ),
    (
        {"maxLossStreak": 3, "lossStreakPauseMinutes": 60},
        ProtectionFacts(loss_streak=3, last_loss_at=NOW - timedelta(minutes=60)),
        ProtectionFacts(loss_streak=3, last_loss_at=NOW - timedelta(minutes=60) + timedelta(microseconds=1)),
        "LOSS_STREAK",
    ),
    (
        {"maxLossStreak": 3},
        ProtectionFacts(loss_streak=2, last_loss_at=NOW),
        ProtectionFacts(loss_streak=4, last_loss_at=NOW),
        "LOSS_STREAK",
    ),
    (
        {"tokenCooldownMinutes": 30},
        ProtectionFacts(token_closed_at=NOW - timedelta(minutes=30)),
        ProtectionFacts(token_closed_at=NOW - timedelta(minutes=29, seconds=59)),
        "TOKEN_COOLDOWN",
    ),
    (
        {"maxTradesPerHour": 5},
        ProtectionFacts(entries_last_hour=4),
        ProtectionFacts(entries_last_hour=5),
        "MAX_TRADES_PER_HOUR",
    ),
    (
        {"maxExposureSol": 3},
        ProtectionFacts(exposure_sol=Decimal(3)),
        ProtectionFacts(exposure_sol=Decimal("3.000000001")),
        "MAX_EXPOSURE",
    ),
    (
        {"maxExposurePercent": 50},
        ProtectionFacts(exposure_sol=Decimal(5), equity_sol=Decimal(10)),
        ProtectionFacts(exposure_sol=Decimal("5.000000001"), equity_sol=Decimal(10)),
        "MAX_EXPOSURE",
    ),
]


@pytest.mark.parametrize(("config", "allowed", "refused", "code"), BLOCKS)
def test_a_limit_holds_exactly(
    config: dict[str, object], allowed: ProtectionFacts, refused: ProtectionFacts, code: str
) -> None:
    passes = evaluate_protections(allowed, a_config(**config), NOW)
    blocks = evaluate_protections(refused, a_config(**config), NOW)

    assert (passes.blocked, [gate.passed for gate in passes.gates]) == (False, [True])
    assert (blocks.code, [gate.passed for gate in blocks.gates]) == (code, [False])
    assert blocks.reason
    assert blocks.gates[0].limit == str(next(iter(config.values())))


def test_any_loss_reaches_a_percentage_of_nothing() -> None:
    facts = ProtectionFacts(profit_today_sol=Decimal(-1), equity_sol=Decimal(-1))

    assert evaluate_protections(facts, a_config(maxDailyLossPercent=100), NOW).code == "MAX_DAILY_LOSS"
    nothing = ProtectionFacts()
    assert not evaluate_protections(
        nothing, a_config(maxDailyLossPercent=1, maxDrawdownPercent=1), NOW
    ).blocked


def test_all_gates_are_recorded_and_the_first_that_fails_gives_the_reason() -> None:
    facts = ProtectionFacts(profit_today_sol=Decimal(-2), entries_last_hour=9, exposure_sol=Decimal(1))

    verdict = evaluate_protections(
        facts, a_config(maxDailyLossSol=1, maxTradesPerHour=5, maxExposureSol=2), NOW
    )

    assert [(gate.name, gate.value, gate.passed) for gate in verdict.gates] == [
        ("max_daily_loss_sol", "2", False),
        ("max_trades_per_hour", "9", False),
        ("max_exposure_sol", "1", True),
    ]
    assert (verdict.code, verdict.reason) == ("MAX_DAILY_LOSS", "lost 2 SOL today, the limit is 1 SOL")


@pytest.mark.parametrize("system", [True, False])
def test_an_engaged_kill_switch_blocks_whatever_is_configured(system: bool) -> None:
    engaged, released = a_switch(system=system, reason="news"), a_switch(engaged=False, system=system)

    verdict = evaluate_protections(facts_with(engaged, system=system), NO_PROTECTIONS, NOW)

    assert verdict.code == "KILL_SWITCH"
    assert verdict.reason is not None
    assert verdict.reason.endswith(": news")
    assert not evaluate_protections(facts_with(released, system=system), NO_PROTECTIONS, NOW).blocked


def test_every_gate_tells_what_it_looked_at_and_why_it_stops_an_entry() -> None:
    facts = ProtectionFacts(
        profit_today_sol=Decimal("-2.50"),
        below_peak_sol=Decimal(3),
        loss_streak=4,
        last_loss_at=NOW,
        token_closed_at=NOW,
        entries_last_hour=5,
        equity_sol=Decimal(6),
        exposure_sol=Decimal("3.0"),
    )
    at, minutes = NOW.isoformat(), Decimal("0.5")
    expected = {
        "maxDailyLossSol": (minutes, "2.5", "lost 2.5 SOL today, the limit is 0.5 SOL"),
        "maxDailyLossPercent": (20, "29.4118", "lost 29.4118 % of its worth today, the limit is 20 %"),
        "maxDrawdownPercent": (minutes, "33.3333", "lost 33.3333 % since its peak, the limit is 0.5 %"),
        "maxLossStreak": (4, "4", "4 losses in a row, paused until 2026-01-02T13:00:00+00:00"),
        "tokenCooldownMinutes": (
            minutes,
            at,
            f"the token was left at {at}, it may be bought from 2026-01-02T12:00:30+00:00",
        ),
        "maxTradesPerHour": (5, "5", "5 purchases within the last hour, the limit is 5"),
        "maxExposureSol": (minutes, "3", "3 SOL would be at stake, the limit is 0.5 SOL"),
        "maxExposurePercent": (minutes, "50", "50 % of the wallet would be at stake, the limit is 0.5 %"),
    }
    for name, (limit, value, reason) in expected.items():
        config = {name: limit, "lossStreakPauseMinutes": 60} if name == "maxLossStreak" else {name: limit}
        verdict = evaluate_protections(facts, a_config(**config), NOW)
        (gate,) = verdict.gates
        assert (gate.value, gate.limit, gate.passed, verdict.reason) == (value, str(limit), False, reason)


def test_a_limit_is_written_without_exponent_and_without_zeros_at_its_end() -> None:
    config = a_config(maxExposureSol=Decimal("1E+2"), maxDailyLossSol=Decimal("0.10"))

    gates = evaluate_protections(ProtectionFacts(), config, NOW).gates
    switch = evaluate_protections(facts_with(a_switch(), system=False), NO_PROTECTIONS, NOW).gates

    assert [gate.limit for gate in gates] == ["0.1", "100"]
    assert [(gate.name, gate.value, gate.limit) for gate in switch] == [
        ("kill_switch_user", "engaged", "released")
    ]


@pytest.mark.parametrize(
    ("loss", "equity", "shown"),
    [("1", "-1", "100"), ("1", "-2", "100"), ("0", "0", "0"), ("2", "1", "66.6667")],
)
def test_a_share_of_nothing_is_all_or_nothing(loss: str, equity: str, shown: str) -> None:
    facts = ProtectionFacts(profit_today_sol=-Decimal(loss), equity_sol=Decimal(equity))

    (gate,) = evaluate_protections(facts, a_config(maxDailyLossPercent=100), NOW).gates

    assert gate.value == shown
    assert gate.passed == (shown != "100")


def test_a_profit_is_no_loss_and_a_streak_without_a_time_is_over() -> None:
    facts = ProtectionFacts(profit_today_sol=Decimal(5), loss_streak=9)

    gates = evaluate_protections(facts, a_config(maxDailyLossSol=1, maxLossStreak=1), NOW).gates

    assert [(gate.value, gate.passed) for gate in gates] == [("0", True), ("9", True)]


def test_both_switches_are_told_and_the_systems_gives_the_reason() -> None:
    facts = ProtectionFacts(
        system_switch=a_switch(system=True), user_switch=a_switch(), exposure_sol=Decimal(2)
    )

    verdict = evaluate_protections(facts, a_config(maxExposureSol=1), NOW)

    assert [gate.name for gate in verdict.gates] == [
        "kill_switch_system",
        "kill_switch_user",
        "max_exposure_sol",
    ]
    assert (verdict.code, verdict.reason) == ("KILL_SWITCH", "the kill switch stops all agents")


def test_facts_nobody_has_told_are_none() -> None:
    facts = ProtectionFacts()

    assert (facts.loss_streak, facts.entries_last_hour) == (0, 0)
    assert cooldown_of(NO_PROTECTIONS) is None
    assert cooldown_of(a_config(tokenCooldownMinutes=Decimal("0.5"))) == timedelta(seconds=30)
