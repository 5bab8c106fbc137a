"""Where the engine differs from the reference on purpose, because a vector shows a defect of the reference.

`CORRECTED` lists known vectors by their content with the expectation they are held against instead.
`REWRITES` recognise the same defects in vectors nobody has listed yet: they turn a vector into the question
the reference really answered (or the answer our contract gives), and our answer to that must agree with the
expectation, so only the defect is excused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nexgent.domain.agents.config import TakeProfitConfig
from nexgent.domain.trading.take_profit import take_profit_plan
from tests.vectors.build import section

LAMPORTS_HEURISTIC = "a SOL balance above 1,000,000 is taken for lamports; here a balance is what it says"
PRESETS_IGNORED = "D-06: a take-profit preset uses the stored levels; here the template of the preset applies"
NO_IMPACT_GUARD = "maxPriceImpact: null removes the guard here; the reference cannot remove it"
STOP_ROUNDED = "D-17: the reference stores the stop with two decimals and then prefers the rounded value"
STOP_OVERFLOW = "D-01: the reference cannot store stops of 1000 % and more, and evaluates nothing any longer"
PEAK_NOT_KEPT = "D-16: the reference keeps no peak that rose by less than 0.0001 SOL"
DOUBLE_BOUNDARY = "D-14: the reference compares doubles and misses a price exactly on the stop"


@dataclass(frozen=True, slots=True)
class Correction:
    """A vector of `group` with this `content` (everything it gives), and what it must answer instead."""

    group: str
    name: str
    content: Mapping[str, Any]
    corrected: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A vector with the reference's defect taken out of it."""

    given: Any
    expected: Any
    reason: str


_LIMITS = {"minimumAgentBalance": 0.5, "maxPurchasePerToken": 2, "maxPriceImpact": 0.05}
_NO_LEVELS: list[dict[str, float]] = []

CORRECTED = (
    Correction(
        group="take_profit_evaluate",
        name="empty levels",
        content={
            "purchasePrice": 1,
            "originalAmount": 1000,
            "remainingAmount": None,
            "levelsHit": 0,
            "moonBagActivated": False,
            "currentMoonBagAmount": None,
            "currentPrice": 9,
            "config": {
                "enabled": True,
                "mode": "aggressive",
                "levels": _NO_LEVELS,
                "moonBag": {"enabled": True, "triggerPercent": 300, "retainPercent": 10},
            },
        },
        corrected={
            "shouldExecute": True,
            "levelsToExecute": [
                {"targetPercent": 25, "sellPercent": 25},
                {"targetPercent": 50, "sellPercent": 25},
                {"targetPercent": 100, "sellPercent": 25},
                {"targetPercent": 150, "sellPercent": 15},
            ],
            "sellAmount": 900,
            "activateMoonBag": True,
            "moonBagAmount": 100,
            "newRemainingAmount": 100,
            "reasonCode": "TRIGGERED",
        },
        reason=PRESETS_IGNORED,
    ),
    Correction(
        group="trade_validation",
        name="lamports heuristic",
        content={
            "tradingMode": "simulation",
            "walletType": "simulation",
            "walletLoaded": None,
            "solBalance": 5_000_000_000,
            "requestedPositionSize": None,
            "openPositions": 0,
            "existingPositionForToken": False,
            "unknownAgent": False,
            "foreignWallet": False,
            "purchaseLimits": _LIMITS,
            "randomFixedAt": 0.5,
        },
        corrected={"valid": True, "currentSolBalance": 5_000_000_000, "positionSize": Decimal("1.75")},
        reason=LAMPORTS_HEURISTIC,
    ),
    Correction(
        group="performance",
        name="lamports heuristic",
        content={"solBalance": 2_500_000_000, "timeframe": "all", "closedTrades": [], "openPositions": []},
        corrected={
            "portfolioBalanceSol": 2_500_000_000,
            "totalProfitLossSol": 0,
            "realizedProfitLossSol": 0,
            "unrealizedProfitLossSol": 0,
            "averageReturn": 0,
            "winRate": 0,
            "totalClosedTrades": 0,
            "totalOpenPositions": 0,
            "snapshot": {
                "portfolioBalanceSol": 2_500_000_000,
                "solBalance": 2_500_000_000,
                "positionsValueSol": 0,
                "unrealizedPnLSol": 0,
            },
        },
        reason=LAMPORTS_HEURISTIC,
    ),
    Correction(
        group="stop_loss_sequences",
        name="fixed fractional rounding",
        content={
            "stopLoss": {
                "enabled": True,
                "defaultPercentage": -32,
                "mode": "fixed",
                "trailingLevels": _NO_LEVELS,
            },
            "purchasePrice": 3,
            "initial": {},
            "prices": [3.7, 3.701, 3.702, 3.71, 3.5],
        },
        corrected={
            4: {
                "shouldTrigger": False,
                "currentStopLossPercentage": Decimal("13.666666667"),
                "stopLossPrice": Decimal("3.41"),
            }
        },
        reason=STOP_ROUNDED,
    ),
    Correction(
        group="stop_loss_sequences",
        name="overflow at >=1000 percent",
        content={
            "stopLoss": {
                "enabled": True,
                "defaultPercentage": -32,
                "mode": "fixed",
                "trailingLevels": _NO_LEVELS,
            },
            "purchasePrice": 1,
            "initial": {},
            "prices": [10, 10.9, 11.0999, 11.1],
        },
        corrected={3: {"shouldTrigger": False, "currentStopLossPercentage": 1000, "stopLossPrice": 11}},
        reason=STOP_OVERFLOW,
    ),
    Correction(
        group="stop_loss_sequences",
        name="custom boundary 1000",
        content={
            "stopLoss": {
                "enabled": True,
                "defaultPercentage": -32,
                "mode": "custom",
                "trailingLevels": [{"change": 1500, "stopLoss": 1000}],
            },
            "purchasePrice": 1,
            "initial": {},
            "prices": [15, 16],
        },
        corrected={1: {"shouldTrigger": False, "currentStopLossPercentage": 1000, "stopLossPrice": 11}},
        reason=STOP_OVERFLOW,
    ),
)


