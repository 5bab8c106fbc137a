"""Earlier configurations of agents, and how stop and peak of positions moved.

Revision ID: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables. The history of an agent begins with the configuration it has."""
    op.create_table(
        "agent_config_history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("saved_at", _TIME, nullable=False),
        sa.Column("saved_by", sa.String(255), nullable=False),
        sa.Column("config", JSONB(), nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_id"],
            ["agents.id"],
            name=op.f("agent_config_history_agent_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agent_config_history_pkey")),
    )
    op.create_index(op.f("agent_config_history_agent_id_id_idx"), "agent_config_history", ["agent_id", "id"])
    op.execute(
        "INSERT INTO agent_config_history (agent_id, saved_at, saved_by, config) "
        "SELECT id, updated_at, '', trading_config FROM agents WHERE deleted_at IS NULL ORDER BY created_at, id"
    )
    op.create_table(
        "position_lines",
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("minute", _TIME, nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("token_address", sa.String(255), nullable=False),
        sa.Column("stop_price_sol", sa.Numeric(), nullable=True),
        sa.Column("peak_price_sol", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("position_id", "minute", name=op.f("position_lines_pkey")),
    )
    op.create_index(
        op.f("position_lines_token_address_minute_idx"), "position_lines", ["token_address", "minute"]
    )
    op.create_index(op.f("position_lines_minute_idx"), "position_lines", ["minute"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("position_lines")
    op.drop_table("agent_config_history")
