"""Parts of the journal that are over can be put away in files, and a row of each stays. New lines are stored in one piece.

PostgreSQL puts the body of a line of more than 2 kB into a table of its own, which takes a fifth of writing it and a third of
reading it. A line fits a page several times over, so it stays whole: it takes 5 % more room.

Revision ID: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_PARTS = "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'journal'::regclass"
_ADD_PART = r"""
CREATE OR REPLACE FUNCTION nexgent_add_journal_part(part text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month text := right(part, 7);
    after text := to_char(to_date(month, 'YYYY_MM') + interval '1 month', 'YYYY_MM');
    bounds text;
BEGIN
    IF part ~ '^journal_\d{{4}}_(0[1-9]|1[0-2])$' THEN
        bounds := format('FROM (%s) TO (%s)', nexgent_journal_position_of(month), nexgent_journal_position_of(after));
    ELSIF part ~ '^journal_before_\d{{4}}_(0[1-9]|1[0-2])$' THEN
        bounds := format('FROM (MINVALUE) TO (%s)', nexgent_journal_position_of(month));
    ELSE
        RAISE EXCEPTION '% is no name of a part of the journal', part USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass(quote_ident(part)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE journal INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)'
                       '{options}', part);
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id), ADD UNIQUE (entry_id), ADD UNIQUE (wallet_address, seq)', part);
    END IF;
    EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES %s', part, bounds);
    EXECUTE format('CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION nexgent_refuse_journal_change()', part);
END
$$
"""
_OPTIONS = " WITH (toast_tuple_target = 8160)"


def upgrade() -> None:
    """Add the table, and leave new lines whole. Nothing is archived yet."""
    op.create_table(
        "journal_archives",
        sa.Column("end_position", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.String(length=30), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("streams", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("end_position", name=op.f("journal_archives_pkey")),
    )
    op.create_index(
        op.f("journal_part_ends_wallet_address_end_position_idx"),
        "journal_part_ends",
        ["wallet_address", "end_position"],
    )
    op.execute(_ADD_PART.format(options=_OPTIONS))
    for part in op.get_bind().execute(sa.text(_PARTS)).scalars().all():
        op.execute(f"ALTER TABLE {part} SET (toast_tuple_target = 8160)")


def downgrade() -> None:
    """Remove it, unless something is archived: nobody could bring it back."""
    connection = op.get_bind()
    if connection.execute(
        sa.text("SELECT EXISTS (SELECT FROM journal_archives WHERE dropped_at IS NOT NULL)")
    ).scalar():
        raise RuntimeError(
            "Parts of the journal are archived: restore them first (`nexgent journal restore`)"
        )
    for part in connection.execute(sa.text(_PARTS)).scalars().all():
        op.execute(f"ALTER TABLE {part} RESET (toast_tuple_target)")
    op.execute(_ADD_PART.format(options=""))
    op.drop_index(op.f("journal_part_ends_wallet_address_end_position_idx"), "journal_part_ends")
    op.drop_table("journal_archives")
