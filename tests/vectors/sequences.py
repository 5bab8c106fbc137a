"""Feed a position one price after the other and compare each stop-loss decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nexgent.domain.agents.config import StopLossConfig
from nexgent.domain.trading.rules.stop_loss import StopLossDecision, decide_stop_loss, initial_stop_pct
from tests.vectors import deviations
from tests.vectors.build import decimal, optional_decimal, section
from tests.vectors.compare import is_close, mismatches
from tests.vectors.exact import with_exact_arithmetic

_COMPARED = ("shouldTrigger", "currentStopLossPercentage", "stopLossPrice")
_PERCENT_TOLERANCE = Decimal("0.005")
_PEAK_TOLERANCE_SOL = Decimal("0.0001")
_CENT = Decimal("0.01")
_DOUBLE_NOISE = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class _Kept:
    """Stop and peak from one step to the next."""

    stop_pct: Decimal | None
    peak_price_sol: Decimal | None


def sequence_content(vector: Mapping[str, Any]) -> dict[str, Any]:
    """Return what identifies a sequence: its input and its prices."""
    return {**vector["input"], "prices": [step["price"] for step in vector["steps"]]}


def check_sequence(vector: Mapping[str, Any], corrected: Mapping[int, Any]) -> tuple[list[str], list[str]]:
    """Return where a sequence differs, and the defects of the reference that explain other differences.

    `corrected` replaces the expectation of single steps. Our own state goes from step to step. Where the
    reference lost precision or a whole write, a step must agree with our decision on the state the reference
    was left with.
    """
    given = vector["input"]
    config = section(StopLossConfig, given["stopLoss"])
    entry = decimal(given["purchasePrice"])
    ours = reference = _start(given.get("initial") or {}, entry, config)
    overflowed = False
    failures: list[str] = []
    reasons: list[str] = []
    for index, step in enumerate(vector["steps"]):
        price = decimal(step["price"])
        decision = decide_stop_loss(entry, ours.peak_price_sol, ours.stop_pct, price, config)
        expected = corrected.get(index) or with_exact_arithmetic(step.get("result") or {}, step)
        wrong = _differences(expected, decision)
        if wrong and index not in corrected:
            on_theirs = decide_stop_loss(entry, reference.peak_price_sol, reference.stop_pct, price, config)
            reason = _explanation(ours, reference, overflowed=overflowed)
            if reason is not None and not _differences(expected, on_theirs):
                wrong, reasons = [], [*reasons, reason]
            elif _is_double_boundary(expected, decision, price, wrong):
                wrong, reasons = [], [*reasons, deviations.DOUBLE_BOUNDARY]
        failures += [f"step {index} at {price}: {line}" for line in wrong]
        ours = _Kept(decision.stop_pct, decision.peak_price_sol)
        overflowed = overflowed or bool((step.get("result") or {}).get("storageOverflow"))
        reference = _persisted(step, ours)
    return failures, reasons


def _start(initial: Mapping[str, Any], entry: Decimal, config: StopLossConfig) -> _Kept:
    return _Kept(
        optional_decimal(initial["currentStopLossPercentage"])
        if "currentStopLossPercentage" in initial
        else initial_stop_pct(config),
        optional_decimal(initial["peakPrice"])
        if "peakPrice" in initial
        else entry
        if config.enabled
        else None,
    )


def _persisted(step: Mapping[str, Any], otherwise: _Kept) -> _Kept:
    persisted = step.get("persisted")
    if persisted is None:
        return otherwise
    return _Kept(
        optional_decimal(persisted.get("currentStopLossPercentage")),
        optional_decimal(persisted.get("peakPrice")),
    )


def _differences(expected: Mapping[str, Any], decision: StopLossDecision) -> list[str]:
    actual = {
        "shouldTrigger": decision.triggered,
        "currentStopLossPercentage": decision.stop_pct,
        "stopLossPrice": decision.stop_price_sol,
    }
    lines: list[str] = []
    for key in _COMPARED:
        if key not in expected:
            continue
        if key == "currentStopLossPercentage" and _within_percent(expected[key], decision.stop_pct):
            continue
        lines += mismatches(expected[key], actual[key], key)
    return lines


def _within_percent(expected: Any, actual: Decimal | None) -> bool:
    if expected is None or actual is None:
        return False
    return abs(Decimal(str(expected)) - actual) <= _PERCENT_TOLERANCE


def _explanation(ours: _Kept, reference: _Kept, *, overflowed: bool) -> str | None:
    """Return the defect that made the reference keep another state than we do, if it is a known one."""
    if ours == reference:
        return None
    if overflowed:
        return deviations.STOP_OVERFLOW
    stop, peak = ours.stop_pct, ours.peak_price_sol
    if stop is None or peak is None or reference.stop_pct is None or reference.peak_price_sol is None:
        return None
    if abs(peak - reference.peak_price_sol) > _PEAK_TOLERANCE_SOL:
        return None
    if stop == reference.stop_pct:
        return deviations.PEAK_NOT_KEPT
    # Not only the rounding of our stop: a stop that was rounded up outlives smaller rises that follow.
    is_rounded = reference.stop_pct == reference.stop_pct.quantize(_CENT)
    near = abs(stop - reference.stop_pct) <= _PERCENT_TOLERANCE
    return deviations.STOP_ROUNDED if is_rounded and near else None


def _is_double_boundary(
    expected: Mapping[str, Any], decision: StopLossDecision, price: Decimal, wrong: list[str]
) -> bool:
    """Tell whether only the trigger differs, at a price that is the stop itself and that doubles just miss."""
    theirs, ours = expected.get("stopLossPrice"), decision.stop_price_sol
    if theirs is None or ours is None or price != ours or not decision.triggered or len(wrong) != 1:
        return False
    near = abs(Decimal(theirs) - price) <= _DOUBLE_NOISE * price and is_close(ours, Decimal(theirs))
    return near and Decimal(theirs) < price and wrong[0].startswith("shouldTrigger")
