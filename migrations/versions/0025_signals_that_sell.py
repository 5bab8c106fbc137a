"""Signals may ask for sales, and sales know the signal that asked for them.

Revision ID: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# As the one of 0007, which stays: it is what the code before this calls, and whatever it stores is to buy.
_ADD_SIGNALS = """
CREATE FUNCTION add_trading_signals(
    user_ids uuid[], token_addresses text[], symbols text[], signal_types text[], activation_reasons text[],
    signal_strengths int[], sources text[], windows_seconds int[], duplicate_keys text[], actions text[], percents numeric[])
RETURNS SETOF trading_signals LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(121382091581799);
    moment := clock_timestamp();
    RETURN QUERY
    INSERT INTO trading_signals AS added (user_id, token_address, symbol, signal_type, activation_reason, signal_strength,
                                          source, duplicate_key, action, percent, created_at, updated_at)
    SELECT d.user_id, d.token_address, d.symbol, d.signal_type, d.activation_reason, d.signal_strength, d.source,
           d.duplicate_key, d.action, d.percent, moment, moment
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) WITH ORDINALITY
      AS d (user_id, token_address, symbol, signal_type, activation_reason, signal_strength, source, window_seconds,
            duplicate_key, action, percent, place)
    LEFT JOIN LATERAL (
      SELECT true AS found FROM trading_signals s
      WHERE s.duplicate_key = d.duplicate_key
        AND s.created_at + make_interval(secs => d.window_seconds) > moment
      LIMIT 1) AS same ON true
    WHERE same.found IS NULL
    ORDER BY d.place
    RETURNING added.*;
END
$$
"""


def upgrade() -> None:
    """Add the columns, and the function that fills them."""
    op.add_column(
        "trading_signals", sa.Column("action", sa.String(20), server_default=sa.text("'buy'"), nullable=False)
    )
    op.add_column("trading_signals", sa.Column("percent", sa.Numeric(), nullable=True))
    op.create_check_constraint("action", "trading_signals", "action IN ('buy', 'close', 'reduce')")
    op.create_check_constraint("percent", "trading_signals", "(action = 'reduce') = (percent IS NOT NULL)")
    op.execute(_ADD_SIGNALS)
    op.add_column("trade_intents", sa.Column("sell_signal_id", sa.Integer(), nullable=True))
    op.create_index(
        "trade_intents_sell_signal_idx",
        "trade_intents",
        ["sell_signal_id"],
        postgresql_where=sa.text("sell_signal_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Forget which signals asked for sales. Those that did and are not processed are removed: nobody may buy for them."""
    op.drop_index("trade_intents_sell_signal_idx", "trade_intents")
    op.drop_column("trade_intents", "sell_signal_id")
    op.execute(
        "DROP FUNCTION add_trading_signals(uuid[], text[], text[], text[], text[], int[], text[], int[], text[],"
        " text[], numeric[])"
    )
    op.execute("DELETE FROM trading_signals WHERE action <> 'buy' AND processed_at IS NULL")
    op.drop_column("trading_signals", "percent")
    op.drop_column("trading_signals", "action")
