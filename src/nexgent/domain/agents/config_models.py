"""The trading configuration of an agent: fields, ranges and defaults. JSON uses the camelCase aliases.

Percentages are whole percent (25 is 25 %), except `max_price_impact`, a fraction of one. Amounts are SOL.
Rules between fields live in `config_validation`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StrictBool, StrictStr
from pydantic.alias_generators import to_camel

from nexgent.domain.agents.config_numbers import json_number, read_integer, read_number

Number = Annotated[
    Decimal, BeforeValidator(read_number), PlainSerializer(json_number, return_type=int | float)
]
Integer = Annotated[int, BeforeValidator(read_integer)]

StopLossMode = Literal["fixed", "exponential", "zones", "custom"]
PresetMode = Literal["aggressive", "moderate", "conservative", "custom"]
TokenFilterMode = Literal["none", "blacklist", "whitelist"]
SellSignals = Literal["followed", "all", "none"]


class _Section(BaseModel):
    """Behaviour all parts share: unknown keys are dropped, values never change."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class PurchaseLimitsConfig(_Section):
    """How much SOL may be spent, and at what price impact at most (None is no limit)."""

    minimum_agent_balance: Number = Field(default=Decimal("0.5"), ge=Decimal("0.1"))
    max_purchase_per_token: Number = Field(default=Decimal(2), gt=0)
    max_price_impact: Number | None = Field(default=Decimal("0.05"), ge=0, le=1)


SELLS_BY_DEFAULT: SellSignals = "followed"


def _are_default_sells(mode: SellSignals) -> bool:
    return mode == SELLS_BY_DEFAULT


class SignalsConfig(_Section):
    """Which signals the agent acts on. Bounds are USD and holders; None is no bound.

    `sell_signals` says whose signals sell what the agent holds: `followed` those of a type and a strength it buys on, `all` any
    signal of its user, `none` nobody's. Lists and bounds of tokens are for buying and keep nothing from being sold. It is written
    only when it differs from its default.
    """

    min_score: Integer = Field(default=1, ge=1, le=5)
    allowed_signal_types: tuple[Annotated[StrictStr, Field(min_length=1, max_length=50)], ...] = ()
    token_filter_mode: TokenFilterMode = "none"  # noqa: S105 - a mode, no secret
    token_list: tuple[Annotated[StrictStr, Field(min_length=32, max_length=44)], ...] = ()
    market_cap_min: Number | None = Field(default=None, gt=0)
    market_cap_max: Number | None = Field(default=None, gt=0)
    liquidity_min: Number | None = Field(default=None, gt=0)
    liquidity_max: Number | None = Field(default=None, gt=0)
    holder_count_min: Integer | None = Field(default=None, ge=0)
    holder_count_max: Integer | None = Field(default=None, ge=0)
    sell_signals: SellSignals = Field(default=SELLS_BY_DEFAULT, exclude_if=_are_default_sells)


class TrailingLevel(_Section):
    """From a peak gain of `change` percent on, the stop is `stop_loss` percent above the entry."""

    change: Number = Field(gt=0)
    stop_loss: Number = Field(gt=0, le=1000)


class StopLossConfig(_Section):
    """When to leave a position that falls. `trailing_levels` are used in mode custom only."""

    enabled: StrictBool = True
    default_percentage: Number = Field(default=Decimal(-32), ge=-100, le=0)
    mode: StopLossMode = "fixed"
    trailing_levels: tuple[TrailingLevel, ...] = ()


class SolBalanceThresholds(_Section):
    """SOL balances from which a size range applies."""

    minimum: Number = Field(default=Decimal("0.2"), gt=0)
    medium: Number = Field(default=Decimal(5), gt=0)
    large: Number = Field(default=Decimal(10), gt=0)


class SizeRange(_Section):
    """SOL per purchase, from `min` to `max`."""

    min: Number = Field(ge=0)
    max: Number = Field(ge=0)


class PositionSizes(_Section):
    """The size range of each balance category."""

    small: SizeRange = SizeRange(min=Decimal("0.1"), max=Decimal("0.1"))
    medium: SizeRange = SizeRange(min=Decimal("0.5"), max=Decimal(1))
    large: SizeRange = SizeRange(min=Decimal("1.5"), max=Decimal(2))


class RandomizationConfig(_Section):
    """Whether sizes are drawn from their range or are its maximum."""

    enabled: StrictBool = True


class PositionCalculatorConfig(_Section):
    """How large a purchase is when nobody says so."""

    sol_balance_thresholds: SolBalanceThresholds = SolBalanceThresholds()
    position_sizes: PositionSizes = PositionSizes()
    randomization: RandomizationConfig = RandomizationConfig()


