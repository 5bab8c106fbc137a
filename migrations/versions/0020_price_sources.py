"""What each price source said, whose word was not taken, and how the next take-profit level of positions moved.

Revision ID: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, and a column that points from before do not have."""
    op.create_table(
        "source_prices",
        sa.Column("token_address", sa.String(255), nullable=False),
        sa.Column("source", sa.String(50), nullable=False),
        sa.Column("minute", _TIME, nullable=False),
        sa.Column("price_sol", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("token_address", "source", "minute", name=op.f("source_prices_pkey")),
    )
    op.create_index(op.f("source_prices_minute_idx"), "source_prices", ["minute"])
    op.create_table(
        "source_refusals",
        sa.Column("token_address", sa.String(255), nullable=False),
        sa.Column("source", sa.String(50), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("token_address", "source", "since", name=op.f("source_refusals_pkey")),
    )
    op.create_index(op.f("source_refusals_until_idx"), "source_refusals", ["until"])
    op.add_column("position_lines", sa.Column("target_price_sol", sa.Numeric(), nullable=True))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("position_lines", "target_price_sol")
    op.drop_table("source_refusals")
    op.drop_table("source_prices")
