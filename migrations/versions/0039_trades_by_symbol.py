"""Closed trades are found by their symbol, and a page far behind without a look at every trade before it.

Who asked for a symbol that an agent never traded had all its trades read; who asked for page seven hundred, all before it.

Revision ID: 0039
"""

from __future__ import annotations

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_TABLE = "agent_historical_swaps"
_BY_SYMBOL = "agent_historical_swaps_token_symbol_agent_id_idx"
_BY_SALE = "agent_historical_swaps_agent_id_sale_time_idx"
_IN_ORDER = "agent_historical_swaps_agent_id_sale_time_id_idx"


def upgrade() -> None:
    """Add one index, and put one that has the order of a list in the place of one that has half of it."""
    op.create_index(_BY_SYMBOL, _TABLE, ["token_symbol", "agent_id"])
    op.create_index(_IN_ORDER, _TABLE, ["agent_id", "sale_time", "id"])
    op.drop_index(_BY_SALE, table_name=_TABLE)


def downgrade() -> None:
    """Put the old one back."""
    op.create_index(_BY_SALE, _TABLE, ["agent_id", "sale_time"])
    op.drop_index(_IN_ORDER, table_name=_TABLE)
    op.drop_index(_BY_SYMBOL, table_name=_TABLE)
