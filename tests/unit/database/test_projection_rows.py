"""The types of projected rows and the tables they go to, and what a service need not load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass

import msgspec
import pytest
from sqlalchemy import Table

from nexgent.infrastructure.database.projection.rows import (
    ClosedTradeRow,
    IntentRow,
    PositionRow,
    TransactionRow,
)
from nexgent.infrastructure.database.schema import tables


@pytest.mark.parametrize(
    ("row", "table"),
    [
        (TransactionRow, tables.agent_transactions),
        (ClosedTradeRow, tables.agent_historical_swaps),
        (PositionRow, tables.agent_positions),
        (IntentRow, tables.trade_intents),
    ],
)
def test_a_row_has_the_columns_of_its_table(row: type, table: Table) -> None:
    its = fields(row) if is_dataclass(row) else msgspec.structs.fields(row)
    assert {field.name for field in its} == {column.name for column in table.columns}


def test_a_service_with_nothing_to_migrate_does_not_load_what_migrations_need() -> None:
    code = (
        "import sys, nexgent.cli.serve; print(*sorted({'sqlalchemy', 'alembic', 'mako'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
