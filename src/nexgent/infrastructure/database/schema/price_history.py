"""Recorded prices of tokens, in SOL per token."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Uuid,
    text,
)

from nexgent.infrastructure.database.schema.tables import MINT, TIME, metadata

# A row is a minute with the last price of each of its 60 seconds, null where there was none: a sixtieth of the rows and of the
# index that a row for each second would take.
price_seconds = Table(
    "price_seconds",
    metadata,
    Column("token_address", MINT, nullable=False),
    Column("minute", TIME, nullable=False),
    Column("closes", ARRAY(Numeric), nullable=False),
    PrimaryKeyConstraint("token_address", "minute"),
    # For who deletes what is old.
    Index(None, "minute"),
)
# Candles of a minute (60) and of an hour (3600).
price_candles = Table(
    "price_candles",
    metadata,
    Column("token_address", MINT, nullable=False),
    Column("seconds", SmallInteger, nullable=False),
    Column("opened_at", TIME, nullable=False),
    Column("open", Numeric, nullable=False),
    Column("high", Numeric, nullable=False),
    Column("low", Numeric, nullable=False),
    Column("close", Numeric, nullable=False),
    Column("source", String(50), nullable=False),
    PrimaryKeyConstraint("token_address", "seconds", "opened_at"),
    Index(None, "seconds", "opened_at"),
)

# Stop and peak of open positions as they moved, at most a row a minute for each.
position_lines = Table(
    "position_lines",
    metadata,
    Column("position_id", Uuid, nullable=False),
    Column("minute", TIME, nullable=False),
    # No foreign keys: what a chart shows stays when the position is closed.
    Column("agent_id", Uuid, nullable=False),
    Column("token_address", MINT, nullable=False),
    Column("stop_price_sol", Numeric),
    Column("peak_price_sol", Numeric, nullable=False),
    # Where the next part is sold with a profit, null where none is left.
    Column("target_price_sol", Numeric),
    PrimaryKeyConstraint("position_id", "minute"),
    Index(None, "token_address", "minute"),
    Index(None, "minute"),
)

# What each source said last in a minute.
source_prices = Table(
    "source_prices",
    metadata,
    Column("token_address", MINT, nullable=False),
    Column("source", String(50), nullable=False),
    Column("minute", TIME, nullable=False),
    Column("price_sol", Numeric, nullable=False),
    PrimaryKeyConstraint("token_address", "source", "minute"),
    Index(None, "minute"),
)
# Times during which the words of a source about a token were not taken. What lasts is written again with a later end.
source_refusals = Table(
    "source_refusals",
    metadata,
    Column("token_address", MINT, nullable=False),
    Column("source", String(50), nullable=False),
    Column("since", TIME, nullable=False),
    Column("until", TIME, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("is_over", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("token_address", "source", "since"),
    Index(None, "until"),
)
