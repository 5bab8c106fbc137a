"""The schema. Eleven tables keep the names and columns of the REST contract's history; the others are our own.

Amounts are `numeric(50,18)`: wide enough for any 64-bit base-unit amount of any token, fine enough for lamports and for
prices of the smallest tokens. The read tables (positions, balances, transactions, closed trades, intents) are projections
of `journal` and have one writer, the projector.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

ADDRESS = String(44)
MINT = String(255)
SYMBOL = String(50)
AMOUNT = Numeric(50, 18)
PERCENT = Numeric(30, 4)
RAW = Numeric(40, 0)
TIME = DateTime(timezone=True)
TRANSACTION_TYPE = Enum("DEPOSIT", "WITHDRAWAL", "SWAP", "BURN", name="TransactionType")

_NOW = text("CURRENT_TIMESTAMP")
_NO_TEXTS = text("ARRAY[]::text[]")
_TRUE = text("true")
_FALSE = text("false")
_ZERO = text("0")


def _id() -> Column[object]:
    return Column("id", Uuid, primary_key=True)


def _created_at() -> Column[object]:
    return Column("created_at", TIME, nullable=False, server_default=_NOW)


def _updated_at() -> Column[object]:
    return Column("updated_at", TIME, nullable=False)


def _agent_id() -> Column[object]:
    return Column(
        "agent_id", Uuid, ForeignKey("agents.id", ondelete="CASCADE", onupdate="CASCADE"), nullable=False
    )


def _wallet(*, nullable: bool = False) -> Column[object]:
    target = ForeignKey("agent_wallets.wallet_address", ondelete="CASCADE", onupdate="CASCADE")
    return Column("wallet_address", ADDRESS, target, nullable=nullable)


def _signal_id() -> Column[object]:
    return Column(
        "signal_id", Integer, ForeignKey("trading_signals.id", ondelete="SET NULL", onupdate="CASCADE")
    )


def _transaction_id(name: str) -> Column[object]:
    return Column(name, Uuid, ForeignKey("agent_transactions.id", ondelete="SET NULL", onupdate="CASCADE"))


users = Table(
    "users",
    metadata,
    _id(),
    Column("email", String(255), nullable=False, unique=True),
    Column("password_hash", String(255)),
    _created_at(),
    Column("failed_login_attempts", Integer, nullable=False, server_default=_ZERO),
    Column("locked_until", TIME),
    # Made or taken over by the settings, not registered by whoever it was.
    Column("seeded", Boolean, nullable=False, server_default=text("false")),
    # Sessions that began earlier are over.
    Column("sessions_from", TIME),
    # The password of the settings, where the user has set another one since.
    Column("seeded_password_hash", String(255)),
)

user_sessions = Table(
    "user_sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("created_at", TIME, nullable=False),
    Column("last_used_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False, index=True),
    Column("ended_at", TIME),
    Column("address", String(64), nullable=False),
    Column("user_agent", String(255), nullable=False),
    # The refresh token that counts, and the one before it, by their ids.
    Column("token_id", String(64), nullable=False),
    Column("previous_token_id", String(64)),
    Column("rotated_at", TIME),
)

# Passwords that were tried, by a digest of the account's name, whether or not there is such an account. Network '' is all
# strangers together.
login_attempts = Table(
    "login_attempts",
    metadata,
    Column("account", LargeBinary, primary_key=True),
    Column("network", String(64), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("locks", Integer, nullable=False),
    Column("locked_until", TIME),
    Column("updated_at", TIME, nullable=False, index=True),
)

login_networks = Table(
    "login_networks",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True),
    Column("network", String(64), primary_key=True),
    Column("last_seen_at", TIME, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("name", String(100), nullable=False),
    Column("key_hash", String(255), nullable=False, unique=True),
    Column("key_prefix", String(12), nullable=False),
    Column("scopes", ARRAY(Text), server_default=_NO_TEXTS),
    _created_at(),
    Column("expires_at", TIME),
)

agents = Table(
    "agents",
    metadata,
    _id(),
    Column(
        "user_id",
        Uuid,
        ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("name", String(255), nullable=False),
    Column("trading_mode", String(20), nullable=False, server_default=text("'simulation'")),
    Column("trading_config", JSONB),
    _created_at(),
    _updated_at(),
    Column("automated_trading_simulation", Boolean, nullable=False, server_default=_TRUE, index=True),
    Column("automated_trading_live", Boolean, nullable=False, server_default=_TRUE, index=True),
    Column("deleted_at", TIME),
    CheckConstraint("trading_mode IN ('simulation', 'live')", name="trading_mode"),
)

agent_wallets = Table(
    "agent_wallets",
    metadata,
    Column("wallet_address", ADDRESS, primary_key=True),
    _agent_id(),
    Column("wallet_type", String(20), nullable=False),
    _created_at(),
    _updated_at(),
    UniqueConstraint("agent_id", "wallet_type"),
    Index(None, "agent_id"),
    CheckConstraint("wallet_type IN ('simulation', 'live')", name="wallet_type"),
)

agent_balances = Table(
    "agent_balances",
    metadata,
    _id(),
    _agent_id(),
    _wallet(),
    Column("token_address", MINT, nullable=False),
    Column("token_symbol", SYMBOL, nullable=False),
    Column("balance", Text, nullable=False),
    Column("last_updated", TIME, nullable=False),
    Column("balance_raw", RAW, nullable=False),
    Column("decimals", SmallInteger, nullable=False),
    UniqueConstraint("wallet_address", "token_address"),
    Index(None, "agent_id"),
    # What a wallet holds, and what it held a moment before its last change, among all it ever held.
    Index("agent_balances_held_idx", "wallet_address", text("sign(balance_raw)"), "last_updated"),
    CheckConstraint("balance_raw >= 0", name="balance_raw"),
)

agent_balance_snapshots = Table(
    "agent_balance_snapshots",
    metadata,
    _id(),
    _agent_id(),
    Column("snapshot_timestamp", TIME, nullable=False, index=True),
    Column("portfolio_balance_sol", AMOUNT, nullable=False),
    Column("sol_balance", AMOUNT, nullable=False),
    Column("positions_value_sol", AMOUNT, nullable=False),
    Column("unrealized_pnl_sol", AMOUNT, nullable=False),
    _created_at(),
    _updated_at(),
    _wallet(),
    UniqueConstraint(
        "agent_id", "wallet_address", "snapshot_timestamp", name="abs_agent_wallet_timestamp_key"
    ),
    Index("abs_wallet_address_idx", "wallet_address"),
    Index(
        "agent_balance_snapshots_midnight_idx",
        "agent_id",
        "wallet_address",
        "snapshot_timestamp",
        postgresql_where=text("EXTRACT(hour FROM timezone('UTC', snapshot_timestamp)) = 0"),
    ),
)

trading_signals = Table(
    "trading_signals",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _created_at(),
    _updated_at(),
    Column("token_address", MINT, nullable=False, index=True),
    Column("symbol", String(50)),
    Column("signal_type", String(50), nullable=False, index=True),
    Column("activation_reason", Text),
    Column("signal_strength", Integer, nullable=False),
    Column("source", String(100)),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="SET NULL", onupdate="CASCADE"), index=True),
    Column("processed_at", TIME),
    Column("duplicate_key", String(32)),
    Column("process_note", Text),
    Column("action", String(20), nullable=False, server_default=text("'buy'")),
    Column("percent", Numeric),
    # For which shards it was decided on, a bit each; processed_at is set with the last one.
    Column("answered", BigInteger, nullable=False, server_default=_ZERO),
    Index(None, "created_at"),
    # Finds a repeated signal: same user, token, type and strength within the last minute.
    Index(
        "trading_signals_duplicate_idx", "duplicate_key", postgresql_where=text("duplicate_key IS NOT NULL")
    ),
    Index("trading_signals_unprocessed_idx", "id", postgresql_where=text("processed_at IS NULL")),
    CheckConstraint("action IN ('buy', 'close', 'reduce')", name="action"),
    CheckConstraint("(action = 'reduce') = (percent IS NOT NULL)", name="percent"),
)

agent_transactions = Table(
    "agent_transactions",
    metadata,
    _id(),
    _agent_id(),
    _wallet(nullable=True),
    Column("transaction_type", TRANSACTION_TYPE, nullable=False),
    Column("transaction_value_usd", AMOUNT, nullable=False),
    Column("transaction_time", TIME, nullable=False),
    Column("destination_address", String(255)),
    _signal_id(),
    Column("fees", AMOUNT),
    Column("routes", JSONB),
    Column("input_mint", MINT),
    Column("input_symbol", SYMBOL),
    Column("input_amount", AMOUNT),
    Column("input_price", AMOUNT),
    Column("output_mint", MINT),
    Column("output_symbol", SYMBOL),
    Column("output_amount", AMOUNT),
    Column("output_price", AMOUNT),
    Column("slippage", Numeric(30, 18)),
    Column("price_impact", Numeric(30, 18)),
    Column("is_dca", Boolean, nullable=False, server_default=_FALSE),
    Column("transaction_hash", String(255)),
    _created_at(),
    _updated_at(),
    Column("swap_payload", JSONB),
    Column("is_take_profit", Boolean, nullable=False, server_default=_FALSE),
    Column("protocol_fee_sol", AMOUNT),
    Column("network_fee_sol", AMOUNT),
    # A wallet is one agent's, and whatever is listed is an agent's: an index each, not one for every pair.
    Index(None, "wallet_address"),
    Index(None, "signal_id"),
    Index(None, "agent_id", "transaction_time"),
    # Few among many: a list of them alone would look through all of the agent's.
    Index(
        "agent_transactions_no_swap_idx",
        "agent_id",
        "transaction_time",
        postgresql_where=text("transaction_type <> 'SWAP'"),
    ),
    Index("agent_transactions_is_dca_idx", "agent_id", "transaction_time", postgresql_where=text("is_dca")),
    Index(
        "agent_transactions_is_take_profit_idx",
        "agent_id",
        "transaction_time",
        postgresql_where=text("is_take_profit"),
    ),
    # One landed transaction is booked once per wallet. Two wallets of ours may share one: a transfer between them.
    Index(
        "agent_transactions_transaction_hash_key",
        "transaction_hash",
        "wallet_address",
        unique=True,
        postgresql_where=text("transaction_hash IS NOT NULL"),
    ),
)

signal_executions = Table(
    "signal_executions",
    metadata,
    _id(),
    Column(
        "signal_id",
        Integer,
        ForeignKey("trading_signals.id", ondelete="CASCADE", onupdate="CASCADE"),
        nullable=False,
    ),
    _agent_id(),
    Column("status", String(20), nullable=False),
    _transaction_id("transaction_id"),
    Column("error", Text),
    Column("executed_at", TIME, nullable=False, server_default=_NOW),
    UniqueConstraint("signal_id", "agent_id"),
    Index(None, "agent_id"),
    Index(None, "transaction_id"),
    CheckConstraint("status IN ('PENDING', 'EXECUTED', 'FAILED', 'SKIPPED')", name="status"),
)

agent_historical_swaps = Table(
    "agent_historical_swaps",
    metadata,
    _id(),
    _agent_id(),
    _wallet(nullable=True),
    Column("token_address", MINT, nullable=False),
    Column("token_symbol", SYMBOL, nullable=False),
    Column("amount", AMOUNT, nullable=False),
    Column("purchase_price", AMOUNT, nullable=False),
    Column("sale_price", AMOUNT, nullable=False),
    Column("change_percent", PERCENT, nullable=False),
    Column("profit_loss_usd", AMOUNT, nullable=False),
    Column("profit_loss_sol", AMOUNT, nullable=False),
    Column("purchase_time", TIME, nullable=False),
    Column("sale_time", TIME, nullable=False, index=True),
    _transaction_id("purchase_transaction_id"),
    _transaction_id("sale_transaction_id"),
    _signal_id(),
    _created_at(),
    Column("close_reason", String(50)),
    Index(None, "wallet_address"),
    Index(None, "signal_id"),
    Index(None, "purchase_transaction_id"),
    Index(None, "sale_transaction_id"),
    # By the token first: what is bought for a signal lies together, and it is looked up with the agents or without.
    Index(None, "token_address", "agent_id"),
    Index(None, "token_symbol", "agent_id"),
    Index(None, "agent_id", "purchase_time"),
    # The order of a list, with all that finding a page of it takes.
    Index(None, "agent_id", "sale_time", "id"),
    # The order of an export.
    Index(None, "agent_id", "id"),
)

agent_positions = Table(
    "agent_positions",
    metadata,
    _id(),
    _agent_id(),
    _wallet(),
    Column("token_address", MINT, nullable=False, index=True),
    Column("token_symbol", SYMBOL, nullable=False),
    # No cascade here: an open position holds money and must not vanish together with a row of its history.
    Column(
        "purchase_transaction_id",
        Uuid,
        ForeignKey("agent_transactions.id", onupdate="CASCADE"),
        nullable=False,
        unique=True,
    ),
    Column("purchase_price", AMOUNT, nullable=False),
    Column("purchase_amount", AMOUNT, nullable=False),
    Column("current_stop_loss_percentage", Numeric),
    Column("peak_price", AMOUNT),
    Column("last_stop_loss_update", TIME),
    _created_at(),
    _updated_at(),
    Column("dca_count", Integer, nullable=False, server_default=_ZERO),
    Column("dca_transaction_ids", ARRAY(Text), server_default=_NO_TEXTS),
    Column("last_dca_time", TIME),
    Column("lowest_price", AMOUNT),
    Column("total_invested_sol", AMOUNT, nullable=False, server_default=_ZERO),
    Column("remaining_amount", AMOUNT),
    Column("take_profit_levels_hit", Integer, nullable=False, server_default=_ZERO),
    Column("take_profit_transaction_ids", ARRAY(Text), nullable=False, server_default=_NO_TEXTS),
    Column("last_take_profit_time", TIME),
    Column("moon_bag_activated", Boolean, nullable=False, server_default=_FALSE),
    Column("moon_bag_amount", AMOUNT),
    Column("realized_profit_sol", AMOUNT, nullable=False, server_default=_ZERO),
    Column("tp_batch_start_level", Integer, nullable=False, server_default=_ZERO),
    Column("total_take_profit_levels", Integer),
    Column("version", Integer, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("state", JSON, nullable=False),
    UniqueConstraint("agent_id", "wallet_address", "token_address"),
    Index(None, "wallet_address"),
    CheckConstraint("purchase_amount >= 0 AND remaining_amount >= 0", name="amounts"),
)

# --- Our own tables -------------------------------------------------------------------------------------------------

# The truth. No foreign keys: history outlives agents and wallets. A trigger refuses every change of a written line. Its parts, a
# month each, are tables that are made as time goes on; each has `UNIQUE (entry_id)` and `UNIQUE (wallet_address, seq)`.
# Documents that are written and read as a whole are `json`, which stores the text as it is: half the cost of `jsonb`.
journal = Table(
    "journal",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("entry_id", Uuid, nullable=False),
    Column("wallet_address", ADDRESS, nullable=False),
    Column("agent_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", TIME, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("intent_id", Uuid),
    Column("position_id", Uuid),
    Column("postings", JSON, nullable=False),
    Column("body", JSON, nullable=False),
    Column("epoch", BigInteger, nullable=False, server_default=_ZERO),
    CheckConstraint("seq > 0", name="seq"),
    postgresql_partition_by="RANGE (id)",
)

# Where each stream ends, over all parts. A trigger moves it with the lines, and refuses those that do not come next.
journal_heads = Table(
    "journal_heads",
    metadata,
    Column("wallet_address", ADDRESS, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)

journal_streams = Table(
    "journal_streams",
    metadata,
    Column("wallet_address", ADDRESS, primary_key=True),
    Column("agent_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

journal_watermark = Table(
    "journal_watermark",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("position", BigInteger, nullable=False, server_default=_ZERO),
    CheckConstraint("id = 1", name="single_row"),
)

projection_failures = Table(
    "projection_failures",
    metadata,
    Column("journal_id", BigInteger, primary_key=True, autoincrement=False),
    Column("wallet_address", ADDRESS, nullable=False, index=True),
    Column("agent_id", Uuid, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("error", Text, nullable=False),
    Column("failed_at", TIME, nullable=False, server_default=_NOW),
)

trade_intents = Table(
    "trade_intents",
    metadata,
    _id(),
    _agent_id(),
    _wallet(),
    Column("kind", String(20), nullable=False),
    Column("token_address", MINT, nullable=False),
    Column("token_symbol", SYMBOL, nullable=False),
    # No foreign keys: deleting a signal or closing a position must not make room for a second intent.
    Column("signal_id", Integer),
    Column("position_id", Uuid),
    Column("cause", String(50), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("input_mint", MINT, nullable=False),
    Column("amount_raw", RAW, nullable=False),
    Column("reserved_raw", RAW, nullable=False),
    Column("status", String(20), nullable=False),
    Column("code", String(100)),
    Column("reason", Text),
    Column("intent", JSON, nullable=False),
    Column("submission", JSON),
    Column("transaction_id", Uuid),
    _created_at(),
    _updated_at(),
    # The signal that asked for a sale; that in `signal_id` was bought for. No foreign key, for the same reason.
    Column("sell_signal_id", Integer),
    CheckConstraint("status IN ('intended', 'submitted', 'settled', 'failed', 'expired')", name="status"),
    Index(
        "trade_intents_purchase_key",
        "agent_id",
        "signal_id",
        unique=True,
        postgresql_where=text("position_id IS NULL AND signal_id IS NOT NULL"),
    ),
    Index(
        "trade_intents_operation_key",
        "position_id",
        "cause",
        "generation",
        unique=True,
        postgresql_where=text("position_id IS NOT NULL"),
    ),
    Index(
        "trade_intents_open_idx",
        "wallet_address",
        postgresql_where=text("status IN ('intended', 'submitted')"),
    ),
    Index(
        "trade_intents_sell_signal_idx",
        "sell_signal_id",
        postgresql_where=text("sell_signal_id IS NOT NULL"),
    ),
    # Whether a sale is the engine's own is asked of few trades, not of all intents.
    Index("trade_intents_settled_idx", "transaction_id", postgresql_where=text("status = 'settled'")),
    Index(None, "agent_id", "created_at"),
)

signal_decisions = Table(
    "signal_decisions",
    metadata,
    Column(
        "signal_id",
        Integer,
        ForeignKey("trading_signals.id", ondelete="CASCADE", onupdate="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column(
        "agent_id", Uuid, ForeignKey("agents.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    ),
    Column("outcome", String(20), nullable=False),
    Column("code", String(100)),
    Column("reason", Text),
    Column("gates", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("intent_id", Uuid),
    Column("transaction_id", Uuid),
    Column("position_id", Uuid),
    Column("size_sol", AMOUNT),
    Column("price_sol", Numeric),
    Column("price_source", String(50)),
    Column("price_age_ms", Integer),
    Column("latency", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column("decided_at", TIME, nullable=False),
    Index(None, "agent_id", "decided_at"),
    CheckConstraint("outcome IN ('EXECUTED', 'FAILED', 'SKIPPED')", name="outcome"),
)

# No foreign key: the engine writes marks before the projector has written the position.
position_marks = Table(
    "position_marks",
    metadata,
    Column("position_id", Uuid, primary_key=True),
    Column("position_version", Integer, nullable=False),
    Column("peak_price_sol", Numeric, nullable=False),
    Column("lowest_price_sol", Numeric, nullable=False),
    Column("stop_loss_pct", Numeric),
    Column("stop_updated_at", TIME),
    Column("updated_at", TIME, nullable=False, server_default=_NOW),
)

# A row is the right to trade: row 1 for all agents, the others for those of the shards whose bits are set.
engine_lease = Table(
    "engine_lease",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False, server_default=text("1")),
    Column("epoch", BigInteger, nullable=False, server_default=_ZERO),
    Column("owner", Text),
    Column("acquired_at", TIME),
    Column("session", Text),
    Column("renewed_at", TIME),
    Column("expires_at", TIME),
    Column("shards", BigInteger, nullable=False, server_default=text("'-1'::integer")),
    Column("version", Text),
    Column("moves", BigInteger, nullable=False, server_default=_ZERO),
    CheckConstraint("id BETWEEN 1 AND 64", name="shard"),
)
