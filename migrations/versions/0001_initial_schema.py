"""Initial schema: the tables of the contract, the journal they are projected from, and what the engine keeps beside it.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# A written line of the journal never changes. `SET LOCAL nexgent.allow_journal_changes = 'on'` is for tests and for an
# operator who knows what he does.
_REFUSE_CHANGES = """
CREATE FUNCTION nexgent_refuse_journal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('nexgent.allow_journal_changes', true), '') = 'on' THEN
        IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the journal is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$
"""
_GUARD_ROWS = """
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
FOR EACH ROW EXECUTE FUNCTION nexgent_refuse_journal_change()
"""
_GUARD_TABLE = """
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
FOR EACH STATEMENT EXECUTE FUNCTION nexgent_refuse_journal_change()
"""
_TABLES = (
    "position_marks",
    "engine_lease",
    "signal_decisions",
    "signal_executions",
    "trade_intents",
    "projection_failures",
    "journal_watermark",
    "journal_streams",
    "journal",
    "agent_positions",
    "agent_historical_swaps",
    "agent_transactions",
    "agent_balances",
    "agent_balance_snapshots",
    "agent_wallets",
    "trading_signals",
    "api_keys",
    "agents",
    "users",
)


def upgrade() -> None:
    op.create_table(
        "engine_lease",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("engine_lease_single_row_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("engine_lease_pkey")),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("intent_id", sa.Uuid(), nullable=True),
        sa.Column("position_id", sa.Uuid(), nullable=True),
        sa.Column("postings", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("body", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("seq > 0", name=op.f("journal_seq_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("journal_pkey")),
        sa.UniqueConstraint("entry_id", name=op.f("journal_entry_id_key")),
        sa.UniqueConstraint("wallet_address", "seq", name=op.f("journal_wallet_address_seq_key")),
    )
    op.create_table(
        "journal_streams",
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("wallet_address", name=op.f("journal_streams_pkey")),
    )
    op.create_table(
        "journal_watermark",
        sa.Column("id", sa.SmallInteger(), server_default=sa.text("1"), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("journal_watermark_single_row_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("journal_watermark_pkey")),
    )
    op.create_table(
        "position_marks",
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("position_version", sa.Integer(), nullable=False),
        sa.Column("peak_price_sol", sa.Numeric(), nullable=False),
        sa.Column("lowest_price_sol", sa.Numeric(), nullable=False),
        sa.Column("stop_loss_pct", sa.Numeric(), nullable=True),
        sa.Column("stop_updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("position_id", name=op.f("position_marks_pkey")),
    )
    op.create_table(
        "projection_failures",
        sa.Column("journal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column(
            "failed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("journal_id", name=op.f("projection_failures_pkey")),
    )
    op.create_index(
        op.f("projection_failures_wallet_address_idx"),
        "projection_failures",
        ["wallet_address"],
        unique=False,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("failed_login_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("users_pkey")),
        sa.UniqueConstraint("email", name=op.f("users_email_key")),
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "trading_mode", sa.String(length=20), server_default=sa.text("'simulation'"), nullable=False
        ),
        sa.Column("trading_config", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "automated_trading_simulation", sa.Boolean(), server_default=sa.text("true"), nullable=False
        ),
        sa.Column("automated_trading_live", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.CheckConstraint("trading_mode IN ('simulation', 'live')", name=op.f("agents_trading_mode_check")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("agents_user_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agents_pkey")),
    )
    op.create_index(
        op.f("agents_automated_trading_live_idx"), "agents", ["automated_trading_live"], unique=False
    )
    op.create_index(
        op.f("agents_automated_trading_simulation_idx"),
        "agents",
        ["automated_trading_simulation"],
        unique=False,
    )
    op.create_index(op.f("agents_user_id_idx"), "agents", ["user_id"], unique=False)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key_hash", sa.String(length=255), nullable=False),
        sa.Column("key_prefix", sa.String(length=12), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), server_default=sa.text("ARRAY[]::text[]"), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("api_keys_user_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
        sa.UniqueConstraint("key_hash", name=op.f("api_keys_key_hash_key")),
    )
    op.create_index(op.f("api_keys_user_id_idx"), "api_keys", ["user_id"], unique=False)
    op.create_table(
        "trading_signals",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_address", sa.String(length=255), nullable=False),
        sa.Column("symbol", sa.String(length=50), nullable=True),
        sa.Column("signal_type", sa.String(length=50), nullable=False),
        sa.Column("activation_reason", sa.Text(), nullable=True),
        sa.Column("signal_strength", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duplicate_key", sa.String(length=32), nullable=True),
        sa.Column("process_note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("trading_signals_user_id_fkey"),
            onupdate="CASCADE",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("trading_signals_pkey")),
    )
    op.create_index(op.f("trading_signals_created_at_idx"), "trading_signals", ["created_at"], unique=False)
    op.create_index(
        "trading_signals_duplicate_idx",
        "trading_signals",
        ["duplicate_key"],
        unique=False,
        postgresql_where=sa.text("duplicate_key IS NOT NULL"),
    )
    op.create_index(op.f("trading_signals_signal_type_idx"), "trading_signals", ["signal_type"], unique=False)
    op.create_index(
        op.f("trading_signals_token_address_idx"), "trading_signals", ["token_address"], unique=False
    )
    op.create_index(
        "trading_signals_unprocessed_idx",
        "trading_signals",
        ["id"],
        unique=False,
        postgresql_where=sa.text("processed_at IS NULL"),
    )
    op.create_index(op.f("trading_signals_user_id_idx"), "trading_signals", ["user_id"], unique=False)
    op.create_table(
        "agent_wallets",
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_type", sa.String(length=20), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "wallet_type IN ('simulation', 'live')", name=op.f("agent_wallets_wallet_type_check")
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("agent_wallets_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("wallet_address", name=op.f("agent_wallets_pkey")),
        sa.UniqueConstraint("agent_id", "wallet_type", name=op.f("agent_wallets_agent_id_wallet_type_key")),
    )
    op.create_index(op.f("agent_wallets_agent_id_idx"), "agent_wallets", ["agent_id"], unique=False)
    op.create_table(
        "signal_decisions",
        sa.Column("signal_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "gates",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("intent_id", sa.Uuid(), nullable=True),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("position_id", sa.Uuid(), nullable=True),
        sa.Column("size_sol", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("price_sol", sa.Numeric(), nullable=True),
        sa.Column("price_source", sa.String(length=50), nullable=True),
        sa.Column("price_age_ms", sa.Integer(), nullable=True),
        sa.Column(
            "latency",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('EXECUTED', 'FAILED', 'SKIPPED')", name=op.f("signal_decisions_outcome_check")
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("signal_decisions_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["signal_id"],
            ["trading_signals.id"],
            name=op.f("signal_decisions_signal_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("signal_id", "agent_id", name=op.f("signal_decisions_pkey")),
    )
    op.create_index(
        op.f("signal_decisions_agent_id_decided_at_idx"),
        "signal_decisions",
        ["agent_id", "decided_at"],
        unique=False,
    )
    op.create_table(
        "agent_balance_snapshots",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("snapshot_timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("portfolio_balance_sol", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("sol_balance", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("positions_value_sol", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("unrealized_pnl_sol", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("agent_balance_snapshots_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("agent_balance_snapshots_wallet_address_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agent_balance_snapshots_pkey")),
        sa.UniqueConstraint(
            "agent_id", "wallet_address", "snapshot_timestamp", name="abs_agent_wallet_timestamp_key"
        ),
    )
    op.create_index("abs_wallet_address_idx", "agent_balance_snapshots", ["wallet_address"], unique=False)
    op.create_index(
        op.f("agent_balance_snapshots_snapshot_timestamp_idx"),
        "agent_balance_snapshots",
        ["snapshot_timestamp"],
        unique=False,
    )
    op.create_table(
        "agent_balances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("token_address", sa.String(length=255), nullable=False),
        sa.Column("token_symbol", sa.String(length=50), nullable=False),
        sa.Column("balance", sa.Text(), nullable=False),
        sa.Column("last_updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("balance_raw", sa.Numeric(precision=40, scale=0), nullable=False),
        sa.Column("decimals", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("balance_raw >= 0", name=op.f("agent_balances_balance_raw_check")),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("agent_balances_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("agent_balances_wallet_address_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agent_balances_pkey")),
        sa.UniqueConstraint(
            "wallet_address", "token_address", name=op.f("agent_balances_wallet_address_token_address_key")
        ),
    )
    op.create_index(op.f("agent_balances_agent_id_idx"), "agent_balances", ["agent_id"], unique=False)
    op.create_index(
        op.f("agent_balances_agent_id_wallet_address_idx"),
        "agent_balances",
        ["agent_id", "wallet_address"],
        unique=False,
    )
    op.create_index(
        op.f("agent_balances_token_address_idx"), "agent_balances", ["token_address"], unique=False
    )
    op.create_table(
        "agent_transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=True),
        sa.Column(
            "transaction_type",
            sa.Enum("DEPOSIT", "WITHDRAWAL", "SWAP", "BURN", name="TransactionType"),
            nullable=False,
        ),
        sa.Column("transaction_value_usd", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("transaction_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destination_address", sa.String(length=255), nullable=True),
        sa.Column("signal_id", sa.Integer(), nullable=True),
        sa.Column("fees", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("routes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("input_mint", sa.String(length=255), nullable=True),
        sa.Column("input_symbol", sa.String(length=50), nullable=True),
        sa.Column("input_amount", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("input_price", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("output_mint", sa.String(length=255), nullable=True),
        sa.Column("output_symbol", sa.String(length=50), nullable=True),
        sa.Column("output_amount", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("output_price", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("slippage", sa.Numeric(precision=30, scale=18), nullable=True),
        sa.Column("price_impact", sa.Numeric(precision=30, scale=18), nullable=True),
        sa.Column("is_dca", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("transaction_hash", sa.String(length=255), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swap_payload", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("is_take_profit", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("protocol_fee_sol", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("network_fee_sol", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("agent_transactions_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["signal_id"],
            ["trading_signals.id"],
            name=op.f("agent_transactions_signal_id_fkey"),
            onupdate="CASCADE",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("agent_transactions_wallet_address_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agent_transactions_pkey")),
    )
    op.create_index(op.f("agent_transactions_agent_id_idx"), "agent_transactions", ["agent_id"], unique=False)
    op.create_index(
        op.f("agent_transactions_agent_id_transaction_time_idx"),
        "agent_transactions",
        ["agent_id", "transaction_time"],
        unique=False,
    )
    op.create_index(
        op.f("agent_transactions_agent_id_transaction_type_idx"),
        "agent_transactions",
        ["agent_id", "transaction_type"],
        unique=False,
    )
    op.create_index(
        op.f("agent_transactions_agent_id_wallet_address_idx"),
        "agent_transactions",
        ["agent_id", "wallet_address"],
        unique=False,
    )
    op.create_index(
        op.f("agent_transactions_signal_id_idx"), "agent_transactions", ["signal_id"], unique=False
    )
    op.create_index(
        "agent_transactions_transaction_hash_key",
        "agent_transactions",
        ["transaction_hash", "wallet_address"],
        unique=True,
        postgresql_where=sa.text("transaction_hash IS NOT NULL"),
    )
    op.create_index(
        op.f("agent_transactions_transaction_time_idx"),
        "agent_transactions",
        ["transaction_time"],
        unique=False,
    )
    op.create_index(
        op.f("agent_transactions_transaction_type_idx"),
        "agent_transactions",
        ["transaction_type"],
        unique=False,
    )
    op.create_index(
        op.f("agent_transactions_wallet_address_idx"), "agent_transactions", ["wallet_address"], unique=False
    )
    op.create_table(
        "trade_intents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("token_address", sa.String(length=255), nullable=False),
        sa.Column("token_symbol", sa.String(length=50), nullable=False),
        sa.Column("signal_id", sa.Integer(), nullable=True),
        sa.Column("position_id", sa.Uuid(), nullable=True),
        sa.Column("cause", sa.String(length=50), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("input_mint", sa.String(length=255), nullable=False),
        sa.Column("amount_raw", sa.Numeric(precision=40, scale=0), nullable=False),
        sa.Column("reserved_raw", sa.Numeric(precision=40, scale=0), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("intent", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("submission", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('intended', 'submitted', 'settled', 'failed', 'expired')",
            name=op.f("trade_intents_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("trade_intents_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("trade_intents_wallet_address_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("trade_intents_pkey")),
    )
    op.create_index(
        op.f("trade_intents_agent_id_created_at_idx"),
        "trade_intents",
        ["agent_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "trade_intents_open_idx",
        "trade_intents",
        ["wallet_address"],
        unique=False,
        postgresql_where=sa.text("status IN ('intended', 'submitted')"),
    )
    op.create_index(
        "trade_intents_operation_key",
        "trade_intents",
        ["position_id", "cause", "generation"],
        unique=True,
        postgresql_where=sa.text("position_id IS NOT NULL"),
    )
    op.create_index(
        "trade_intents_purchase_key",
        "trade_intents",
        ["agent_id", "signal_id"],
        unique=True,
        postgresql_where=sa.text("position_id IS NULL AND signal_id IS NOT NULL"),
    )
    op.create_table(
        "agent_historical_swaps",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=True),
        sa.Column("token_address", sa.String(length=255), nullable=False),
        sa.Column("token_symbol", sa.String(length=50), nullable=False),
        sa.Column("amount", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("purchase_price", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("sale_price", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("change_percent", sa.Numeric(precision=30, scale=4), nullable=False),
        sa.Column("profit_loss_usd", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("profit_loss_sol", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("purchase_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sale_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purchase_transaction_id", sa.Uuid(), nullable=True),
        sa.Column("sale_transaction_id", sa.Uuid(), nullable=True),
        sa.Column("signal_id", sa.Integer(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("close_reason", sa.String(length=50), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("agent_historical_swaps_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["purchase_transaction_id"],
            ["agent_transactions.id"],
            name=op.f("agent_historical_swaps_purchase_transaction_id_fkey"),
            onupdate="CASCADE",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["sale_transaction_id"],
            ["agent_transactions.id"],
            name=op.f("agent_historical_swaps_sale_transaction_id_fkey"),
            onupdate="CASCADE",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["signal_id"],
            ["trading_signals.id"],
            name=op.f("agent_historical_swaps_signal_id_fkey"),
            onupdate="CASCADE",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("agent_historical_swaps_wallet_address_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agent_historical_swaps_pkey")),
    )
    op.create_index(
        op.f("agent_historical_swaps_agent_id_created_at_idx"),
        "agent_historical_swaps",
        ["agent_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_agent_id_idx"), "agent_historical_swaps", ["agent_id"], unique=False
    )
    op.create_index(
        op.f("agent_historical_swaps_agent_id_purchase_time_idx"),
        "agent_historical_swaps",
        ["agent_id", "purchase_time"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_agent_id_sale_time_idx"),
        "agent_historical_swaps",
        ["agent_id", "sale_time"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_agent_id_signal_id_idx"),
        "agent_historical_swaps",
        ["agent_id", "signal_id"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_agent_id_token_address_idx"),
        "agent_historical_swaps",
        ["agent_id", "token_address"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_agent_id_wallet_address_idx"),
        "agent_historical_swaps",
        ["agent_id", "wallet_address"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_purchase_time_idx"),
        "agent_historical_swaps",
        ["purchase_time"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_purchase_transaction_id_idx"),
        "agent_historical_swaps",
        ["purchase_transaction_id"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_sale_time_idx"), "agent_historical_swaps", ["sale_time"], unique=False
    )
    op.create_index(
        op.f("agent_historical_swaps_sale_transaction_id_idx"),
        "agent_historical_swaps",
        ["sale_transaction_id"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_signal_id_idx"), "agent_historical_swaps", ["signal_id"], unique=False
    )
    op.create_index(
        op.f("agent_historical_swaps_token_address_idx"),
        "agent_historical_swaps",
        ["token_address"],
        unique=False,
    )
    op.create_index(
        op.f("agent_historical_swaps_wallet_address_idx"),
        "agent_historical_swaps",
        ["wallet_address"],
        unique=False,
    )
    op.create_table(
        "agent_positions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("token_address", sa.String(length=255), nullable=False),
        sa.Column("token_symbol", sa.String(length=50), nullable=False),
        sa.Column("purchase_transaction_id", sa.Uuid(), nullable=False),
        sa.Column("purchase_price", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("purchase_amount", sa.Numeric(precision=50, scale=18), nullable=False),
        sa.Column("current_stop_loss_percentage", sa.Numeric(), nullable=True),
        sa.Column("peak_price", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("last_stop_loss_update", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dca_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "dca_transaction_ids",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("ARRAY[]::text[]"),
            nullable=True,
        ),
        sa.Column("last_dca_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lowest_price", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column(
            "total_invested_sol",
            sa.Numeric(precision=50, scale=18),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column("remaining_amount", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column("take_profit_levels_hit", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "take_profit_transaction_ids",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("ARRAY[]::text[]"),
            nullable=False,
        ),
        sa.Column("last_take_profit_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moon_bag_activated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("moon_bag_amount", sa.Numeric(precision=50, scale=18), nullable=True),
        sa.Column(
            "realized_profit_sol",
            sa.Numeric(precision=50, scale=18),
            server_default=sa.text("0"),
            nullable=False,
        ),
        sa.Column("tp_batch_start_level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_take_profit_levels", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("state", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "purchase_amount >= 0 AND remaining_amount >= 0", name=op.f("agent_positions_amounts_check")
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("agent_positions_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["purchase_transaction_id"],
            ["agent_transactions.id"],
            name=op.f("agent_positions_purchase_transaction_id_fkey"),
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("agent_positions_wallet_address_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agent_positions_pkey")),
        sa.UniqueConstraint(
            "agent_id",
            "wallet_address",
            "token_address",
            name=op.f("agent_positions_agent_id_wallet_address_token_address_key"),
        ),
        sa.UniqueConstraint(
            "purchase_transaction_id", name=op.f("agent_positions_purchase_transaction_id_key")
        ),
    )
    op.create_index(op.f("agent_positions_agent_id_idx"), "agent_positions", ["agent_id"], unique=False)
    op.create_index(
        op.f("agent_positions_token_address_idx"), "agent_positions", ["token_address"], unique=False
    )
    op.create_index(
        op.f("agent_positions_wallet_address_idx"), "agent_positions", ["wallet_address"], unique=False
    )
    op.create_table(
        "signal_executions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("signal_id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "executed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("CURRENT_TIMESTAMP"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "status IN ('PENDING', 'EXECUTED', 'FAILED', 'SKIPPED')",
            name=op.f("signal_executions_status_check"),
        ),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("signal_executions_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["signal_id"],
            ["trading_signals.id"],
            name=op.f("signal_executions_signal_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["agent_transactions.id"],
            name=op.f("signal_executions_transaction_id_fkey"),
            onupdate="CASCADE",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("signal_executions_pkey")),
        sa.UniqueConstraint("signal_id", "agent_id", name=op.f("signal_executions_signal_id_agent_id_key")),
    )
    op.create_index(op.f("signal_executions_agent_id_idx"), "signal_executions", ["agent_id"], unique=False)
    op.create_index(op.f("signal_executions_signal_id_idx"), "signal_executions", ["signal_id"], unique=False)
    op.create_index(
        op.f("signal_executions_transaction_id_idx"), "signal_executions", ["transaction_id"], unique=False
    )
    op.execute(_REFUSE_CHANGES)
    op.execute(_GUARD_ROWS)
    op.execute(_GUARD_TABLE)
    op.execute("INSERT INTO journal_watermark (id, position) VALUES (1, 0)")
    op.execute("INSERT INTO engine_lease (id, epoch) VALUES (1, 0)")


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION nexgent_refuse_journal_change()")
    op.execute('DROP TYPE "TransactionType"')
