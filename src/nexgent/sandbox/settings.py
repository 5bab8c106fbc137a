"""The settings of the sandbox market."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from nexgent.sandbox.constants import TOKEN_ACCOUNT_RENT_LAMPORTS


class SandboxSettings(BaseSettings):
    """Where the sandbox listens, what market it starts with and how its chain ticks.

    `volatility` is the standard deviation of one walk step as a ratio (0.002 = 0.2 %). `slot_seconds` 0 stops the slot
    clock, so that only the control API moves it. `decimals` None gives the generated tokens a mix of decimals and
    token programs, a number gives all of them that many. `order_version` is the transaction version of orders, 0 or 1;
    `rent_lamports` the deposit of a token account; `platform_fee_bps` is what a swap is charged in all (`feeBps`), of which
    `platform_fee_part_bps` is shown as `platformFee`. The node at `/rpc/second` is `second_node_slots_behind`.
    """

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", env_file=".env", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=4100, ge=0, le=65535)
    seed: int = 7
    tokens: int = Field(default=20, ge=0, le=200_000)
    decimals: int | None = Field(default=None, ge=0, le=18)
    liquidity_sol: Decimal = Field(default=Decimal(500), gt=0)
    sol_usd: Decimal = Field(default=Decimal(150), gt=0)
    volatility: float = Field(default=0.002, ge=0, le=1)
    sol_usd_volatility: float = Field(default=0.0, ge=0, le=1)
    walk: bool = True
    walk_interval_seconds: float = Field(default=1.0, gt=0, le=3600)
    slot_seconds: float = Field(default=0.2, ge=0, le=60)
    landing_slots: int = Field(default=1, ge=0, le=150)
    second_node_slots_behind: int = Field(default=50, ge=0)
    order_version: int = Field(default=0, ge=0, le=1)
    rent_lamports: int = Field(default=TOKEN_ACCOUNT_RENT_LAMPORTS, ge=0)
    platform_fee_bps: int = Field(default=10, ge=0, le=10_000)
    platform_fee_part_bps: int | None = Field(default=None, ge=0, le=10_000)
    slippage_bps: int = Field(default=50, ge=0, le=10_000)
    pyth_interval_seconds: float = Field(default=0.4, gt=0, le=60)
    rate_limit: bool = False
    rate_limit_jupiter_per_minute: int = Field(default=60, ge=1)
    rate_limit_execute_per_second: int = Field(default=50, ge=1)
    rate_limit_dexscreener_per_minute: int = Field(default=300, ge=1)
    rate_limit_pyth_per_ten_seconds: int = Field(default=10, ge=1)
    rate_limit_rpc_per_ten_seconds: int = Field(default=100, ge=1)
