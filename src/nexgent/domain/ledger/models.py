"""Entries of the journal. Each belongs to one wallet's stream; value moves as postings that sum to zero per mint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.transactions.models import ClosedTrade, ClosedTradeRecord, TransactionRecord
from nexgent.shared.structs import as_struct
from nexgent.shared.types import (
    AgentId,
    ClosedTradeId,
    EntryId,
    IntentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
    VenueName,
    WalletAddress,
)

FIRST_VENUE = VenueName("jupiter")
"""Where everything was sent before submissions named their venue."""


class Account(StrEnum):
    """Who gains or loses the amount of a posting."""

    WALLET = "wallet"
    MARKET = "market"
    PROTOCOL_FEE = "protocol_fee"
    NETWORK_FEE = "network_fee"
    RENT = "rent"
    EXTERNAL = "external"
    ADJUSTMENT = "adjustment"


@as_struct
@dataclass(frozen=True, slots=True)
class Posting:
    """One leg of an entry: base units of one mint, positive when the account gains."""

    account: Account
    mint: TokenAddress
    amount_raw: int
    symbol: str
    decimals: int


class TradeKind(StrEnum):
    """What a trade does; also the `type` label of the trade metrics."""

    PURCHASE = "purchase"
    SALE = "sale"
    TAKE_PROFIT = "take_profit"
    DCA_BUY = "dca_buy"
    WRITE_OFF = "write_off"
    EXTERNAL = "external"
    """Tokens of a position left the wallet without this service."""
    ADOPTION = "adoption"
    """Tokens that are there become a position."""
    RENT = "rent"
    """Deposits of token accounts are taken back."""


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class PriceEvidence:
    """The price a decision was taken on."""

    price_sol: Decimal
    source: str
    age_ms: int


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A trade that is going to be tried. Durable before anything acts on it; reserves `reserved_raw` of the input mint."""

    id: IntentId
    kind: TradeKind
    agent_id: AgentId
    wallet_address: WalletAddress
    token_address: TokenAddress
    token_symbol: str
    input_mint: TokenAddress
    amount_raw: int
    reserved_raw: int
    cause: str
    """`signal`, `manual`, or a close reason."""
    signal_id: SignalId | None
    """The signal that was bought for: of a purchase, and of whatever is done later with its position."""
    position_id: PositionId | None
    generation: int
    created_at: datetime
    evidence: PriceEvidence | None = None
    sell_signal_id: SignalId | None = None
    """The signal that asked for this sale."""


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A signed swap that left, or is about to leave, the process: everything needed to ask about it or post it again."""

    request_id: str
    signature: str
    signed_transaction: str
    last_valid_block_height: int | None
    in_amount_raw: int
    out_amount_raw: int
    venue: VenueName = FIRST_VENUE
    """Whom to ask about it; whoever records it says so."""


@as_struct
@dataclass(frozen=True, slots=True)
class Recorded:
    """A transaction somebody recorded: a deposit, or a swap or burn entered by hand."""

    transaction: TransactionRecord


@as_struct
@dataclass(frozen=True, slots=True)
class Adjusted:
    """A balance was set by hand; the difference, perhaps zero, is posted against the adjustment account.

    `symbol` is the balance's new symbol, None when it keeps the one it has.
    """

    mint: TokenAddress
    reason: str
    symbol: str | None = None


@as_struct
@dataclass(frozen=True, slots=True)
class BalanceRemoved:
    """A balance was struck off the books; what was left of it is posted against the adjustment account."""

    mint: TokenAddress
    reason: str


@as_struct
@dataclass(frozen=True, slots=True)
class TransactionEdited:
    """A recorded transaction is now this one. Postings are what its new effect differs from the old one by."""

    transaction: TransactionRecord


@as_struct
@dataclass(frozen=True, slots=True)
class TransactionRemoved:
    """A recorded transaction was removed. Postings take back what somebody had entered; a trade that happened stays booked."""

    transaction_id: TransactionId


@as_struct
@dataclass(frozen=True, slots=True)
class ClosedTradeRecorded:
    """Somebody recorded a closed trade: pure history, nothing is posted."""

    trade: ClosedTradeRecord


@as_struct
@dataclass(frozen=True, slots=True)
class ClosedTradeEdited:
    """A closed trade is now this one."""

    trade: ClosedTradeRecord


@as_struct
@dataclass(frozen=True, slots=True)
class ClosedTradeRemoved:
    """A closed trade was removed from the history."""

    closed_trade_id: ClosedTradeId


@as_struct
@dataclass(frozen=True, slots=True)
class TradeIntended:
    """A trade was decided; its funds are reserved.

    `position` is the new state of the position operated on (one operation more, perhaps a pending exit), None for a first buy.
    """

    intent: Intent
    position: Position | None = None


@as_struct
@dataclass(frozen=True, slots=True)
class TradeSubmitted:
    """A signed swap is about to be posted (live wallets)."""

    intent_id: IntentId
    submission: Submission


@as_struct
@dataclass(frozen=True, slots=True)
class TradeSettled:
    """A swap is done and booked. `position` is its new state, or None when the position is closed by `closed`."""

    intent_id: IntentId
    transaction: TransactionRecord
    position_id: PositionId
    position: Position | None
    closed: ClosedTrade | None
    reason: CloseReason | None


@as_struct
@dataclass(frozen=True, slots=True)
class TradeFailed:
    """The trade did not happen. Postings carry what it cost all the same (the fee of a reverted transaction)."""

    intent_id: IntentId
    code: str
    reason: str


@as_struct
@dataclass(frozen=True, slots=True)
class TradeExpired:
    """The submitted swap can no longer land: its block height has passed and the chain does not know it."""

    intent_id: IntentId
    reason: str


@as_struct
@dataclass(frozen=True, slots=True)
class RentReclaimed:
    """Deposits of token accounts came back: postings take them out of the rent account, less the network fee."""

    intent_id: IntentId
    transaction: TransactionRecord


@as_struct
@dataclass(frozen=True, slots=True)
class ExitAsked:
    """An exit was triggered while another operation on the position was under way. `position` remembers it from now on."""

    position: Position


@as_struct
@dataclass(frozen=True, slots=True)
class WalletReset:
    """The wallet starts again from nothing; postings bring every balance to zero.

    With `keep_history` its transactions and closed trades stay on record: the agent goes, what it did does not.
    """

    reason: str
    keep_history: bool = False


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a wallet brought along from the installation it was taken over from, `origin`.

    One record each: a transaction or a closed trade as it stood there, history that moves nothing here; or an open position,
    which what the wallet holds must cover. With none of them it opens the balances: postings against the adjustment account.
    """

    origin: str
    transaction: TransactionRecord | None = None
    trade: ClosedTradeRecord | None = None
    position: Position | None = None
    detached: bool = False
    """The transaction belonged to no wallet any more; its entry only needs a place."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    """When the record was written and changed there."""


EntryBody = (
    Recorded
    | Adjusted
    | BalanceRemoved
    | TransactionEdited
    | TransactionRemoved
    | ClosedTradeRecorded
    | ClosedTradeEdited
    | ClosedTradeRemoved
    | TradeIntended
    | TradeSubmitted
    | TradeSettled
    | TradeFailed
    | TradeExpired
    | RentReclaimed
    | ExitAsked
    | WalletReset
    | Imported
)
TRADES = (TradeIntended, TradeSubmitted, TradeSettled, TradeFailed, TradeExpired, ExitAsked)
"""What only the engine writes: the steps of trades. The rest is what people enter, in whichever process they ask."""


@as_struct
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a wallet's stream. `seq` is the previous one plus one; the store lets only one writer have it."""

    id: EntryId
    wallet_address: WalletAddress
    agent_id: AgentId
    seq: int
    at: datetime
    body: EntryBody
    postings: tuple[Posting, ...] = ()
