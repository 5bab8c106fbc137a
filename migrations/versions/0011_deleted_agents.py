"""When an agent was deleted: its records stay readable to its owner.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("agents", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Remove the column, and with it the agents that were deleted: without it they would be there again."""
    op.execute("DELETE FROM agents WHERE deleted_at IS NOT NULL")
    op.drop_column("agents", "deleted_at")
