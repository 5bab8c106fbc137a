"""Statements of the plain stores and of lists, written with SQLAlchemy Core against the tables that Alembic knows.

A service does not load SQLAlchemy, and what is installed is without this folder: `make sql` compiles what stands here into
`stores/sql`, texts for asyncpg, and `make check` fails when they are not what would be compiled. So a column that is renamed or
gone is found by the tools, and a test prepares every text on a migrated database.

Measured with Python 3.11 on two cores: Core and the tables take 18 MB of memory and half a second of the start, with SQLAlchemy's
asyncio engine 23 MB, and a service has 155 of its promised 160 MB without them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Column,
    ColumnElement,
    Enum,
    Executable,
    Numeric,
    Select,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement, and its arguments in the order in which they are given: `$1`, `$2`, …"""

    made: Executable
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that may be narrowed: what is selected, in which order, and the conditions of which each may be left out.

    A condition applies when its first argument is given. By a `key` of its table pages are found that are far behind.
    """

    selected: Select[Any]
    conditions: tuple[ColumnElement[bool], ...]
    order: tuple[ColumnElement[Any], ...]
    key: ColumnElement[Any] | None = None


def statement(made: Executable, *arguments: str) -> Statement:
    """Return a statement with its arguments in order."""
    return Statement(made, arguments)


def given(column: Column[Any] | ColumnElement[Any], name: str | None = None) -> BindParameter[Any]:
    """Return an argument of a column's type, by default of its name."""
    return bindparam(name or column.key, type_=_plain(column.type))


def given_all(column: Column[Any], name: str) -> BindParameter[Any]:
    """Return an argument that is an array of a column's values."""
    return bindparam(name, type_=ARRAY(_plain(column.type)))


def columns_of(row: type, table: Table, **others: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Return what a row class is made of: the columns called as its fields, and what is given for a field instead."""
    return [
        others[one.name].label(one.name) if one.name in others else table.c[one.name] for one in fields(row)
    ]


def adding(table: Table, *names: str) -> Insert:
    """Return an insert of one row whose columns are arguments of the same names."""
    return insert(table).values({name: given(table.c[name]) for name in names}).inline()


def rows_of(table: Table, *names: str) -> TableValuedAlias:
    """Return rows that come as one array a column; the arguments have the names of the columns."""
    arrays = [given_all(table.c[name], name) for name in names]
    return func.unnest(*arrays).table_valued(*names, name="given").render_derived()


def adding_rows(table: Table, *names: str) -> Insert:
    """Return an insert of rows that come as one array a column."""
    rows = rows_of(table, *names)
    chosen = select(*(rows.c[name] for name in names))
    return insert(table).from_select(list(names), chosen, include_defaults=False)


def owned(
    table: Table, columns: Sequence[Column[Any]], new: Sequence[str], changed: Sequence[str], sealed: str
) -> tuple[Statement, Statement, Statement, Statement, Statement, Statement]:
    """Return what every table has whose rows belong to users: to add one, list a user's, find one, read what of it is sealed,
    save what its owner changes, and remove it.
    """
    same_id = table.c.id == given(table.c.id)
    same_user = table.c.user_id == given(table.c.user_id)
    found = select(*columns)
    values = {name: given(table.c[name]) for name in changed}
    return (
        statement(adding(table, *new), *new),
        statement(found.where(same_user).order_by(table.c.created_at.desc(), table.c.id), "user_id"),
        statement(found.where(same_id), "id"),
        statement(select(table.c[sealed]).where(same_id), "id"),
        statement(update(table).where(same_id).values(values), "id", *changed),
        statement(delete(table).where(same_id, same_user), "id", "user_id"),
    )


def number(value: int) -> ColumnElement[Any]:
    """Return a number that is part of the text."""
    return literal_column(str(value))


def word(value: str) -> ColumnElement[Any]:
    """Return a word that is part of the text."""
    if not value.replace("_", "").isalnum():
        raise ValueError("a word of letters and digits")
    return literal_column(f"'{value}'")


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return a type without length or precision: those are the column's to judge, and a cast would cut or round instead."""
    if isinstance(kind, String) and not isinstance(kind, Enum):
        return Text()
    return Numeric() if isinstance(kind, Numeric) else kind


def public(module: Mapping[str, Any]) -> dict[str, Statement | Listing]:
    """Return the statements of a module by their names."""
    return {name: made for name, made in module.items() if isinstance(made, Statement | Listing)}