def correction_for(group: str, content: object) -> Correction | None:
    """Return the correction of a vector with exactly this content."""
    wanted = _canonical(content)
    return next((c for c in CORRECTED if c.group == group and _canonical(c.content) == wanted), None)


def rewrite_for(group: str, given: Any, expected: Any) -> Rewritten | None:
    """Return the vector without the reference's defect, when it shows one that is known."""
    rewrite = REWRITES.get(group)
    return None if rewrite is None else rewrite(given, expected)


def _canonical(value: object) -> str:
    """Write JSON so that 5, 5.0 and Decimal("5") are the same."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"{Decimal(str(value)).normalize():f}"
    return value


def _stored_levels(given: Any, expected: Any) -> Rewritten | None:
    config = given.get("config") or {}
    if config.get("mode", "moderate") == "custom":
        return None
    stored = section(TakeProfitConfig, config)
    plan = take_profit_plan(stored)
    if plan.levels == stored.levels and plan.moon_bag == stored.moon_bag:
        return None
    return Rewritten({**given, "config": {**config, "mode": "custom"}}, expected, PRESETS_IGNORED)


def _lamports(given: Any, expected: Any) -> Rewritten | None:
    balance = given.get("solBalance")
    if balance is None or Decimal(balance) <= 1_000_000:
        return None
    return Rewritten({**given, "solBalance": Decimal(balance) / 10**9}, expected, LAMPORTS_HEURISTIC)


def _removed_guard(given: Any, expected: Any) -> Rewritten | None:
    path = "purchaseLimits.maxPriceImpact"
    limits = given["patchOverDefaults"].get("purchaseLimits")
    removes = isinstance(limits, Mapping) and "maxPriceImpact" in limits and limits["maxPriceImpact"] is None
    if not removes or path not in expected.get("errorPaths", ()):
        return None
    paths = [problem for problem in expected["errorPaths"] if problem != path]
    return Rewritten(given, {"valid": not paths, "errorPaths": paths}, NO_IMPACT_GUARD)


REWRITES: Mapping[str, Callable[[Any, Any], Rewritten | None]] = {
    "take_profit_evaluate": _stored_levels,
    "trade_validation": _lamports,
    "performance": _lamports,
    "config_validation": _removed_guard,
}
