"""The reference's database, read in one snapshot in which nothing can be written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import asyncpg

from nexgent.infrastructure.database.engine import InvalidDatabaseUrlError, normalise_url
from nexgent.infrastructure.takeover.errors import (
    NotAReferenceError,
    SourceAddressError,
    SourceUnreachableError,
)
from nexgent.infrastructure.takeover.tables import TABLES
from nexgent.shared.types import TokenAddress

_PREFETCH = 200
_COLUMNS = """
SELECT table_name::text AS name, array_agg(column_name::text) AS columns
FROM information_schema.columns WHERE table_schema = current_schema() GROUP BY 1
"""
_WHICH = """
SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), oid, current_schema())
FROM pg_database WHERE datname = current_database()
"""
# An application that is connected has a pool, this command has one session.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
# Filled in with names of `TABLES` alone.
_COUNT = "SELECT count(*) FROM {table} {condition}"
_ROWS = "SELECT {selected} FROM {table} {condition} ORDER BY {order}"
_ORDER = {
    "users": "created_at, id",
    "api_keys": "created_at, id",
    "agents": "created_at, id",
    "agent_wallets": "created_at, wallet_address",
    "agent_balances": "token_address",
    "agent_positions": "created_at, id",
    "agent_balance_snapshots": "snapshot_timestamp, id",
    "trading_signals": "id",
    "signal_executions": "signal_id",
    "agent_transactions": "transaction_time, created_at, id",
    "agent_historical_swaps": "sale_time, created_at, id",
}
# One landed transaction is one record of a wallet here; the reference has no such rule.
_IS_REPEATED = """
transaction_hash IS NOT NULL AND row_number() OVER (
    PARTITION BY wallet_address, transaction_hash ORDER BY created_at, id) > 1 AS hash_is_repeated
"""
_PURCHASES = "SELECT id, agent_id, signal_id, transaction_hash FROM agent_transactions WHERE id = ANY($1)"
# What was swapped, in tokens and in base units: of a live swap what its execution said, else what was quoted.
_EVIDENCE = """
SELECT output_mint AS mint, output_amount AS amount, coalesce(
    swap_payload->'executeResponse'->>'outputAmountResult', swap_payload->'orderResponse'->>'outAmount',
    swap_payload->>'outAmount') AS raw
FROM agent_transactions WHERE output_mint = ANY($1) AND output_amount > 0 AND jsonb_typeof(swap_payload) = 'object'
UNION ALL
SELECT input_mint, input_amount, coalesce(
    swap_payload->'executeResponse'->>'inputAmountResult', swap_payload->'orderResponse'->>'inAmount',
    swap_payload->>'inAmount')
FROM agent_transactions WHERE input_mint = ANY($1) AND input_amount > 0 AND jsonb_typeof(swap_payload) = 'object'
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A swap's amount of a token as it was recorded, in tokens, and as the market had said it, in base units."""

    mint: TokenAddress
    amount: Decimal
    raw: str | None


