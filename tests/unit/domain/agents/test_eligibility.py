"""Eligibility: what each gate records, and which gates run."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from nexgent.domain.agents.config import SignalsConfig
from nexgent.domain.agents.eligibility import EligibilityFacts, evaluate_eligibility, needs_token_figures
from nexgent.domain.signals.models import TokenMetrics

MINT = "So11111111111111111111111111111111111111112"
FACTS = EligibilityFacts(
    signal_user_id="u1",
    token_address=MINT,
    signal_type="BUY",
    signal_strength=3,
    agent_user_id="u1",
    agent_active=True,
    automated_trading=True,
    config=SignalsConfig(),
)


def failed(facts: EligibilityFacts, metrics: TokenMetrics | None = None) -> list[str]:
    return [gate.name for gate in evaluate_eligibility(facts, metrics).gates if not gate.passed]


def test_a_matching_signal_passes_every_gate() -> None:
    verdict = evaluate_eligibility(FACTS, None)

    assert verdict.eligible
    assert verdict.reasons == ()
    assert [gate.name for gate in verdict.gates] == [
        "signal_user",
        "agent_active",
        "automated_trading",
        "configuration_available",
        "signal_strength",
    ]


def test_gates_of_the_agent_stop_at_the_first_that_fails() -> None:
    facts = replace(FACTS, automated_trading=False, config=None)

    assert failed(facts) == ["automated_trading"]
    assert failed(replace(FACTS, signal_user_id=None)) == ["signal_user"]


def test_gates_of_the_filters_all_run_and_say_why() -> None:
    config = SignalsConfig(
        min_score=5,
        allowed_signal_types=("SELL",),
        token_filter_mode="blacklist",
        token_list=(MINT,),
        liquidity_min=Decimal(10),
        liquidity_max=Decimal(20),
    )
    verdict = evaluate_eligibility(replace(FACTS, config=config), TokenMetrics(None, Decimal(5), None))

    assert not verdict.eligible
    assert verdict.reasons == (
        "signal_strength is 3, must be at least 5",
        "signal_type is BUY, must be one of SELL",
        f"token_address is {MINT}, must be absent from the blacklist of 1",
        "liquidity_usd is 5, must be at least 10",
    )
    assert verdict.gates[-1].passed


def test_unknown_figures_fail_only_the_bounds_that_are_set() -> None:
    bounded = replace(FACTS, config=SignalsConfig(holder_count_min=0))

    assert needs_token_figures(SignalsConfig(holder_count_min=0))
    assert not needs_token_figures(SignalsConfig())
    assert failed(bounded) == ["holder_count"]
    assert failed(bounded, TokenMetrics(None, None, 0)) == []
