"""The executor scenarios of the contract, through the real use cases; and proof that the comparison would notice."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.vectors import deviations
from tests.vectors.runner import load
from tests.vectors.scenario_swaps import SandboxSwaps, ScriptedSwaps, at_the_sandbox, in_memory
from tests.vectors.scenarios import OpenMarket, check_scenario

SCENARIOS = load(Path(__file__).parents[2] / "vectors" / "trading-vectors.json")["executor_scenarios"]

WITH_FIGURES = [vector for vector in SCENARIOS if "errorCode" not in vector["steps"][0]["result"]]
LIVE = [vector for vector in SCENARIOS if vector["input"]["mode"] == "live"]
CLOSED = [vector for vector in SCENARIOS if vector["steps"][-1]["historicalSwapJobs"]]


def names(vectors: list[dict[str, Any]]) -> list[str]:
    return [vector["name"] for vector in vectors]


@pytest.mark.parametrize("market", [in_memory, at_the_sandbox])
@pytest.mark.parametrize("vector", SCENARIOS, ids=names(SCENARIOS))
def test_a_scenario_of_the_contract_passes(vector: dict[str, Any], market: OpenMarket) -> None:
    assert check_scenario(vector, market) == []


def test_every_listed_deviation_is_a_scenario() -> None:
    assert len(SCENARIOS) == 17
    assert set(deviations.SCENARIO_DEVIATIONS) <= set(names(SCENARIOS))


@pytest.mark.parametrize("market", [in_memory, at_the_sandbox])
@pytest.mark.parametrize("vector", WITH_FIGURES, ids=names(WITH_FIGURES))
def test_a_wrong_lamport_in_the_first_step_is_noticed(vector: dict[str, Any], market: OpenMarket) -> None:
    wrong = copy.deepcopy(vector)
    balances = wrong["steps"][0]["state"]["balances"]
    balances["SOL"] = str(Decimal(balances["SOL"]) + Decimal("0.0000001"))

    assert check_scenario(wrong, market) != []


@pytest.mark.parametrize("vector", LIVE, ids=names(LIVE))
def test_a_chain_that_holds_another_lamport_than_the_ledger_is_noticed(vector: dict[str, Any]) -> None:
    @asynccontextmanager
    async def with_one_more(given: Mapping[str, Any]) -> AsyncIterator[ScriptedSwaps]:
        async with at_the_sandbox(given) as swaps:
            assert isinstance(swaps, SandboxSwaps)
            await swaps.control.fund(swaps.live_wallet, lamports=1)
            yield swaps

    found = check_scenario(vector, with_one_more)

    assert len(found) == len(vector["steps"])
    assert all("the chain holds" in line for line in found)


@pytest.mark.parametrize("vector", SCENARIOS, ids=names(SCENARIOS))
def test_every_quote_of_a_scenario_comes_from_the_sandbox(vector: dict[str, Any]) -> None:
    counts: list[Mapping[str, int]] = []

    @asynccontextmanager
    async def counting(given: Mapping[str, Any]) -> AsyncIterator[ScriptedSwaps]:
        async with at_the_sandbox(given) as swaps:
            yield swaps
            assert isinstance(swaps, SandboxSwaps)
            counts.append((await swaps.control.requests())["counts"])

    assert check_scenario(vector, counting) == []
    quotes = sum(len(step["quotes"]) for step in vector["steps"])
    assert counts[-1]["order"] == quotes
    assert counts[-1].get("execute", 0) == (quotes if vector in LIVE else 0)


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
