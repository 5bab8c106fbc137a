"""What closed trades and snapshots add up to: nobody adds up years to show a figure, and a start reads days of trades.

Triggers keep the sums with every statement that writes `agent_historical_swaps` or `agent_balance_snapshots`, in the same
transaction: the projector, a wallet that goes, a cascade. What is taken away is subtracted exactly, so they never drift.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    String,
    Table,
    Uuid,
)

from nexgent.infrastructure.database.schema.tables import ADDRESS, TIME, metadata

# No foreign keys: trades that go take their share along, and a sum of nothing is removed.
closed_trade_totals = Table(
    "closed_trade_totals",
    metadata,
    Column("agent_id", Uuid, nullable=False),
    # Empty for those whose wallet is gone.
    Column("wallet_address", String(44), nullable=False),
    Column("trades", BigInteger, nullable=False),
    Column("wins", BigInteger, nullable=False),
    Column("profit_loss_sol", Numeric, nullable=False),
    Column("change_percent", Numeric, nullable=False),
    PrimaryKeyConstraint("agent_id", "wallet_address"),
)

# Of all agents of a user together, by the day (UTC) of the sale. Trades without a wallet are neither paper nor live.
closed_trade_days = Table(
    "closed_trade_days",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"), nullable=False),
    Column("paper", Boolean, nullable=False),
    Column("day", Date, nullable=False),
    Column("trades", BigInteger, nullable=False),
    Column("wins", BigInteger, nullable=False),
    Column("profit_loss_sol", Numeric, nullable=False),
    Column("profit_loss_usd", Numeric, nullable=False),
    PrimaryKeyConstraint("user_id", "paper", "day"),
)

# What the wallets of a user that have a snapshot of an hour were worth together.
snapshot_hours = Table(
    "snapshot_hours",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE", onupdate="CASCADE"), nullable=False),
    Column("paper", Boolean, nullable=False),
    Column("hour", TIME, nullable=False),
    Column("wallets", BigInteger, nullable=False),
    Column("portfolio_balance_sol", Numeric, nullable=False),
    PrimaryKeyConstraint("user_id", "paper", "hour"),
)

# Since when a wallet has snapshots: by then it counts in the sums of its hours.
snapshot_begins = Table(
    "snapshot_begins",
    metadata,
    Column("agent_id", Uuid, nullable=False),
    Column("wallet_address", ADDRESS, nullable=False),
    Column("begun_at", TIME, nullable=False),
    PrimaryKeyConstraint("agent_id", "wallet_address"),
)

# What the protections know of a wallet's trades that were sold before `before`. It counts as long as the agent's reset is the one
# it was made under; a trade from before that comes, changes or goes removes it (the same trigger).
protection_sums = Table(
    "protection_sums",
    metadata,
    Column(
        "wallet_address",
        ADDRESS,
        ForeignKey("agent_wallets.wallet_address", ondelete="CASCADE", onupdate="CASCADE"),
        primary_key=True,
    ),
    Column("agent_id", Uuid, nullable=False),
    Column("reset_at", TIME),
    Column("before", TIME, nullable=False),
    Column("profit_sol", Numeric, nullable=False),
    Column("peak_profit_sol", Numeric, nullable=False),
    Column("loss_streak", Integer, nullable=False),
    Column("last_loss_at", TIME),
)
