"""Whether a time in which a source was not believed has ended.

Revision ID: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that an engine of before leaves alone."""
    op.add_column(
        "source_refusals", sa.Column("is_over", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_column("source_refusals", "is_over")
