"""What closed trades add up to is kept instead of added up, and a start finds what it needs without reading years.

Revision ID: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_TABLE = "agent_historical_swaps"
_ADDED = "SELECT 1 AS sign, added.* FROM added"
_REMOVED = "SELECT -1 AS sign, removed.* FROM removed"
_CHANGES = {
    "insert": ("REFERENCING NEW TABLE AS added", _ADDED),
    "update": (
        "REFERENCING OLD TABLE AS removed NEW TABLE AS added",
        f"{_REMOVED} UNION ALL {_ADDED}",
    ),
    "delete": ("REFERENCING OLD TABLE AS removed", _REMOVED),
}
# Once a statement, over all its rows. In the order of the keys, so that two that write at once do not wait for each other.
# An agent's row only goes together with its user, whose days go by themselves.
_TOTALS = """
INSERT INTO closed_trade_totals AS kept (agent_id, wallet_address, trades, wins, profit_loss_sol, change_percent)
SELECT agent_id, coalesce(wallet_address, ''), sum(sign), coalesce(sum(sign) FILTER (WHERE profit_loss_sol > 0), 0),
       sum(sign * profit_loss_sol), sum(sign * change_percent)
FROM ({rows}) AS changed
GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (agent_id, wallet_address) DO UPDATE SET
    trades = kept.trades + excluded.trades, wins = kept.wins + excluded.wins,
    profit_loss_sol = kept.profit_loss_sol + excluded.profit_loss_sol,
    change_percent = kept.change_percent + excluded.change_percent
"""
_DAYS = r"""
INSERT INTO closed_trade_days AS kept (user_id, paper, day, trades, wins, profit_loss_sol, profit_loss_usd)
SELECT agents.user_id, changed.wallet_address LIKE 'sim\_%', (changed.sale_time AT TIME ZONE 'UTC')::date, sum(sign),
       coalesce(sum(sign) FILTER (WHERE profit_loss_sol > 0), 0), sum(sign * profit_loss_sol), sum(sign * profit_loss_usd)
FROM ({rows}) AS changed JOIN agents ON agents.id = changed.agent_id
WHERE changed.wallet_address IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (user_id, paper, day) DO UPDATE SET
    trades = kept.trades + excluded.trades, wins = kept.wins + excluded.wins,
    profit_loss_sol = kept.profit_loss_sol + excluded.profit_loss_sol,
    profit_loss_usd = kept.profit_loss_usd + excluded.profit_loss_usd
"""
_OUTDATED = """
DELETE FROM protection_sums AS kept USING ({rows}) AS changed
WHERE kept.wallet_address = changed.wallet_address AND changed.sale_time < kept.before
"""
_FUNCTION = """
CREATE FUNCTION nexgent_sum_closed_trades_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {statements}
    RETURN NULL;
END
$$
"""
_EMPTY = (
    "DELETE FROM closed_trade_totals WHERE trades = 0 AND agent_id IN (SELECT agent_id FROM removed)",
    """
    DELETE FROM closed_trade_days WHERE trades = 0
    AND user_id IN (SELECT user_id FROM agents WHERE id IN (SELECT agent_id FROM removed))
    """,
)


def upgrade() -> None:
    """Add indexes and tables, fill the sums, and have them kept."""
    _add_indexes()
    _add_tables()
    everything = "SELECT 1 AS sign, agent_historical_swaps.* FROM agent_historical_swaps"
    for statement in (_TOTALS, _DAYS):
        op.execute(statement.format(rows=everything))
    for event, (referencing, rows) in _CHANGES.items():
        statements = [one.format(rows=rows) for one in (_TOTALS, _DAYS, _OUTDATED)]
        statements += _EMPTY if event != "insert" else ()
        op.execute(_FUNCTION.format(event=event, statements=";\n    ".join(statements) + ";"))
        op.execute(
            f"CREATE TRIGGER sum_closed_trades_{event} AFTER {event} ON {_TABLE} {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION nexgent_sum_closed_trades_{event}()"
        )


def _add_indexes() -> None:
    # Whether a sale is the engine's own is asked of few trades, not of all intents.
    op.create_index(
        "trade_intents_settled_idx",
        "trade_intents",
        ["transaction_id"],
        postgresql_where=sa.text("status = 'settled'"),
    )
    # What a wallet holds, and what it held a moment before its last change, among all it ever held.
    op.create_index(
        "agent_balances_held_idx",
        "agent_balances",
        ["wallet_address", sa.text("sign(balance_raw)"), "last_updated"],
    )
    op.create_index(
        "agent_balance_snapshots_midnight_idx",
        "agent_balance_snapshots",
        ["agent_id", "wallet_address", "snapshot_timestamp"],
        postgresql_where=sa.text("EXTRACT(hour FROM timezone('UTC', snapshot_timestamp)) = 0"),
    )


def _add_tables() -> None:
    op.create_table(
        "closed_trade_totals",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("trades", sa.BigInteger(), nullable=False),
        sa.Column("wins", sa.BigInteger(), nullable=False),
        sa.Column("profit_loss_sol", sa.Numeric(), nullable=False),
        sa.Column("change_percent", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "wallet_address", name=op.f("closed_trade_totals_pkey")),
    )
    op.create_table(
        "closed_trade_days",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("paper", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("trades", sa.BigInteger(), nullable=False),
        sa.Column("wins", sa.BigInteger(), nullable=False),
        sa.Column("profit_loss_sol", sa.Numeric(), nullable=False),
        sa.Column("profit_loss_usd", sa.Numeric(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("closed_trade_days_user_id_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "paper", "day", name=op.f("closed_trade_days_pkey")),
    )
    op.create_table(
        "protection_sums",
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("reset_at", _TIME, nullable=True),
        sa.Column("before", _TIME, nullable=False),
        sa.Column("profit_sol", sa.Numeric(), nullable=False),
        sa.Column("peak_profit_sol", sa.Numeric(), nullable=False),
        sa.Column("loss_streak", sa.Integer(), nullable=False),
        sa.Column("last_loss_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["wallet_address"],
            ["agent_wallets.wallet_address"],
            name=op.f("protection_sums_wallet_address_fkey"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("wallet_address", name=op.f("protection_sums_pkey")),
    )


def downgrade() -> None:
    """Remove them."""
    for event in _CHANGES:
        op.execute(f"DROP TRIGGER sum_closed_trades_{event} ON {_TABLE}")
        op.execute(f"DROP FUNCTION nexgent_sum_closed_trades_{event}()")
    for table in ("protection_sums", "closed_trade_days", "closed_trade_totals"):
        op.drop_table(table)
    op.drop_index("agent_balance_snapshots_midnight_idx", table_name="agent_balance_snapshots")
    op.drop_index("agent_balances_held_idx", table_name="agent_balances")
    op.drop_index("trade_intents_settled_idx", table_name="trade_intents")
