"""One live swap beside its simulation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nexgent.domain.ledger.models import Intent, Posting, Submission, TradeKind
from nexgent.domain.transactions.models import TransactionRecord
from nexgent.shared.types import AgentId, IntentId, TokenAddress, TransactionId, WalletAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedTrade:
    """What the journal has of a live trade that was booked: the decision, what was sent, and what the chain made of it."""

    agent_id: AgentId
    intent: Intent
    submission: Submission
    submitted_at: datetime
    transaction: TransactionRecord
    postings: tuple[Posting, ...]
    settled_at: datetime
    settled_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapSide:
    """What a swap moves and costs, in base units. A fee is None where it is not known.

    The SOL side is what the wallet gives to the swap or gets from it, the platform's fee included, network fee and rent not.
    """

    in_raw: int
    out_raw: int
    network_fee: int | None
    """For the signatures."""
    priority_fee: int | None
    platform_fee: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowFill:
    """A landed swap and what the simulation makes of the same quote."""

    intent_id: IntentId
    agent_id: AgentId
    wallet_address: WalletAddress
    kind: TradeKind
    token_address: TokenAddress
    token_symbol: str
    buying: bool
    transaction_id: TransactionId
    real: SwapSide
    paper: SwapSide
    triggered_at: datetime
    """When the trade was decided."""
    ordered_at: datetime
    """When the signed swap was about to be sent."""
    landed_at: datetime
    """When it was booked as the chain has it."""
    settled_seq: int
    """The place of the booking in the wallet's stream."""
