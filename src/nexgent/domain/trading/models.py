"""Quotes and fills, as the use cases see them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nexgent.domain.ledger.models import Intent
from nexgent.shared.money import SOL_MINT
from nexgent.shared.structs import as_struct
from nexgent.shared.types import TokenAddress, WalletAddress


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequest:
    """Ask to swap exactly `amount_raw` base units. `taker` is the wallet of a live trade; a paper trade has none."""

    input_mint: TokenAddress
    output_mint: TokenAddress
    amount_raw: int
    taker: WalletAddress | None = None
    slippage_bps: int | None = None
    priority_fee_lamports: int | None = None
    only_looked_at: bool = False
    """Nobody trades at the answer: how it is judged changes nothing for the quotes that are traded at."""

    @classmethod
    def of_intent(cls, intent: Intent) -> QuoteRequest:
        """Return what an intent's swap was asked to do, for finding out what became of it."""
        buying = intent.input_mint == SOL_MINT
        return cls(
            input_mint=intent.input_mint,
            output_mint=intent.token_address if buying else SOL_MINT,
            amount_raw=intent.amount_raw,
            taker=intent.wallet_address,
        )


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What a swap costs beside its price, in lamports; only what our wallet pays."""

    protocol_fee_lamports: int | None
    """None when the fee is unknown or not taken in SOL."""
    protocol_fee_bps: int
    network_fee_lamports: int
    """Signature and priority fee."""
    rent_lamports: int
    """Deposit for a new token account, recoverable, so booked against its own account; negative when one came back."""

    @property
    def network_and_rent_lamports(self) -> int:
        """What the contract calls network fee: signature, priority and rent."""
        return self.network_fee_lamports + self.rent_lamports


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An offer to swap. Amounts are base units; `price_impact_ratio` is negative when it hurts (-0.01 is 1 %)."""

    request: QuoteRequest
    request_id: str
    in_amount_raw: int
    out_amount_raw: int
    price_impact_ratio: Decimal
    slippage_bps: int
    fees: Fees
    swap_usd_value: Decimal | None
    routes_json: str | None
    payload_json: str
    transaction: str | None
    """The unsigned transaction (base64) for a taker."""
    last_valid_block_height: int | None
    received_monotonic: float


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A swap that happened. Totals are what the wallet's balances changed by, without network fee and rent."""

    in_amount_raw: int
    out_amount_raw: int
    total_in_raw: int | None
    total_out_raw: int | None
    fees: Fees
    price_impact_ratio: Decimal
    slippage_bps: int
    swap_usd_value: Decimal | None
    routes_json: str | None
    payload_json: str
    signature: str | None


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The chain knows the swap: these are its authoritative amounts."""

    fill: Fill


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Reverted:
    """The transaction landed and failed: no swap, but its network fee is spent."""

    code: str
    reason: str
    network_fee_lamports: int


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class NeverLanded:
    """It cannot land any more: its last valid block height has passed and the chain does not know it."""

    reason: str


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class StillUnknown:
    """Nobody can say yet; ask again."""

    reason: str


SwapOutcome = Landed | Reverted | NeverLanded | StillUnknown
