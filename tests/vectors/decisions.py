"""Answer the input of a vector with the domain's own functions, in the words of the vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from nexgent.domain.agents.config import (
    DEFAULT_CONFIG,
    DcaConfig,
    DcaLevel,
    InvalidConfigError,
    PositionCalculatorConfig,
    PurchaseLimitsConfig,
    SignalsConfig,
    StaleTradeConfig,
    StopLossConfig,
    TakeProfitConfig,
    TakeProfitLevel,
    TradingConfig,
    update_config,
)
from nexgent.domain.agents.eligibility import EligibilityFacts, evaluate_eligibility
from nexgent.domain.performance.summary import ClosedTradeTotals, OpenPositionFigures, summarise_totals
from nexgent.domain.signals.models import TokenMetrics
from nexgent.domain.trading.rules.dca import DcaState, average_after_dca, evaluate_dca
from nexgent.domain.trading.rules.position_sizing import PositionSize, calculate_position_size
from nexgent.domain.trading.rules.price_impact import (
    ImpactAccepted,
    ImpactTooHigh,
    RetrySmaller,
    decide_price_impact,
)
from nexgent.domain.trading.rules.profit_loss import cost_basis_of_part, full_profit_loss, percent_of
from nexgent.domain.trading.rules.purchase_validation import (
    PurchaseFacts,
    validate_purchase,
)
from nexgent.domain.trading.rules.stale_trade import decide_stale_trade
from nexgent.domain.trading.rules.stop_loss import stop_loss_percentage
from nexgent.domain.trading.rules.take_profit import TakeProfitState, evaluate_take_profit
from nexgent.infrastructure.external.jupiter.fees import extract_fees
from nexgent.shared.money import CONTEXT, lamports
from tests.vectors.build import decimal, optional_decimal, section, span
from tests.vectors.hand_entries import balance_delta, balance_update

Input = Mapping[str, Any]

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
_HOUR = timedelta(hours=1)


def _stop_loss_percentage(given: Input) -> object:
    return stop_loss_percentage(decimal(given["peakGainPercent"]), section(StopLossConfig, given))


def _take_profit(given: Input) -> object:
    state = TakeProfitState(
        entry_price_sol=decimal(given["purchasePrice"]),
        original_amount=decimal(given["originalAmount"]),
        remaining_amount=optional_decimal(given.get("remainingAmount")),
        levels_hit=given.get("levelsHit") or 0,
        moon_bag_activated=bool(given.get("moonBagActivated")),
        moon_bag_amount=optional_decimal(given.get("currentMoonBagAmount")),
        batch_start_level=given.get("tpBatchStartLevel") or 0,
        total_levels=given.get("totalTakeProfitLevels"),
    )
    decision = evaluate_take_profit(
        state, decimal(given["currentPrice"]), section(TakeProfitConfig, given["config"])
    )
    return {
        "shouldExecute": decision.should_execute,
        "levelsToExecute": [_take_profit_level(level) for level in decision.levels],
        "sellAmount": decision.sell_amount,
        "activateMoonBag": decision.activate_moon_bag,
        "moonBagAmount": decision.moon_bag_amount,
        "newRemainingAmount": decision.new_remaining_amount,
        "reasonCode": decision.reason,
    }


def _take_profit_level(level: TakeProfitLevel) -> dict[str, object]:
    return {"targetPercent": level.target_percent, "sellPercent": level.sell_percent}


def _dca(given: Input) -> object:
    position = given["position"]
    seconds_ago = position.get("lastDcaSecondsAgo")
    state = DcaState(
        average_price_sol=decimal(position["purchasePrice"]),
        purchased_amount=decimal(position["purchaseAmount"]),
        remaining_amount=optional_decimal(position.get("remainingAmount")),
        dca_count=position.get("dcaCount") or 0,
        last_dca_at=None if seconds_ago is None else _NOW - span(seconds_ago, _SECOND),
        moon_bag_activated=bool(position.get("moonBagActivated")),
        moon_bag_amount=optional_decimal(position.get("moonBagAmount")),
    )
    decision = evaluate_dca(state, decimal(given["currentPrice"]), _NOW, section(DcaConfig, given["dca"]))
    return {
        "shouldTrigger": decision.triggered,
        "triggerLevel": None if decision.level is None else _dca_level(decision.level),
        "buyAmountSol": decision.buy_amount_sol,
        "reasonCode": decision.reason,
    }


def _dca_level(level: DcaLevel) -> dict[str, object]:
    return {"dropPercent": level.drop_percent, "buyPercent": level.buy_percent}


def _dca_average(given: Input) -> object:
    invested, amount = decimal(given["existingTotalSol"]), decimal(given["existingTokenAmount"])
    spent, acquired = decimal(given["newSolSpent"]), decimal(given["newTokensAcquired"])
    return {
        "newAveragePrice": average_after_dca(invested, amount, spent, acquired),
        "newTotalAmount": CONTEXT.add(amount, acquired),
        "newTotalInvested": CONTEXT.add(invested, spent),
    }


def _position_sizing(given: Input) -> object:
    result = calculate_position_size(
        decimal(given["solBalance"]),
        section(PurchaseLimitsConfig, given.get("purchaseLimits") or {}),
        section(PositionCalculatorConfig, given.get("positionCalculator") or {}),
        optional_decimal(given.get("random")),
    )
    if isinstance(result, PositionSize):
        return {
            "size": result.size_sol,
            "category": result.category,
            "randomized": result.randomized,
            "errorCode": None,
        }
    return {"size": None, "category": None, "randomized": None, "errorCode": result.code}


def _trade_validation(given: Input) -> object:
    sections = {key: given[key] for key in ("purchaseLimits", "positionCalculator") if key in given}
    result = validate_purchase(
        PurchaseFacts(
            agent_exists=not given.get("unknownAgent"),
            config=section(TradingConfig, sections),
            wallet_belongs_to_agent=not given.get("foreignWallet"),
            wallet_mode=given["walletType"],
            agent_mode=given["tradingMode"],
            wallet_key_loaded=bool(given.get("walletLoaded")),
            available_sol=optional_decimal(given.get("solBalance")),
            holds_position_in_token=bool(given.get("existingPositionForToken")),
            open_positions=given.get("openPositions") or 0,
            requested_size_sol=optional_decimal(given.get("requestedPositionSize")),
            random_unit=optional_decimal(given.get("randomFixedAt")),
        )
    )
    if isinstance(result, Decimal):
        return {
            "valid": True,
            "currentSolBalance": optional_decimal(given.get("solBalance")),
            "positionSize": result,
            "errorCode": None,
        }
    return {"valid": False, "currentSolBalance": None, "positionSize": None, "errorCode": result.code}


def _price_impact(given: Input) -> object:
    size = original = decimal(given["positionSize"])
    limit = optional_decimal(given.get("maxPriceImpact"))
    impacts = [decimal(impact) for impact in given["quoteImpactsInOrder"]]
    quoted: list[int] = []
    while True:
        attempt = len(quoted)
        quoted.append(lamports(size))
        impact = impacts[min(attempt, len(impacts) - 1)]
        match decide_price_impact(original, attempt, impact, limit):
            case ImpactAccepted():
                return {"inputAmount": size, "quotedLamports": quoted, "errorCode": None}
            case ImpactTooHigh(code=code):
                return {"inputAmount": None, "quotedLamports": quoted, "errorCode": code}
            case RetrySmaller(size_sol=smaller):
                size = smaller


def _full_profit_loss(given: Input) -> object:
    result = full_profit_loss(
        decimal(given["totalInvestedSol"]),
        decimal(given["totalSolReceived"]),
        decimal(given["originalCostBasisSol"]),
        decimal(given["solPriceUsd"]),
    )
    return {
        "profitLossSol": result.profit_loss_sol,
        "changePercent": result.change_pct,
        "profitLossUsd": result.profit_loss_usd,
    }


def _partial_profit_loss(given: Input) -> object:
    basis = cost_basis_of_part(
        decimal(given["totalInvestedSol"]),
        decimal(given["totalPurchaseAmount"]),
        decimal(given["sellAmountTokens"]),
    )
    part = full_profit_loss(basis, decimal(given["netSaleSol"]), basis, decimal(given["solPriceUsd"]))
    entry = decimal(given["purchasePrice"])
    return {
        "profitLossSol": part.profit_loss_sol,
        "changePercent": percent_of(CONTEXT.subtract(decimal(given["salePrice"]), entry), entry),
        "profitLossUsd": part.profit_loss_usd,
        "costBasis": basis,
    }


def _swap_fees(given: Input | None) -> object:
    fees = extract_fees(given)
    return {"protocolFeeSol": fees.protocol_fee_sol, "networkFeeSol": fees.network_fee_sol}


def _eligibility(given: Input) -> object:
    signal, figures = given["signal"], given.get("metrics")
    toggle = "autoLive" if given.get("tradingMode") == "live" else "autoSimulation"
    metrics = None
    if figures is not None:
        metrics = TokenMetrics(
            optional_decimal(figures.get("mcap")),
            optional_decimal(figures.get("liquidity")),
            figures.get("holderCount"),
        )
    facts = EligibilityFacts(
        signal_user_id=signal.get("userId"),
        token_address=signal["tokenAddress"],
        signal_type=signal["signalType"],
        signal_strength=signal["signalStrength"],
        agent_user_id=given.get("agentUserId", "u1"),
        agent_active=given.get("inActiveSet", True),
        automated_trading=given.get(toggle, True),
        config=section(SignalsConfig, given["signals"]) if given.get("configCached", True) else None,
    )
    return evaluate_eligibility(facts, metrics).eligible


def _stale_trade(given: Input) -> object:
    decision = decide_stale_trade(
        _NOW - span(given["ageMinutes"], _MINUTE),
        _NOW,
        decimal(given["purchasePrice"]),
        decimal(given["currentPrice"]),
        section(StaleTradeConfig, given["staleTrade"]),
    )
    return {"close": decision.close}


def _config_validation(given: Input) -> object:
    try:
        update_config(DEFAULT_CONFIG, given["patchOverDefaults"])
    except InvalidConfigError as error:
        return {"valid": False, "errorPaths": [problem.split(":", 1)[0] for problem in error.problems]}
    return {"valid": True, "errorPaths": []}


def _performance(given: Input) -> object:
    # The product sums up closed trades in SQL, from a moment on, and has tests of its own for that.
    closed = [
        trade
        for trade in given.get("closedTrades") or ()
        if given["timeframe"] == "all" or span(trade["hoursAgo"], _HOUR) <= timedelta(hours=24)
    ]
    totals = ClosedTradeTotals(
        count=len(closed),
        wins=sum(1 for trade in closed if decimal(trade["profitLossSol"]) > 0),
        profit_loss_sol=_total(decimal(trade["profitLossSol"]) for trade in closed),
        change_pct=_total(decimal(trade["changePercent"]) for trade in closed),
    )
    summary = summarise_totals(
        optional_decimal(given.get("solBalance")),
        totals,
        [_open_position(position) for position in given.get("openPositions") or ()],
    )
    return {
        "portfolioBalanceSol": summary.portfolio_balance_sol,
        "totalProfitLossSol": summary.total_profit_loss_sol,
        "realizedProfitLossSol": summary.realized_profit_loss_sol,
        "unrealizedProfitLossSol": summary.unrealized_profit_loss_sol,
        "averageReturn": summary.average_return_pct,
        "winRate": summary.win_rate_pct,
        "totalClosedTrades": summary.total_closed_trades,
        "totalOpenPositions": summary.total_open_positions,
        "snapshot": {
            "portfolioBalanceSol": summary.portfolio_balance_sol,
            "solBalance": summary.sol_balance,
            "positionsValueSol": summary.positions_value_sol,
            "unrealizedPnLSol": summary.unrealized_profit_loss_sol,
        },
    }


def _total(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def _open_position(given: Input) -> OpenPositionFigures:
    sales = given.get("tp") or None
    proceeds = None
    if sales is not None:
        proceeds = sum(
            (
                decimal(sale["out"]) - decimal(sale.get("protocol") or 0) - decimal(sale.get("network") or 0)
                for sale in sales
            ),
            decimal(0),
        )
    return OpenPositionFigures(
        entry_price_sol=decimal(given["purchasePrice"]),
        purchased_amount=decimal(given["purchaseAmount"]),
        invested_sol=optional_decimal(given.get("totalInvestedSol")),
        price_sol=optional_decimal(given.get("price")),
        remaining_amount=optional_decimal(given.get("remainingAmount")),
        realized_profit_sol=decimal(given.get("realizedProfitSol") or 0),
        net_proceeds_sol=proceeds,
    )


DECISIONS: Mapping[str, Callable[[Any], object]] = {
    "stop_loss_percentage": _stop_loss_percentage,
    "take_profit_evaluate": _take_profit,
    "dca_evaluate": _dca,
    "dca_average": _dca_average,
    "position_sizing": _position_sizing,
    "trade_validation": _trade_validation,
    "price_impact": _price_impact,
    "pnl_full": _full_profit_loss,
    "pnl_partial": _partial_profit_loss,
    "swap_fees": _swap_fees,
    "balance_delta": balance_delta,
    "balance_update": balance_update,
    "eligibility": _eligibility,
    "stale_trade": _stale_trade,
    "config_validation": _config_validation,
    "performance": _performance,
}
