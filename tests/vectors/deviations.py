"""Where the engine differs from the reference on purpose, because a vector shows a defect of the reference.

`CORRECTED` lists known vectors by their content with the expectation they are held against instead.
`REWRITES` recognise the same defects in vectors nobody has listed yet: they turn a vector into the question
the reference really answered (or the answer our contract gives), and our answer to that must agree with the
expectation, so only the defect is excused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nexgent.domain.agents.config import TakeProfitConfig
from nexgent.domain.trading.rules.take_profit import take_profit_plan
from nexgent.shared.money import MAX_RAW
from tests.vectors.build import section

LAMPORTS_HEURISTIC = "a SOL balance above 1,000,000 is taken for lamports; here a balance is what it says"
PRESETS_IGNORED = "D-06: a take-profit preset uses the stored levels; here the template of the preset applies"
NO_IMPACT_GUARD = "maxPriceImpact: null removes the guard here; the reference cannot remove it"
STOP_ROUNDED = "D-17: the reference stores the stop with two decimals and then prefers the rounded value"
STOP_OVERFLOW = "D-01: the reference cannot store stops of 1000 % and more, and evaluates nothing any longer"
PEAK_NOT_KEPT = "D-16: the reference keeps no peak that rose by less than 0.0001 SOL"
AMOUNT_OVERFLOW = (
    "D-02: the reference cannot store 1e12 tokens and more; here amounts are integers up to 2^64"
)
SWAPPED_FOR_ITSELF = "the reference lets somebody enter a swap of a token for itself; here it is refused"
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


def _entered(given: Any, expected: Any) -> Rewritten | None:
    """Give a swap of a token for itself another token, and replace amounts that no chain can hold by one."""
    sides = {side: list(given[side]) for side in ("input", "output") if given.get(side) is not None}
    changed = {
        f"{side}Token": dict(expected[f"{side}Token"]) for side in sides if expected.get(f"{side}Token")
    }
    reason = None
    if len(changed) == 2 and sides["input"][0] == sides["output"][0]:
        sides["output"][0] = changed["outputToken"]["tokenAddress"] = f"not {sides['input'][0]}"
        reason = SWAPPED_FOR_ITSELF
    for side, leg in sides.items():
        if f"{side}Token" in changed and _raw_units(leg[2]) > MAX_RAW:
            sign = -1 if Decimal(changed[f"{side}Token"]["delta"]) < 0 else 1
            leg[2], changed[f"{side}Token"]["delta"] = "1", str(sign)
            reason = AMOUNT_OVERFLOW
    return None if reason is None else Rewritten({**given, **sides}, {**expected, **changed}, reason)


def _raw_units(amount: Any) -> Decimal:
    exponent = Decimal(amount).as_tuple().exponent
    return Decimal(amount).scaleb(max(0, -exponent) if isinstance(exponent, int) else 0)


REWRITES: Mapping[str, Callable[[Any, Any], Rewritten | None]] = {
    "take_profit_evaluate": _stored_levels,
    "trade_validation": _lamports,
    "performance": _lamports,
    "config_validation": _removed_guard,
    "balance_delta": _entered,
}


POSITION_ALWAYS = (
    "D-10: without stop loss and take profit the reference keeps no position; here every purchase is tracked"
)
DCA_AFTER_TAKE_PROFIT = (
    "D-05: after a take profit the reference finds no SOL for a DCA; here the ledger knows the balance"
)
PEAK_AFTER_DCA = "D-04: a DCA keeps peak and stop in the reference; here both are re-based to the new average"
PRICE_AFTER_FEES = (
    "D-12: a full exit by take profit has a sale price without fees in the reference; here it is what came in"
)
REMAINING_BASIS = "D-12: the reference takes the basis of a partial sale from all tokens ever bought; here from what is held"


@dataclass(slots=True)
class Shadow:
    """The books of a scenario's position, kept from the vector's own transactions: what D-12 and D-04 should have given."""

    bought: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    invested: Decimal = Decimal(0)
    basis: Decimal = Decimal(0)
    received: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    averaged_down: bool = False
    last_profit: Decimal = Decimal(0)
    sol: Decimal | None = None

    def take(self, step: Mapping[str, Any]) -> None:
        """Follow the transactions of a step; what they cost or brought is the change of the SOL balance."""
        before, self.sol = self.sol, Decimal(step["state"]["balances"]["SOL"])
        for record in step["newTransactions"]:
            if record["outputSymbol"] == "SOL":
                sold = Decimal(record["inputAmount"])
                net = self.sol - (before if before is not None else Decimal(0))
                share = self.basis * sold / self.held
                self.last_profit = net - share
                self.held -= sold
                self.basis -= share
                self.received += net
                self.realized += self.last_profit
            else:
                tokens = Decimal(record["outputAmount"])
                debit = (before if before is not None else self.sol) - self.sol
                self.averaged_down = self.averaged_down or record["isDca"]
                self.bought, self.held = self.bought + tokens, self.held + tokens
                self.invested, self.basis = self.invested + debit, self.basis + debit


SCENARIO_DEVIATIONS: Mapping[str, tuple[str, ...]] = {
    "take profit full exit without moon bag closes position": (PRICE_AFTER_FEES,),
    "TP, DCA, TP (append), sale": (DCA_AFTER_TAKE_PROFIT,),
    "TP, then SOL balance re-cached, DCA, TP of appended batch, sale": (PEAK_AFTER_DCA, REMAINING_BASIS),
    "DCA interleaved with a full take-profit exit: realised sum differs from cash flow": (
        PEAK_AFTER_DCA,
        REMAINING_BASIS,
        PRICE_AFTER_FEES,
    ),
    "live take profit and DCA with totals": (PEAK_AFTER_DCA,),
    "DCA twice then sale": (PEAK_AFTER_DCA,),
    "neither stop loss nor take profit: no position row": (POSITION_ALWAYS,),
    "token amount beyond column capacity": (AMOUNT_OVERFLOW,),
}
"""Scenarios of the contract that show a defect, by name. `corrected_step` takes exactly these defects out of any scenario."""


def is_refused_after_take_profit(step: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a step is a DCA the reference refuses (D-05) although the wallet holds the SOL for it."""
    op, result = step["op"], step["result"]
    if op["kind"] != "dca" or result.get("errorCode") != "INSUFFICIENT_BALANCE":
        return False
    enough = Decimal(step["state"]["balances"]["SOL"]) >= Decimal(op["amount"])
    return enough and any(one["op"]["kind"] == "tp" for one in earlier)


