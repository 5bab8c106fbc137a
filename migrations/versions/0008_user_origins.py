"""Who came from the settings, and from when on a user's sessions count.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Until now nobody could register: whoever is there came from the settings."""
    op.add_column("users", sa.Column("seeded", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("users", sa.Column("sessions_from", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE users SET seeded = true")


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("users", "sessions_from")
    op.drop_column("users", "seeded")
