"""When a wallet's snapshots begin is kept, instead of looked up in an index of millions for each wallet of a curve.

Revision ID: 0038
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_CHANGES = {
    "insert": "REFERENCING NEW TABLE AS added",
    "update": "REFERENCING OLD TABLE AS removed NEW TABLE AS added",
    "delete": "REFERENCING OLD TABLE AS removed",
}
# As with the sums (0024): once a statement, in the order of the keys. The row is locked whether it changes or not, so that
# whoever takes snapshots away at the same moment sees this one.
_ADDED = """
INSERT INTO snapshot_begins AS kept (agent_id, wallet_address, begun_at)
SELECT agent_id, wallet_address, min(snapshot_timestamp) FROM added GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (agent_id, wallet_address) DO UPDATE SET begun_at = excluded.begun_at WHERE excluded.begun_at < kept.begun_at
"""
_LOCKED = """
PERFORM FROM snapshot_begins WHERE (agent_id, wallet_address) IN (SELECT agent_id, wallet_address FROM removed)
ORDER BY agent_id, wallet_address FOR UPDATE
"""
# Of wallets whose first snapshot was taken away. Each statement sees what others have committed until the rows were locked.
_LATER = """
UPDATE snapshot_begins kept SET begun_at = (
    SELECT min(one.snapshot_timestamp) FROM agent_balance_snapshots one
    WHERE one.agent_id = kept.agent_id AND one.wallet_address = kept.wallet_address
)
WHERE EXISTS (
    SELECT FROM removed WHERE removed.agent_id = kept.agent_id AND removed.wallet_address = kept.wallet_address
    AND removed.snapshot_timestamp <= kept.begun_at
) AND EXISTS (
    SELECT FROM agent_balance_snapshots one
    WHERE one.agent_id = kept.agent_id AND one.wallet_address = kept.wallet_address
)
"""
_GONE = """
DELETE FROM snapshot_begins kept
WHERE EXISTS (
    SELECT FROM removed WHERE removed.agent_id = kept.agent_id AND removed.wallet_address = kept.wallet_address
) AND NOT EXISTS (
    SELECT FROM agent_balance_snapshots one
    WHERE one.agent_id = kept.agent_id AND one.wallet_address = kept.wallet_address
)
"""
_STATEMENTS = {
    "insert": (_ADDED,),
    "update": (_LOCKED, _LATER, _GONE, _ADDED),
    "delete": (_LOCKED, _LATER, _GONE),
}
_FUNCTION = """
CREATE FUNCTION nexgent_begin_snapshots_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {statements}
    RETURN NULL;
END
$$
"""
# One look at the index for each wallet. Nobody writes snapshots meanwhile: the triggers are there, and not committed.
_FILL = """
INSERT INTO snapshot_begins (agent_id, wallet_address, begun_at)
SELECT kept.agent_id, kept.wallet_address, first.snapshot_timestamp
FROM agent_wallets kept CROSS JOIN LATERAL (
    SELECT one.snapshot_timestamp FROM agent_balance_snapshots one
    WHERE one.agent_id = kept.agent_id AND one.wallet_address = kept.wallet_address
    ORDER BY one.snapshot_timestamp LIMIT 1
) first
"""


def upgrade() -> None:
    """Add the table, have it kept, and fill it."""
    op.create_table(
        "snapshot_begins",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "wallet_address", name=op.f("snapshot_begins_pkey")),
    )
    for event, referencing in _CHANGES.items():
        op.execute(_FUNCTION.format(event=event, statements=";\n    ".join(_STATEMENTS[event]) + ";"))
        op.execute(
            f"CREATE TRIGGER begin_snapshots_{event} AFTER {event} ON agent_balance_snapshots {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION nexgent_begin_snapshots_{event}()"
        )
    op.execute(_FILL)
    op.execute("ANALYZE snapshot_begins")


def downgrade() -> None:
    """Remove it."""
    for event in _CHANGES:
        op.execute(f"DROP TRIGGER begin_snapshots_{event} ON agent_balance_snapshots")
        op.execute(f"DROP FUNCTION nexgent_begin_snapshots_{event}()")
    op.drop_table("snapshot_begins")
