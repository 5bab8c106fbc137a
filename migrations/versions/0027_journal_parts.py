"""The journal is kept in parts, a month each, and who comes next in a stream is decided over all of them.

A position says in which month it was drawn: those of November 2026 begin at 2026110000000000, and a month is over when the
sequence is moved on to where the next one begins. So a part is a range of positions, every stream runs through the parts in their
order, and whoever reads on from a position looks at the newest part only. A time as the key would give none of that: clocks of
two processes differ, and people enter what is long past.

What there is becomes the first part as it stands, with its indexes; it is read once, to see that its positions are below the next
month's, and nothing is copied. Nobody appends meanwhile.

Revision ID: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_POSITION_OF = """
CREATE FUNCTION nexgent_journal_position_of(month text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT replace(month, '_', '')::bigint * 10000000000
$$
"""
# A part is named after the month it is of, the first one after the month that it ends before.
_ADD_PART = r"""
CREATE FUNCTION nexgent_add_journal_part(part text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month text := right(part, 7);
    after text := to_char(to_date(month, 'YYYY_MM') + interval '1 month', 'YYYY_MM');
    bounds text;
BEGIN
    IF part ~ '^journal_\d{4}_(0[1-9]|1[0-2])$' THEN
        bounds := format('FROM (%s) TO (%s)', nexgent_journal_position_of(month), nexgent_journal_position_of(after));
    ELSIF part ~ '^journal_before_\d{4}_(0[1-9]|1[0-2])$' THEN
        bounds := format('FROM (MINVALUE) TO (%s)', nexgent_journal_position_of(month));
    ELSE
        RAISE EXCEPTION '% is no name of a part of the journal', part USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass(quote_ident(part)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE journal INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', part);
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (id), ADD UNIQUE (entry_id), ADD UNIQUE (wallet_address, seq)', part);
    END IF;
    EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES %s', part, bounds);
    EXECUTE format('CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION nexgent_refuse_journal_change()', part);
END
$$
"""
# Indexes of a part say nothing about the others, so the end of each stream has a row of its own, which moves with the lines,
# whoever inserts them and by whichever name. Once a line: where a line comes alone, a trigger that is
# given all lines of a statement costs three times as much.
_MOVE_HEAD = """
CREATE FUNCTION nexgent_move_journal_head() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE journal_heads SET seq = NEW.seq WHERE wallet_address = NEW.wallet_address AND seq = NEW.seq - 1;
    IF NOT FOUND THEN
        IF NEW.seq > 1 THEN
            RAISE EXCEPTION 'entry % of % does not follow the last one of its stream', NEW.seq, NEW.wallet_address
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'journal_heads_follow', TABLE = 'journal';
        END IF;
        INSERT INTO journal_heads (wallet_address, seq) VALUES (NEW.wallet_address, NEW.seq);
    END IF;
    RETURN NULL;
END
$$
"""
_HEADS = """
CREATE TRIGGER journal_moves_head AFTER INSERT ON journal
FOR EACH ROW EXECUTE FUNCTION nexgent_move_journal_head()
"""
_GUARD_ROWS = """
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
FOR EACH ROW EXECUTE FUNCTION nexgent_refuse_journal_change()
"""
_GUARD_TABLE = """
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
FOR EACH STATEMENT EXECUTE FUNCTION nexgent_refuse_journal_change()
"""
_CONSTRAINTS = ("pkey", "entry_id_key", "wallet_address_seq_key")
_COLUMNS = (
    "id, entry_id, wallet_address, agent_id, seq, at, kind, intent_id, position_id, postings, body, epoch"
)


def upgrade() -> None:
    """Make the journal that there is the first part of one that has parts; add those of the next two months."""
    connection = op.get_bind()
    # Where it had parts before, positions are beyond this month's.
    months = connection.execute(
        sa.text(
            "SELECT to_char(date_trunc('month', newest) + make_interval(months => n), 'YYYY_MM')"
            " FROM (SELECT greatest(now() AT TIME ZONE 'UTC', to_date(nullif(last_value / 10000000000, 0)::text, 'YYYYMM'))"
            " FROM journal_id_seq) AS last (newest), generate_series(1, 3) AS n ORDER BY n"
        )
    ).scalars()
    end, *coming = months
    first = f"journal_before_{end}"
    op.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
    op.create_table(
        "journal_heads",
        sa.Column("wallet_address", sa.String(length=44), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("wallet_address", name=op.f("journal_heads_pkey")),
        # Moved with every line: there has to be room for it on the same page.
        postgresql_with={"fillfactor": "50"},
    )
    op.execute(
        "INSERT INTO journal_heads (wallet_address, seq) SELECT wallet_address, max(seq) FROM journal GROUP BY wallet_address"
    )
    drawn = connection.execute(sa.text("SELECT last_value, is_called FROM journal_id_seq")).one()
    for trigger in ("journal_append_only", "journal_no_truncate"):
        op.execute(f"DROP TRIGGER {trigger} ON journal")
    op.execute("ALTER TABLE journal ALTER COLUMN id DROP IDENTITY")
    op.execute(f"ALTER TABLE journal RENAME TO {first}")
    for name in _CONSTRAINTS:
        op.execute(f"ALTER TABLE {first} RENAME CONSTRAINT journal_{name} TO {first}_{name}")
    op.execute(
        f"CREATE TABLE journal (LIKE {first} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE,"
        " CONSTRAINT journal_pkey PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    op.execute("ALTER TABLE journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY")
    connection.execute(
        sa.text("SELECT setval('journal_id_seq', :last, :called)"),
        {"last": drawn.last_value, "called": drawn.is_called},
    )
    for statement in (_POSITION_OF, _ADD_PART, _MOVE_HEAD, _GUARD_ROWS, _GUARD_TABLE, _HEADS):
        op.execute(statement)
    for part in (first, f"journal_{end}", *(f"journal_{month}" for month in coming)):
        connection.execute(sa.text("SELECT nexgent_add_journal_part(:part)"), {"part": part})


def downgrade() -> None:
    """Put all parts into one table again: the oldest one takes the lines of the others."""
    connection = op.get_bind()
    op.execute("LOCK TABLE journal IN ACCESS EXCLUSIVE MODE")
    drawn = connection.execute(sa.text("SELECT last_value, is_called FROM journal_id_seq")).one()
    parts = connection.execute(
        sa.text(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'journal'::regclass"
            # That of before a month comes first; the others sort by their months.
            " ORDER BY relname NOT LIKE 'journal\\_before\\_%', relname"
        )
    ).scalars()
    first, *others = parts
    for part in (first, *others):
        op.execute(f"ALTER TABLE journal DETACH PARTITION {part}")
        op.execute(f"DROP TRIGGER journal_no_truncate ON {part}")
    op.execute("DROP TABLE journal")
    for part in others:
        op.execute(f"INSERT INTO {first} ({_COLUMNS}) SELECT {_COLUMNS} FROM {part}")  # noqa: S608 - names of tables  # nosec B608
        op.execute(f"DROP TABLE {part}")
    for name in _CONSTRAINTS:
        op.execute(f"ALTER TABLE {first} RENAME CONSTRAINT {first}_{name} TO journal_{name}")
    op.execute(f"ALTER TABLE {first} RENAME TO journal")
    op.execute("ALTER TABLE journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY")
    connection.execute(
        sa.text("SELECT setval('journal_id_seq', :last, :called)"),
        {"last": drawn.last_value, "called": drawn.is_called},
    )
    op.execute(_GUARD_ROWS)
    op.execute(_GUARD_TABLE)
    op.execute("DROP FUNCTION nexgent_add_journal_part(text)")
    op.execute("DROP FUNCTION nexgent_journal_position_of(text)")
    op.execute("DROP FUNCTION nexgent_move_journal_head()")
    op.drop_table("journal_heads")
