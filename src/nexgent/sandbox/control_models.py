"""What the control API accepts. Unknown fields are refused, so that a misspelt one does not pass in silence."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from nexgent.sandbox.chain import is_address
from nexgent.sandbox.constants import SOL_MINT
from nexgent.sandbox.faults import ANY_ENDPOINT, ENDPOINTS, KINDS, kinds_of
from nexgent.sandbox.hostile import VARIANTS


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError("must be a base58 address of 32 bytes")
    return value


def _mint(value: str) -> str:
    if value == SOL_MINT:
        raise ValueError("must not be wrapped SOL, every price is in SOL")
    return _address(value)


Address = Annotated[str, AfterValidator(_address)]
Mint = Annotated[str, AfterValidator(_mint)]
_MAX = Decimal(10) ** 12
Price = Annotated[Decimal, Field(ge=0, le=_MAX, allow_inf_nan=False)]
Positive = Annotated[Decimal, Field(gt=0, le=_MAX, allow_inf_nan=False)]
Lamports = Annotated[int, Field(ge=0, le=2**63)]


class ControlModel(BaseModel):
    """A body of the control API, in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class TokenIn(ControlModel):
    """A token to create or replace. `supply` in whole tokens."""

    mint: Mint | None = None
    symbol: Annotated[str, Field(min_length=1, max_length=40)]
    name: str | None = None
    decimals: int = Field(default=6, ge=0, le=18)
    liquidity_sol: Positive = Decimal(500)
    price_sol: Price
    program: Literal["Token", "Token-2022"] = "Token"
    holder_count: int = Field(default=1000, ge=0)
    supply: int = Field(default=1_000_000_000, ge=1, le=10**15)
    transfer_fee_bps: int = Field(default=0, ge=0, le=10_000)
    walk: bool = False


class TokensIn(ControlModel):
    """Tokens to create, to replace all others when `replace`; `generate` draws more from the seed."""

    tokens: list[TokenIn] = []
    generate: int = Field(default=0, ge=0, le=200_000)
    replace: bool = False


class PriceIn(ControlModel):
    """One price or many; fixed unless `walk`. With `liquiditySol` the pool changes, too."""

    mint: Mint | None = None
    price_sol: Price | None = None
    liquidity_sol: Positive | None = None
    prices: dict[Mint, Price] = {}
    walk: bool = False

    @model_validator(mode="after")
    def _one_form(self) -> PriceIn:
        if (self.mint is None) == (not self.prices) or (self.mint is None) != (self.price_sol is None):
            raise ValueError("give either mint and priceSol, or prices as an object of mint to price")
        return self


class SolUsdIn(ControlModel):
    """The price of SOL in USD."""

    price: Positive = Field(validation_alias=AliasChoices("price", "solUsd", "priceUsd"))


class WalkIn(ControlModel):
    """How the walk goes on; `advance` takes that many steps at once."""

    enabled: bool | None = None
    volatility: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    interval_seconds: float | None = Field(default=None, gt=0, le=3600, allow_inf_nan=False)
    advance: int = Field(default=0, ge=0, le=1_000_000)


class FundIn(ControlModel):
    """Lamports, or an amount of a token, added to an address; `set` makes it the balance."""

    address: Address
    lamports: Lamports | None = None
    mint: Mint | None = None
    amount: Lamports | None = None
    set: bool = False

    @model_validator(mode="after")
    def _something(self) -> FundIn:
        if self.lamports is None and self.mint is None:
            raise ValueError("give lamports, or mint and amount, or all three")
        if (self.mint is None) != (self.amount is None):
            raise ValueError("mint and amount belong together")
        return self


class FaultIn(ControlModel):
    """One fault rule; see `nexgent.sandbox.control_api` for what the kinds do."""

    kind: str
    endpoint: str = ANY_ENDPOINT
    method: str | None = None
    mint: Address | None = None
    times: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, gt=0, le=1)
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    status: int | None = Field(default=None, ge=200, le=599)
    code: int | None = Field(default=None, validation_alias=AliasChoices("code", "errorCode"))
    factor: Positive | None = None
    price_sol: Price | None = None
    slots: int | None = Field(default=None, ge=0, le=10_000)
    updates: int = Field(default=0, ge=0)
    after: bool = False
    message: str | None = Field(default=None, validation_alias=AliasChoices("message", "errorMessage"))
    data: Any = None
    headers: dict[str, str] = {}

    @model_validator(mode="after")
    def _known(self) -> FaultIn:
        if self.endpoint not in (ANY_ENDPOINT, *ENDPOINTS):
            raise ValueError(f"endpoint must be one of {', '.join((ANY_ENDPOINT, *ENDPOINTS))}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        if self.kind not in kinds_of(self.endpoint):
            allowed = ", ".join(kinds_of(self.endpoint))
            raise ValueError(f"{self.kind} means nothing at {self.endpoint}; there it is one of {allowed}")
        if self.kind == "other_price" and (self.price_sol is None or self.mint is None):
            raise ValueError("other_price needs mint and priceSol: what the source says of that token")
        if self.kind == "hostile" and self.message not in VARIANTS:
            raise ValueError(f"message of a hostile order must be one of {', '.join(VARIANTS)}")
        return self


class FaultsIn(ControlModel):
    """Fault rules to put in force, beside those already there."""

    rules: list[FaultIn]


class QuoteIn(ControlModel):
    """A scripted quote; fields left out come from the model."""

    mint: Mint
    direction: Literal["buy", "sell"]
    in_amount: Lamports | None = None
    out_amount: Lamports | None = None
    fill_out_amount: Lamports | None = None
    fee_bps: int | None = Field(default=None, ge=0, le=10_000)
    platform_fee_lamports: Lamports | None = None
    signature_fee_lamports: Lamports | None = None
    prioritization_fee_lamports: Lamports | None = None
    rent_fee_lamports: Lamports | None = None
    price_impact: Decimal | None = None
    price_impact_pct: Decimal | None = None
    swap_usd_value: Decimal | None = None
    in_usd_value: Decimal | None = None
    out_usd_value: Decimal | None = None
    slippage_bps: int | None = Field(default=None, ge=0, le=10_000)
    router: str | None = None
    times: int = Field(default=1, ge=1)
    extra: dict[str, Any] = {}
    omit: list[str] = []


class QuotesIn(ControlModel):
    """Scripted quotes to append to their queues."""

    quotes: list[QuoteIn]


class SlotsIn(ControlModel):
    """How many slots to jump ahead."""

    advance: int = Field(ge=1, le=10_000_000)


class ChainIn(ControlModel):
    """What shall hold on the chain from now on; what is left out stays as it is."""

    slot_seconds: float | None = Field(default=None, ge=0, le=60)
    order_version: Literal[0, 1] | None = None
    rent_lamports: Lamports | None = None
    second_node_slots_behind: int | None = Field(default=None, ge=0, le=10_000_000)
    understated_blocks: int | None = Field(default=None, ge=0, le=10_000)
    platform_fee_part_bps: int | None = Field(default=None, ge=0, le=10_000)
    genesis: Annotated[str, Field(max_length=100)] | None = None


class RateLimitsIn(ControlModel):
    """Switch limiting, and change limits of single buckets (requests per window)."""

    enabled: bool | None = None
    limits: dict[
        Literal["jupiter", "execute", "dexscreener", "pyth", "rpc"], Annotated[int, Field(ge=1)]
    ] = {}
