"""PostgreSQL takes every statement of the stores, and a list whatever it is narrowed by."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from uuid import UUID

import asyncpg
import pytest

from nexgent.domain.transactions.queries import TransactionFilter
from nexgent.infrastructure.database.pool import PoolUse, opened_pool
from nexgent.infrastructure.database.stores import sql
from nexgent.infrastructure.database.stores.listing import Condition, Listing, statement_of
from nexgent.infrastructure.database.stores.sql import queries
from nexgent.shared.types import AgentId


def all_texts() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(sql.__path__):
        for name, value in vars(importlib.import_module(f"{sql.__name__}.{module.name}")).items():
            if isinstance(value, Listing):
                every = tuple([True] * len(value.conditions))
                for given in (every, tuple([False] * len(every))):
                    for offset in (False, True):
                        yield f"{module.name}.{name}", statement_of(value, given, offset=offset)[0]
            elif name.isupper():
                yield f"{module.name}.{name}", value


async def test_postgresql_takes_every_statement(module_database_url: str) -> None:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(module_database_url)
    refused = []
    try:
        for name, text in all_texts():
            try:
                await connection.prepare(text)
            except asyncpg.PostgresError as error:
                refused.append(f"{name}: {error}")
    finally:
        await connection.close()
    assert refused == []


async def test_a_condition_without_a_field_of_the_filter_is_no_list_of_everything(
    module_database_url: str,
) -> None:
    broken = Listing(
        queries.TRANSACTIONS.selected,
        (Condition("agent_id = {agent}", ("agent",)),),
        queries.TRANSACTIONS.order,
    )
    async with opened_pool(module_database_url, PoolUse(most=1)) as pool:
        with pytest.raises(AttributeError, match="agent"):
            await broken.fetch(pool, TransactionFilter(agent_id=AgentId(UUID(int=1))), limit=1)


async def test_trades_on_the_pages_before_are_looked_at_in_an_index_alone(module_database_url: str) -> None:
    """Each of them is anywhere in the table, which does not fit into memory."""
    listing = queries.CLOSED_TRADES
    given = tuple(one.arguments[0] == "agent_id" for one in listing.conditions)
    text, _ = statement_of(listing, given, offset=True)
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(module_database_url)
    try:
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            await connection.execute(f"SET enable_{way} = off")
        plan = await connection.fetch(f"EXPLAIN {text}", UUID(int=1), 100, 70_000)
    finally:
        await connection.close()

    assert any(
        "Index Only Scan Backward using agent_historical_swaps_agent_id_sale_time_id_idx" in row[0]
        for row in plan
    ), plan
