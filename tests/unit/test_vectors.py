"""The vectors of the contract, and proof that the runner would notice a wrong answer."""

from __future__ import annotations

import copy
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.__main__ import main
from tests.vectors.decisions import DECISIONS
from tests.vectors.runner import SEQUENCES, VectorRunner, load

FILE = Path(__file__).parents[1] / "vectors" / "trading-vectors.json"
DOCUMENT = load(FILE)
GROUPS = [*DECISIONS, SEQUENCES]


def run(group: str, vectors: list[Any]) -> tuple[int, int]:
    [result] = VectorRunner().run({group: vectors})
    return result.passed, result.failed


def spoiled(value: Any) -> Any:
    """Return another value of the same kind, just far enough away to be wrong."""
    match value:
        case bool():
            return not value
        case int() | Decimal():
            return value * Decimal("1.01") + Decimal("1e-6")
        case str() if re.fullmatch(r"-?[0-9.]+(e-?[0-9]+)?", value):
            return str(Decimal(value) + 1)
        case str():
            return value + "?"
        case list():
            return [*value, "surplus"]
        case _:
            return {"unexpected": 1}


@pytest.mark.parametrize("group", GROUPS)
def test_every_vector_of_the_contract_passes(group: str) -> None:
    [result] = VectorRunner().run({group: DOCUMENT[group]})

    assert result.outcomes is not None
    assert [outcome for outcome in result.outcomes if outcome.failures] == []
    assert result.passed == len(DOCUMENT[group]) > 0


@pytest.mark.parametrize(
    "group", [group for group in DECISIONS if group not in ("trade_validation", "performance")]
)
def test_a_wrong_expectation_fails(group: str) -> None:
    vectors = copy.deepcopy([vector for vector in DOCUMENT[group] if vector.get("name") != "empty levels"])
    vectors = [vector for vector in vectors if not any(key.startswith("exact") for key in vector)]
    for vector in vectors:
        expected = vector["expected"]
        if isinstance(expected, dict):
            key = min(expected)
            expected[key] = spoiled(expected[key])
        else:
            vector["expected"] = spoiled(expected)

    assert run(group, vectors) == (0, len(vectors))


@pytest.mark.parametrize("key", ["shouldTrigger", "currentStopLossPercentage", "stopLossPrice"])
def test_a_wrong_step_fails_its_sequence(key: str) -> None:
    vectors = copy.deepcopy([vector for vector in DOCUMENT[SEQUENCES] if key in vector["steps"][0]["result"]])
    for vector in vectors:
        value = vector["steps"][0]["result"][key]
        # Percentages are compared to 0.005 points, so a wrong one has to be further off.
        vector["steps"][0]["result"][key] = (
            value + 1 if isinstance(value, int) and value == 0 else spoiled(value)
        )

    assert run(SEQUENCES, vectors) == (0, len(vectors))


def test_a_micro_price_is_compared_relatively() -> None:
    vector = {
        "input": {
            "existingTotalSol": Decimal("0.1"),
            "existingTokenAmount": 10**12,
            "newSolSpent": Decimal("0.1"),
            "newTokensAcquired": 10**12,
        },
        "expected": {"newAveragePrice": Decimal("1.00001e-13")},
    }

    assert run("dca_average", [vector]) == (0, 1)


def test_steps_after_an_overflow_are_evaluated() -> None:
    sequence = copy.deepcopy(next(v for v in DOCUMENT[SEQUENCES] if v["name"].startswith("overflow")))
    sequence["steps"] += [
        {
            "price": 20,
            "result": {
                "shouldTrigger": False,
                "currentStopLossPercentage": 1890,
                "stopLossPrice": Decimal("19.9"),
            },
        },
        {"price": Decimal("19.9"), "result": {"shouldTrigger": True}},
    ]
    wrong = copy.deepcopy(sequence)
    wrong["steps"][-1]["result"]["shouldTrigger"] = False

    assert run(SEQUENCES, [sequence]) == (1, 0)
    assert run(SEQUENCES, [wrong]) == (0, 1)


def test_a_corrected_vector_is_held_against_the_correction() -> None:
    vector = copy.deepcopy(next(v for v in DOCUMENT["performance"] if v["name"] == "lamports heuristic"))
    other = {**vector, "input": {**vector["input"], "solBalance": 900}}

    assert run("performance", [vector]) == (1, 0)
    assert run("performance", [other]) == (0, 1)


def test_entries_no_wallet_can_have_are_excused_and_nothing_else_is() -> None:
    swap = copy.deepcopy(DOCUMENT["balance_delta"][1])
    swap["input"]["output"][0] = swap["expected"]["outputToken"]["tokenAddress"] = "SOLm"
    deposit = copy.deepcopy(DOCUMENT["balance_delta"][0])
    deposit["input"]["input"][2] = deposit["expected"]["inputToken"]["delta"] = "123456789012.123456789"
    wrong = copy.deepcopy([swap, deposit])
    wrong[0]["expected"]["outputToken"]["delta"] = "999"
    wrong[1]["expected"]["inputToken"]["mustExist"] = True

    assert run("balance_delta", [swap, deposit]) == (2, 0)
    assert run("balance_delta", wrong) == (0, 2)


def test_the_command_counts_and_exits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {"input": {"mode": "fixed", "defaultPercentage": -32, "peakGainPercent": 50}, "expected": 40}
    file = tmp_path / "some.json"
    file.write_text(
        json.dumps({"stop_loss_percentage": [good, {**good, "expected": 41}], "unheard_of": [{}]})
    )

    assert main([str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "stop_loss_percentage: 1 passed / 1 failed"
    assert "unheard_of: skipped" in lines
    assert lines[-1] == "1 passed, 1 failed"


def test_the_command_refuses_what_is_no_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.json"
    file.write_text("[")

    assert main([str(file)]) == 2
    assert "cannot read the vectors" in capsys.readouterr().err
