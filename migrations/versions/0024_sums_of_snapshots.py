"""What all wallets of a user were worth at an hour is kept, instead of looked up wallet by wallet.

Revision ID: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_ADDED = "SELECT 1 AS sign, added.* FROM added"
_REMOVED = "SELECT -1 AS sign, removed.* FROM removed"
_CHANGES = {
    "insert": ("REFERENCING NEW TABLE AS added", _ADDED),
    "update": ("REFERENCING OLD TABLE AS removed NEW TABLE AS added", f"{_REMOVED} UNION ALL {_ADDED}"),
    "delete": ("REFERENCING OLD TABLE AS removed", _REMOVED),
}
# As with closed trades (0021): once a statement, in the order of the keys. An agent's row only goes together with its user.
_HOURS = r"""
INSERT INTO snapshot_hours AS kept (user_id, paper, hour, wallets, portfolio_balance_sol)
SELECT agents.user_id, changed.wallet_address LIKE 'sim\_%', changed.snapshot_timestamp, sum(sign),
       sum(sign * portfolio_balance_sol)
FROM ({rows}) AS changed JOIN agents ON agents.id = changed.agent_id
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (user_id, paper, hour) DO UPDATE SET
    wallets = kept.wallets + excluded.wallets,
    portfolio_balance_sol = kept.portfolio_balance_sol + excluded.portfolio_balance_sol
"""
_EMPTY = """
DELETE FROM snapshot_hours WHERE wallets = 0
AND user_id IN (SELECT user_id FROM agents WHERE id IN (SELECT agent_id FROM removed))
"""
_FUNCTION = """
CREATE FUNCTION nexgent_sum_snapshots_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {statements}
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    """Add the sums, fill them, and have them kept."""
    op.create_table(
        "snapshot_hours",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("paper", sa.Boolean(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wallets", sa.BigInteger(), nullable=False),
        sa.Column("portfolio_balance_sol", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("snapshot_hours_user_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "paper", "hour", name=op.f("snapshot_hours_pkey")),
    )
    everything = "SELECT 1 AS sign, agent_balance_snapshots.* FROM agent_balance_snapshots"
    op.execute(_HOURS.format(rows=everything))
    for event, (referencing, rows) in _CHANGES.items():
        statements = [_HOURS.format(rows=rows), *([_EMPTY] if event != "insert" else [])]
        op.execute(_FUNCTION.format(event=event, statements=";\n    ".join(statements) + ";"))
        op.execute(
            f"CREATE TRIGGER sum_snapshots_{event} AFTER {event} ON agent_balance_snapshots {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION nexgent_sum_snapshots_{event}()"
        )


def downgrade() -> None:
    """Remove them."""
    for event in _CHANGES:
        op.execute(f"DROP TRIGGER sum_snapshots_{event} ON agent_balance_snapshots")
        op.execute(f"DROP FUNCTION nexgent_sum_snapshots_{event}()")
    op.drop_table("snapshot_hours")
