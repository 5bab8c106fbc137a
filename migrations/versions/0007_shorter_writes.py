"""Signals are stored in one round trip; the journal keeps entries as they are instead of compressing them first.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

# Each statement of a volatile function sees what was committed when it begins: who waited for the lock sees the signals of
# whoever held it. One clock, read once the lock is held, serves both sides of the comparison. The number of the lock only has
# to differ from those of other advisory locks in this database.
# The key stands for user, token, type and strength, and the age is a condition no index can serve: so there is one way to look
# a signal up, whatever the planner believes about a table that was small when the statement was prepared.
_ADD_SIGNALS = """
CREATE FUNCTION add_trading_signals(
    user_ids uuid[], token_addresses text[], symbols text[], signal_types text[], activation_reasons text[],
    signal_strengths int[], sources text[], windows_seconds int[], duplicate_keys text[])
RETURNS SETOF trading_signals LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(121382091581799);
    moment := clock_timestamp();
    RETURN QUERY
    INSERT INTO trading_signals AS added (user_id, token_address, symbol, signal_type, activation_reason, signal_strength,
                                          source, duplicate_key, created_at, updated_at)
    SELECT d.user_id, d.token_address, d.symbol, d.signal_type, d.activation_reason, d.signal_strength, d.source,
           d.duplicate_key, moment, moment
    FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY
      AS d (user_id, token_address, symbol, signal_type, activation_reason, signal_strength, source, window_seconds,
            duplicate_key, place)
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
    """Add the function; change how new entries are stored."""
    op.execute(_ADD_SIGNALS)
    # Compressing an entry takes the server longer than all the rest of writing it, while a trade waits.
    op.execute("ALTER TABLE journal ALTER COLUMN body SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Go back to compressed entries and three round trips."""
    op.execute("ALTER TABLE journal ALTER COLUMN body SET STORAGE EXTENDED")
    op.execute(
        "DROP FUNCTION add_trading_signals(uuid[], text[], text[], text[], text[], int[], text[], int[], text[])"
    )