class Source:
    """Rows of the snapshot. Raises `SourceUnreachableError` when the connection is lost."""

    def __init__(
        self, connection: asyncpg.Connection[asyncpg.Record], present: Mapping[str, frozenset[str]]
    ) -> None:
        self._connection = connection
        self._present = present

    @property
    def generation(self) -> str:
        """How its tables came into being: `migrations`, or its `model`."""
        return "migrations" if "_prisma_migrations" in self._present else "model"

    async def which(self) -> str | None:
        """Return what tells this database from all others, None where we may not ask."""
        return await which_database(self._connection)

    async def others(self) -> int:
        """Return how many other sessions the database has: an application that still runs, perhaps."""
        with _translated():
            count: int = await self._connection.fetchval(_OTHERS)
        return count

    async def count(self, table: str, *, agent_id: UUID | None = None) -> int:
        """Return how many rows there are in a table of `TABLES`, of an agent or in all."""
        if table not in self._present:
            return 0
        condition, arguments = ("WHERE agent_id = $1", [agent_id]) if agent_id is not None else ("", [])
        query = _COUNT.format(table=table, condition=condition)
        with _translated():
            count: int = await self._connection.fetchval(query, *arguments)
        return count

    async def rows(self, table: str, *, agent_id: UUID | None = None) -> AsyncIterator[asyncpg.Record]:
        """Yield the rows of a table of `TABLES`, of an agent or all, oldest first.

        Those of transactions say as well whether their hash is repeated (`hash_is_repeated`).
        """
        if table not in self._present:
            return
        selected = TABLES[table].selected(self._present[table])
        if table == "agent_transactions":
            selected = f"{selected}, {_IS_REPEATED}"
        condition, arguments = ("WHERE agent_id = $1", [agent_id]) if agent_id is not None else ("", [])
        query = _ROWS.format(selected=selected, table=table, condition=condition, order=_ORDER[table])
        with _translated():
            async for row in self._connection.cursor(query, *arguments, prefetch=_PREFETCH):
                yield row

    async def purchases(self, ids: Collection[UUID]) -> Mapping[UUID, asyncpg.Record]:
        """Return the transactions that opened positions: whose they are, for which signal, and their hashes."""
        with _translated():
            rows = await self._connection.fetch(_PURCHASES, list(ids))
        return {row["id"]: row for row in rows}

    async def evidence(self, mints: Collection[TokenAddress]) -> Sequence[Evidence]:
        """Return what recorded swaps tell of how many decimals these tokens have."""
        with _translated():
            rows = await self._connection.fetch(_EVIDENCE, list(mints))
        return [Evidence(TokenAddress(row["mint"]), row["amount"], row["raw"]) for row in rows]


async def which_database(connection: asyncpg.Connection[asyncpg.Record]) -> str | None:
    """Return what tells a database from all others, None where that may not be asked."""
    try:
        # A question that is refused ends the transaction it is asked in, but not its savepoint.
        async with connection.transaction():
            which: str = await connection.fetchval(_WHICH)
    except asyncpg.InsufficientPrivilegeError:
        return None
    return which


@asynccontextmanager
async def opened_source(address: str) -> AsyncIterator[Source]:
    """Yield the reference's database as it is at this moment.

    Raises `SourceAddressError`, `SourceUnreachableError`, `NotAReferenceError`.
    """
    connection = await _connected(address)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            with _translated():
                rows = await connection.fetch(_COLUMNS)
            present = {row["name"]: frozenset(row["columns"]) for row in rows}
            _require_tables(present)
            yield Source(connection, present)
    finally:
        connection.terminate()


def _require_tables(present: Mapping[str, frozenset[str]]) -> None:
    missing = sorted(name for name, columns in TABLES.items() if name not in present and not columns.optional)
    if missing:
        raise NotAReferenceError(
            f"This is not a database of the reference, or its user may not read it: there is no table {', '.join(missing)}."
        )
    lacking = sorted(
        f"{name}.{column}"
        for name, columns in TABLES.items()
        for column in columns.needed
        if name in present and column not in present[name]
    )
    if lacking:
        raise NotAReferenceError(
            f"The reference's tables are of a version that is too old: there is no {', '.join(lacking)}. "
            "Bring the reference to its last version first (its `migrate:deploy`)."
        )
    if "journal_watermark" in present:
        raise NotAReferenceError(
            "This is a database of nexgent, not of the reference: `nexgent backup` and `restore` move it."
        )


async def _connected(address: str) -> asyncpg.Connection[asyncpg.Record]:
    try:
        target = normalise_url(address)
    except InvalidDatabaseUrlError as error:
        told = error.message.replace("DATABASE_URL", "the reference's address")
        raise SourceAddressError(told[0].upper() + told[1:]) from None
    settings = {**target.connect_kwargs["server_settings"], "application_name": "nexgent-import"}
    try:
        return await asyncpg.connect(
            **{**target.connect_kwargs, "server_settings": settings, "command_timeout": None}
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    raise SourceUnreachableError(
        f"The reference's database at {target.place} cannot be used ({said}); does it run, and are user, password and name right?"
    )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise SourceUnreachableError(
            "The user of the reference's address may not read its tables."
        ) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SourceUnreachableError(
            f"The reference's database was lost while it was read ({type(error).__name__}); nothing was changed."
        ) from error
