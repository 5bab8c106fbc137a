"""The texts of the stores are what their statements compile to, and a list knows every field of its filter."""

from __future__ import annotations

import importlib
from dataclasses import fields

import pytest
from sqlalchemy import select

from nexgent.domain.audit.models import AuditFilter
from nexgent.domain.signals.queries import SignalFilter
from nexgent.domain.transactions.queries import (
    ClosedTradeExportRow,
    ClosedTradeFilter,
    ClosedTradeRow,
    TransactionFilter,
)
from nexgent.infrastructure.database.schema import tables
from nexgent.infrastructure.database.stores.listing import Listing, statement_of
from nexgent.infrastructure.database.stores.sql import audit
from nexgent.infrastructure.database.stores.sql import queries as sql
from scripts.make_sql import FOLDER, compiled, documents
from scripts.statements import given, queries, statement

MADE = documents()


@pytest.mark.parametrize("name", sorted(MADE))
def test_the_texts_are_what_would_be_compiled(name: str) -> None:
    assert (FOLDER / name).read_text() == MADE[name]


def test_no_text_is_without_a_statement() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == {*MADE, "__init__.py"}


@pytest.mark.parametrize(
    ("listing", "filter_type"),
    [
        (sql.TRANSACTIONS, TransactionFilter),
        (sql.CLOSED_TRADES, ClosedTradeFilter),
        (sql.CLOSED_TRADES_EXPORT, ClosedTradeFilter),
        (sql.SIGNALS, SignalFilter),
        (sql.SIGNALS_EXPORT, SignalFilter),
        (audit.ENTRIES, AuditFilter),
    ],
)
def test_a_list_can_be_narrowed_by_every_field_of_its_filter(listing: Listing, filter_type: type) -> None:
    arguments = {name for one in listing.conditions for name in one.arguments}
    assert arguments - {"after_time", "after_id"} == {field.name for field in fields(filter_type)}


def test_an_exported_trade_has_what_its_row_is_made_of() -> None:
    def names(row: type) -> set[str]:
        return {field.name for field in fields(row)}

    selected = set(queries.CLOSED_TRADES_EXPORT.selected.selected_columns.keys())
    assert selected == names(ClosedTradeRow) | names(ClosedTradeExportRow) - {"trade"}


def test_arguments_are_numbered_in_the_order_in_which_they_are_given() -> None:
    users = tables.users.c
    made = select(users.id).where(users.email == given(users.email), users.id == given(users.id))
    assert compiled(statement(made, "id", "email")).endswith(
        "WHERE users.email = $2::VARCHAR AND users.id = $1::UUID"
    )


def test_an_argument_that_is_not_declared_is_refused() -> None:
    made = select(tables.users.c.id).where(tables.users.c.email == "a value within the statement")
    with pytest.raises(ValueError, match="email_1"):
        compiled(statement(made))


@pytest.mark.parametrize("name", sorted(MADE))
def test_texts_hold_no_value(name: str) -> None:
    module = importlib.import_module(f"nexgent.infrastructure.database.stores.sql.{name.removesuffix('.py')}")
    texts = [value for key, value in vars(module).items() if key.isupper() and isinstance(value, str)]
    lists = [value for value in vars(module).values() if isinstance(value, Listing)]
    assert texts or lists
    assert not [text for text in texts if "%" in text]


def test_a_condition_with_alternatives_stays_narrowed_by_the_others() -> None:
    """Without its parentheses it would show everybody's entries to whoever asks for one action."""
    given = tuple(one.arguments[0] in {"user_id", "action"} for one in audit.ENTRIES.conditions)
    text, names = statement_of(audit.ENTRIES, given, offset=False)
    assert names == ("user_id", "own_email", "action")
    assert " OR " in audit.ENTRIES.conditions[0].text
    assert f"({audit.ENTRIES.conditions[0].text})".format(user_id="$1", own_email="$2") in text
