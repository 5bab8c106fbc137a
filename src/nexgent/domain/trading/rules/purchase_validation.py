"""Every check a purchase has to pass before money is reserved, in the order of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from nexgent.domain.agents.config_models import PurchaseLimitsConfig, TradingConfig
from nexgent.domain.trading.rules.position_sizing import PositionSize, calculate_position_size
from nexgent.shared.money import CONTEXT, plain
from nexgent.shared.structs import as_struct

MAX_OPEN_POSITIONS = 25

PurchaseRefusalCode = Literal[
    "WALLET_NOT_FOUND",
    "AGENT_NOT_FOUND",
    "CONFIG_ERROR",
    "WALLET_NOT_LOADED",
    "TRADING_MODE_MISMATCH",
    "INSUFFICIENT_BALANCE",
    "BELOW_MINIMUM_THRESHOLD",
    "POSITION_EXISTS",
    "MAX_POSITIONS_EXCEEDED",
    "INVALID_POSITION_SIZE",
    "POSITION_SIZE_EXCEEDS_BALANCE",
    "VIOLATES_MINIMUM_BALANCE",
    "EXCEEDS_MAX_PURCHASE",
    "POSITION_CALCULATION_ERROR",
]


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseFacts:
    """What is known before a purchase. Modes are `simulation` or `live`; amounts are SOL.

    `config` is None when it cannot be read, `available_sol` when there is no SOL balance,
    `requested_size_sol` when the size is to be calculated (`random_unit` is then uniform in [0, 1)).
    """

    wallet_exists: bool = True
    agent_exists: bool = True
    config: TradingConfig | None
    wallet_belongs_to_agent: bool = True
    wallet_mode: str
    agent_mode: str
    wallet_key_loaded: bool = False
    available_sol: Decimal | None
    holds_position_in_token: bool = False
    open_positions: int = 0
    requested_size_sol: Decimal | None = None
    random_unit: Decimal | None = None


@as_struct
@dataclass(frozen=True, slots=True)
class PurchaseRefused:
    """The first check that failed. `cause` is the calculator's code when no size could be calculated."""

    code: PurchaseRefusalCode
    message: str
    cause: str | None = None


def validate_purchase(facts: PurchaseFacts) -> Decimal | PurchaseRefused:
    """Run the checks and return the size in SOL; the first that fails refuses."""
    if not facts.wallet_exists:
        return PurchaseRefused("WALLET_NOT_FOUND", "the agent has no wallet for its trading mode")
    if not facts.agent_exists:
        return PurchaseRefused("AGENT_NOT_FOUND", "there is no such agent")
    config = facts.config
    if config is None:
        return PurchaseRefused("CONFIG_ERROR", "the agent's trading configuration cannot be read")
    return (
        _wallet_refusal(facts)
        or _balance_refusal(facts, config.purchase_limits)
        or _position_refusal(facts)
        or _sized(facts, config)
    )


def _wallet_refusal(facts: PurchaseFacts) -> PurchaseRefused | None:
    if not facts.wallet_belongs_to_agent:
        return PurchaseRefused("WALLET_NOT_FOUND", "the wallet is not one of the agent's")
    if facts.wallet_mode == "live" and not facts.wallet_key_loaded:
        return PurchaseRefused("WALLET_NOT_LOADED", "the key of the live wallet is not loaded")
    if facts.wallet_mode != facts.agent_mode:
        return PurchaseRefused(
            "TRADING_MODE_MISMATCH",
            f"a {facts.wallet_mode} wallet cannot trade for an agent in {facts.agent_mode} mode",
        )
    return None


def _balance_refusal(facts: PurchaseFacts, limits: PurchaseLimitsConfig) -> PurchaseRefused | None:
    available = facts.available_sol
    if available is None or available <= 0:
        return PurchaseRefused("INSUFFICIENT_BALANCE", f"{available or 0} SOL are available")
    if available < limits.minimum_agent_balance:
        return PurchaseRefused(
            "BELOW_MINIMUM_THRESHOLD",
            f"{plain(available)} SOL are less than the minimum balance of {plain(limits.minimum_agent_balance)}",
        )
    return None


def _position_refusal(facts: PurchaseFacts) -> PurchaseRefused | None:
    if facts.holds_position_in_token:
        return PurchaseRefused("POSITION_EXISTS", "the agent already holds a position in this token")
    if facts.open_positions >= MAX_OPEN_POSITIONS:
        return PurchaseRefused(
            "MAX_POSITIONS_EXCEEDED",
            f"{facts.open_positions} positions are open, {MAX_OPEN_POSITIONS} are allowed",
        )
    return None


def _sized(facts: PurchaseFacts, config: TradingConfig) -> Decimal | PurchaseRefused:
    available = facts.available_sol
    assert available is not None, "without a balance the purchase has been refused"
    if facts.requested_size_sol is not None:
        refusal = _size_refusal(facts.requested_size_sol, available, config.purchase_limits)
        return refusal or facts.requested_size_sol
    size = calculate_position_size(
        available, config.purchase_limits, config.position_calculator, facts.random_unit
    )
    if isinstance(size, PositionSize):
        return size.size_sol
    return PurchaseRefused("POSITION_CALCULATION_ERROR", size.message, cause=size.code)


def _size_refusal(
    size_sol: Decimal, available_sol: Decimal, limits: PurchaseLimitsConfig
) -> PurchaseRefused | None:
    if not size_sol.is_finite() or size_sol <= 0:
        return PurchaseRefused(
            "INVALID_POSITION_SIZE", f"the size must be greater than 0, got {plain(size_sol)}"
        )
    if size_sol > available_sol:
        return PurchaseRefused(
            "POSITION_SIZE_EXCEEDS_BALANCE",
            f"{plain(size_sol)} SOL are more than the {plain(available_sol)} available",
        )
    if CONTEXT.subtract(available_sol, size_sol) < limits.minimum_agent_balance:
        return PurchaseRefused(
            "VIOLATES_MINIMUM_BALANCE",
            f"{plain(size_sol)} SOL of {plain(available_sol)} leave less than the minimum balance of "
            f"{plain(limits.minimum_agent_balance)}",
        )
    if size_sol > limits.max_purchase_per_token:
        return PurchaseRefused(
            "EXCEEDS_MAX_PURCHASE",
            f"{plain(size_sol)} SOL are more than the {plain(limits.max_purchase_per_token)} allowed per token",
        )
    return None
