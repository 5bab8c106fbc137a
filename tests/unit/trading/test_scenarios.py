"""The executor scenarios of the contract, through the real use cases; and proof that the comparison would notice."""

from __future__ import annotations

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.vectors import deviations
from tests.vectors.runner import load
from tests.vectors.scenarios import check_scenario

SCENARIOS = load(Path(__file__).parents[2] / "vectors" / "trading-vectors.json")["executor_scenarios"]

WITH_FIGURES = [vector for vector in SCENARIOS if "errorCode" not in vector["steps"][0]["result"]]
CLOSED = [vector for vector in SCENARIOS if vector["steps"][-1]["historicalSwapJobs"]]


def names(vectors: list[dict[str, Any]]) -> list[str]:
    return [vector["name"] for vector in vectors]


@pytest.mark.parametrize("vector", SCENARIOS, ids=names(SCENARIOS))
def test_a_scenario_of_the_contract_passes(vector: dict[str, Any]) -> None:
    assert check_scenario(vector) == []


def test_every_listed_deviation_is_a_scenario() -> None:
    assert len(SCENARIOS) == 17
    assert set(deviations.SCENARIO_DEVIATIONS) <= set(names(SCENARIOS))


@pytest.mark.parametrize("vector", WITH_FIGURES, ids=names(WITH_FIGURES))
def test_a_wrong_lamport_in_the_first_step_is_noticed(vector: dict[str, Any]) -> None:
    wrong = copy.deepcopy(vector)
    balances = wrong["steps"][0]["state"]["balances"]
    balances["SOL"] = str(Decimal(balances["SOL"]) + Decimal("0.0000001"))

    assert check_scenario(wrong) != []


@pytest.mark.parametrize("vector", CLOSED, ids=names(CLOSED))
def test_a_wrong_profit_is_noticed(vector: dict[str, Any]) -> None:
    wrong = copy.deepcopy(vector)
    jobs = wrong["steps"][-1]["historicalSwapJobs"]
    if jobs[0]["closeReason"] == "take_profit":
        jobs[0]["closeReason"] = "manual"
    else:
        jobs[0]["profitLossSol"] = str(Decimal(jobs[0]["profitLossSol"]) + Decimal("0.000001"))

    assert check_scenario(wrong) != []


def test_a_wrong_average_after_a_dca_is_noticed() -> None:
    wrong = copy.deepcopy(next(vector for vector in SCENARIOS if vector["name"] == "DCA twice then sale"))
    wrong["steps"][1]["result"]["newAveragePrice"] *= Decimal("1.000001")

    assert check_scenario(wrong) != []
