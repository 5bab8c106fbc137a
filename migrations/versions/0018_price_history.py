"""Recorded prices of tokens.

Revision ID: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "price_seconds",
        sa.Column("token_address", sa.String(255), nullable=False),
        sa.Column("minute", _TIME, nullable=False),
        sa.Column("closes", sa.ARRAY(sa.Numeric()), nullable=False),
        sa.PrimaryKeyConstraint("token_address", "minute", name=op.f("price_seconds_pkey")),
    )
    op.create_index(op.f("price_seconds_minute_idx"), "price_seconds", ["minute"])
    op.create_table(
        "price_candles",
        sa.Column("token_address", sa.String(255), nullable=False),
        sa.Column("seconds", sa.SmallInteger(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("open", sa.Numeric(), nullable=False),
        sa.Column("high", sa.Numeric(), nullable=False),
        sa.Column("low", sa.Numeric(), nullable=False),
        sa.Column("close", sa.Numeric(), nullable=False),
        sa.Column("source", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("token_address", "seconds", "opened_at", name=op.f("price_candles_pkey")),
    )
    op.create_index(op.f("price_candles_seconds_opened_at_idx"), "price_candles", ["seconds", "opened_at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("price_candles")
    op.drop_table("price_seconds")