class StaleTradeConfig(_Section):
    """When to leave a position that goes nowhere."""

    enabled: StrictBool = True
    min_hold_time_minutes: Number = Field(default=Decimal(60), ge=1)
    min_profit_percent: Number = Decimal(1)
    max_profit_percent: Number = Decimal(10)


class DcaLevel(_Section):
    """At `drop_percent` below the average, buy `buy_percent` of the position's value."""

    drop_percent: Number = Field(ge=-99, le=-1)
    buy_percent: Number = Field(ge=1, le=500)


class DcaConfig(_Section):
    """When to average down. `levels` are used in mode custom only."""

    enabled: StrictBool = False
    mode: PresetMode = "moderate"
    levels: tuple[DcaLevel, ...] = ()
    max_dca_count: Number = Field(
        default=Decimal(3), ge=1, le=10, validation_alias="maxDCACount", serialization_alias="maxDCACount"
    )
    cooldown_seconds: Number = Field(default=Decimal(30), ge=10, le=3600)


class TakeProfitLevel(_Section):
    """At a gain of `target_percent`, sell `sell_percent` of all tokens bought."""

    target_percent: Number = Field(ge=1, le=10000)
    sell_percent: Number = Field(ge=1, le=100)


class MoonBagConfig(_Section):
    """The part of a winning position that take profit leaves alone."""

    enabled: StrictBool = True
    trigger_percent: Number = Field(default=Decimal(300), ge=1, le=10000)
    retain_percent: Number = Field(default=Decimal(10), ge=1, le=50)


def _level(target_percent: int, sell_percent: int) -> TakeProfitLevel:
    return TakeProfitLevel(target_percent=Decimal(target_percent), sell_percent=Decimal(sell_percent))


class TakeProfitConfig(_Section):
    """When to sell parts of a winning position. `levels` are used in mode custom only."""

    enabled: StrictBool = False
    mode: PresetMode = "moderate"
    levels: Annotated[tuple[TakeProfitLevel, ...], Field(max_length=10)] = (
        _level(50, 25),
        _level(150, 25),
        _level(300, 25),
        _level(400, 15),
    )
    moon_bag: MoonBagConfig = MoonBagConfig()


def _is_none(value: object) -> bool:
    return value is None


class ProtectionsConfig(_Section):
    """What stops an agent from buying: losses, a pause after a close, too many trades, too much at stake. None is off.

    They never stop a sale. Paper and live wallets of an agent are judged separately. Percentages refer to the wallet's
    worth at cost: its SOL plus what its open positions have cost.
    """

    max_daily_loss_sol: Number | None = Field(default=None, gt=0, exclude_if=_is_none)
    max_daily_loss_percent: Number | None = Field(default=None, gt=0, le=100, exclude_if=_is_none)
    max_drawdown_percent: Number | None = Field(default=None, gt=0, le=100, exclude_if=_is_none)
    max_loss_streak: Integer | None = Field(default=None, ge=1, le=100, exclude_if=_is_none)
    loss_streak_pause_minutes: Number = Field(default=Decimal(60), ge=1, le=10080)
    token_cooldown_minutes: Number | None = Field(default=None, gt=0, le=10080, exclude_if=_is_none)
    max_trades_per_hour: Integer | None = Field(default=None, ge=1, le=10000, exclude_if=_is_none)
    max_exposure_sol: Number | None = Field(default=None, gt=0, exclude_if=_is_none)
    max_exposure_percent: Number | None = Field(default=None, gt=0, le=100, exclude_if=_is_none)


NO_PROTECTIONS = ProtectionsConfig()


def _is_unprotected(protections: ProtectionsConfig) -> bool:
    return protections == NO_PROTECTIONS


class ShadowConfig(_Section):
    """Whether each live fill is recorded beside what the simulation makes of the same quote."""

    enabled: StrictBool = False


NO_SHADOW = ShadowConfig()


def _is_without_shadow(shadow: ShadowConfig) -> bool:
    return shadow == NO_SHADOW


class TradingConfig(_Section):
    """Everything an agent needs to decide. All sections are always there.

    `protections` and `shadow` are written only when they differ from their defaults: clients of the seven older sections
    never meet them unless somebody uses them.
    """

    purchase_limits: PurchaseLimitsConfig = PurchaseLimitsConfig()
    signals: SignalsConfig = SignalsConfig()
    stop_loss: StopLossConfig = StopLossConfig()
    position_calculator: PositionCalculatorConfig = PositionCalculatorConfig()
    stale_trade: StaleTradeConfig = StaleTradeConfig()
    dca: DcaConfig = DcaConfig()
    take_profit: TakeProfitConfig = TakeProfitConfig()
    protections: ProtectionsConfig = Field(default=NO_PROTECTIONS, exclude_if=_is_unprotected)
    shadow: ShadowConfig = Field(default=NO_SHADOW, exclude_if=_is_without_shadow)
