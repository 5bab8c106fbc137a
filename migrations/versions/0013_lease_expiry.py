"""The engine's lease expires, tells its holder's session, and may be held per shard.

Revision ID: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the lease of a living engine says. Nobody holds one of these yet, so the first to ask takes it."""
    op.add_column("engine_lease", sa.Column("session", sa.Text(), nullable=True))
    op.add_column("engine_lease", sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("engine_lease", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f("engine_lease_single_row_check"), "engine_lease", type_="check")
    op.create_check_constraint(op.f("engine_lease_shard_check"), "engine_lease", "id BETWEEN 1 AND 64")


def downgrade() -> None:
    """Back to one row that only counts its holders."""
    op.execute("DELETE FROM engine_lease WHERE id <> 1")
    op.drop_constraint(op.f("engine_lease_shard_check"), "engine_lease", type_="check")
    op.create_check_constraint(op.f("engine_lease_single_row_check"), "engine_lease", "id = 1")
    op.drop_column("engine_lease", "expires_at")
    op.drop_column("engine_lease", "renewed_at")
    op.drop_column("engine_lease", "session")