def corrected_step(step: Mapping[str, Any], shadow: Shadow, decimals: int) -> Mapping[str, Any]:
    """Return what a step of a scenario has to give: the vector, with the reference's defects taken out of it."""
    op, result = step["op"], step["result"]
    if result.get("cause") == "STORAGE_OVERFLOW":
        tokens = Decimal(int(op["out"])).scaleb(-decimals)
        return {"quotes": step["quotes"], "result": {"success": True, "outputAmount": tokens}}
    if op["kind"] == "buy" and result.get("success") and result["positionId"] is None:
        state = {
            "balances": step["state"]["balances"],
            "position": {"purchaseAmount": result["outputAmount"]},
        }
        return {**step, "result": {**result, "positionId": "<id>"}, "state": state}
    if shadow.sol is None and step["newTransactions"]:
        first = step["newTransactions"][0]
        shadow.sol = Decimal(step["state"]["balances"]["SOL"]) + _debit_of(step, first)
    shadow.take(step)
    if not shadow.averaged_down:
        return _with_price_after_fees(step, shadow)
    return _with_remaining_basis(step, shadow)


def _with_price_after_fees(step: Mapping[str, Any], shadow: Shadow) -> Mapping[str, Any]:
    if step["op"]["kind"] != "tp" or not step["historicalSwapJobs"]:
        return step
    (job,) = step["historicalSwapJobs"]
    return {**step, "historicalSwapJobs": [{**job, "salePrice": shadow.received / shadow.bought}]}


def _debit_of(step: Mapping[str, Any], record: Mapping[str, Any]) -> Decimal:
    position = step["state"]["position"]
    return Decimal(position["totalInvestedSol"]) if position is not None else Decimal(record["inputAmount"])


def _with_remaining_basis(step: Mapping[str, Any], shadow: Shadow) -> Mapping[str, Any]:
    corrected = dict(step)
    position = step["state"]["position"]
    if position is not None:
        corrected["state"] = {
            **step["state"],
            "position": {
                **position,
                "peakPrice": position["purchasePrice"],
                "realizedProfitSol": shadow.realized,
            },
        }
    if step["op"]["kind"] != "tp" or "result" not in step["result"]:
        return corrected
    inner = dict(step["result"]["result"])
    usd = Decimal(inner["profitLossUsd"]) / Decimal(inner["profitLossSol"])
    inner["profitLossSol"], inner["profitLossUsd"] = shadow.last_profit, shadow.last_profit * usd
    if inner.get("positionClosed"):
        (job,) = step["historicalSwapJobs"]
        profit = shadow.received - shadow.invested
        change = profit / (Decimal(job["purchasePrice"]) * Decimal(job["amount"])) * 100
        inner["changePercent"] = change
        corrected["historicalSwapJobs"] = [
            {
                **job,
                "profitLossSol": profit,
                "profitLossUsd": profit * usd,
                "changePercent": change,
                "salePrice": shadow.received / shadow.bought,
            }
        ]
    corrected["result"] = {**step["result"], "result": inner}
    return corrected
