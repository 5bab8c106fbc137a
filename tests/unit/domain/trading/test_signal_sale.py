"""What a signal that sells finds with an agent: whether it follows it, and whether there is something to sell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig, parse_config, to_json_dict, update_config
from nexgent.domain.agents.config_errors import InvalidConfigError
from nexgent.domain.agents.eligibility import EligibilityFacts, evaluate_eligibility
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.rules.signal_sale import OPENED_WITHIN, SaleFacts, decide_signal_sale
from tests.builders import T0, TOKEN, USER, a_position


def facts(**changes: object) -> SaleFacts:
    known = SaleFacts(sent_at=T0, mode="simulation", position=a_position(opened_at=T0))
    return replace(known, **changes)  # type: ignore[arg-type]


def test_what_is_held_is_sold() -> None:
    verdict = decide_signal_sale(facts())

    assert verdict.refusal is None
    assert [(gate.name, gate.passed) for gate in verdict.gates] == [
        ("position", True),
        ("opened_at", True),
        ("exit", True),
    ]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_who_holds_nothing_sells_nothing_and_is_told_where_the_token_is(elsewhere: bool) -> None:
    verdict = decide_signal_sale(facts(position=None, held_elsewhere=elsewhere))

    assert verdict.refusal is not None
    code, reason = verdict.refusal
    assert code == "NO_POSITION"
    assert ("its other mode" in reason) is elsewhere
    assert [gate.passed for gate in verdict.gates] == [False]


@pytest.mark.parametrize(
    ("later", "refused"), [(OPENED_WITHIN, None), (OPENED_WITHIN + timedelta(microseconds=1), "OPENED_LATER")]
)
def test_what_was_bought_after_the_signal_is_not_meant_by_it(later: timedelta, refused: str | None) -> None:
    verdict = decide_signal_sale(facts(position=a_position(opened_at=T0 + later)))

    assert (verdict.refusal[0] if verdict.refusal is not None else None) == refused


def test_what_is_being_sold_already_is_left_to_that() -> None:
    verdict = decide_signal_sale(facts(leaving=CloseReason.STOP_LOSS))

    assert verdict.refusal == ("EXIT_PENDING", "the position is being sold already: stop_loss")
    assert verdict.gates[-1].value == "stop_loss"


FILTERS = {
    "minScore": 4,
    "allowedSignalTypes": ["Breakout"],
    "tokenFilterMode": "blacklist",
    "tokenList": [TOKEN],
    "marketCapMin": 1_000_000,
}


@pytest.mark.parametrize(
    ("mode", "kind", "strength", "failed"),
    [
        (None, "Breakout", 4, []),
        ("followed", "Breakout", 4, []),
        ("followed", "Other", 4, ["signal_type"]),
        ("followed", "Breakout", 3, ["signal_strength"]),
        ("all", "Other", 1, []),
        ("none", "Breakout", 5, ["sell_signals"]),
    ],
)
def test_whose_sell_signals_an_agent_follows(
    mode: str | None, kind: str, strength: int, failed: list[str]
) -> None:
    chosen = {} if mode is None else {"sellSignals": mode}
    config = TradingConfig.model_validate({"signals": {**FILTERS, **chosen}})

    verdict = evaluate_eligibility(
        EligibilityFacts(
            signal_user_id=USER,
            token_address=TOKEN,
            signal_type=kind,
            signal_strength=strength,
            agent_user_id=USER,
            agent_active=True,
            automated_trading=True,
            config=config.signals,
            selling=True,
        ),
        None,
    )

    # Lists and figures of tokens say what to buy: the blacklist and the market cap nobody knows keep nothing from being sold.
    assert [gate.name for gate in verdict.gates if not gate.passed] == failed
    assert verdict.eligible is (failed == [])


def test_the_setting_is_written_only_when_it_differs_and_stored_configurations_need_not_have_it() -> None:
    assert "sellSignals" not in to_json_dict(TradingConfig())["signals"]  # type: ignore[operator]
    chosen = update_config(TradingConfig(), {"signals": {"sellSignals": "none"}})
    assert to_json_dict(chosen)["signals"]["sellSignals"] == "none"  # type: ignore[index]
    assert parse_config(to_json_dict(chosen)) == chosen
    assert parse_config({"signals": {"minScore": 2}}).signals.sell_signals == "followed"
    assert update_config(chosen, {"signals": {"minScore": 2}}).signals.sell_signals == "none"
    with pytest.raises(InvalidConfigError, match=r"signals\.sellSignals"):
        update_config(TradingConfig(), {"signals": {"sellSignals": "some"}})


def test_a_signal_that_buys_is_held_against_the_filters_as_ever() -> None:
    config = TradingConfig.model_validate({"signals": {**FILTERS, "sellSignals": "none"}})
    verdict = evaluate_eligibility(
        EligibilityFacts(
            signal_user_id=USER,
            token_address=TOKEN,
            signal_type="Breakout",
            signal_strength=4,
            agent_user_id=USER,
            agent_active=True,
            automated_trading=True,
            config=config.signals,
        ),
        None,
    )

    assert "sell_signals" not in [gate.name for gate in verdict.gates]
    assert {gate.name for gate in verdict.gates if not gate.passed} == {"token_address", "market_cap_usd"}
    assert Decimal(1_000_000) == config.signals.market_cap_min
