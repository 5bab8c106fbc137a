"""Several engines: a row of the lease says for which shards, and a signal which of them have answered.

Revision ID: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever holds the one row there is today holds all shards, and a signal is answered as a whole."""
    op.add_column(
        "engine_lease",
        sa.Column("shards", sa.BigInteger(), server_default=sa.text("'-1'::integer"), nullable=False),
    )
    op.add_column("engine_lease", sa.Column("version", sa.Text(), nullable=True))
    op.add_column(
        "engine_lease", sa.Column("moves", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "trading_signals", sa.Column("answered", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    # Row 1 is for everything. Whoever takes it, versions before this one that know no other row among them, finds it not free as
    # long as engines live that share the work, and ends those that are over for good.
    op.execute(
        """
        CREATE FUNCTION engine_lease_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(6271830005);
            UPDATE engine_lease SET
                epoch = (SELECT max(epoch) + 1 FROM engine_lease), session = NULL, shards = 0,
                renewed_at = statement_timestamp(), expires_at = statement_timestamp()
            WHERE id <> 1 AND renewed_at < expires_at AND expires_at <= clock_timestamp();
            IF EXISTS (SELECT FROM engine_lease WHERE id <> 1 AND expires_at > clock_timestamp()) THEN
                RETURN NULL;
            END IF;
            RETURN NEW;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER engine_lease_is_whole BEFORE UPDATE ON engine_lease FOR EACH ROW
        WHEN (NEW.id = 1 AND NEW.epoch <> OLD.epoch AND NEW.expires_at > NEW.renewed_at)
        EXECUTE FUNCTION engine_lease_is_whole()
        """
    )


def downgrade() -> None:
    """Back to one engine for everything."""
    op.execute("DROP TRIGGER engine_lease_is_whole ON engine_lease")
    op.execute("DROP FUNCTION engine_lease_is_whole()")
    op.execute("DELETE FROM engine_lease WHERE id <> 1")
    op.drop_column("trading_signals", "answered")
    for column in ("moves", "version", "shards"):
        op.drop_column("engine_lease", column)
