"""The database that things are taken over into: one transaction, in which all is written or nothing.

What the journal can tell is written to it and projected in the same transaction; users, agents, signals and figures, which it
does not tell, are rows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.ledger.models import Entry
from nexgent.domain.users.models import User
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.engine import first_connection
from nexgent.infrastructure.database.journal.codec import to_json
from nexgent.infrastructure.database.journal.journal import append_in
from nexgent.infrastructure.database.journal.parts import APPEND_LOCK
from nexgent.infrastructure.database.lease import SHARING_LOCK, WHOLE
from nexgent.infrastructure.database.projection.projector import PROJECTOR_LOCK, Projector
from nexgent.infrastructure.database.stores.sql import agents as of_agents
from nexgent.infrastructure.database.stores.sql import api_keys as of_keys
from nexgent.infrastructure.database.stores.sql import users as of_users
from nexgent.infrastructure.takeover.errors import DoesNotFitError, EngineRunsError
from nexgent.infrastructure.takeover.history import Row
from nexgent.shared.types import AgentId, SignalId, UserId, WalletAddress

# Whoever wants to become the engine waits for the row, and reads everything once it has it.
_ENGINE = """
SELECT owner, expires_at > clock_timestamp() AS trades FROM engine_lease WHERE id = $1 FOR UPDATE
"""
_ENGINES = "SELECT owner FROM engine_lease WHERE expires_at > clock_timestamp() LIMIT 1"
_USERS = "SELECT id, email FROM users"
_KEYS = "SELECT id, key_hash FROM api_keys"
_AGENTS = "SELECT id FROM agents WHERE id = ANY($1)"
_WALLETS = "SELECT wallet_address FROM agent_wallets WHERE wallet_address = ANY($1)"
_SEQ = "SELECT coalesce((SELECT seq FROM journal_heads WHERE wallet_address = $1), 0)"
_SIGNALS = "SELECT id, token_address, created_at FROM trading_signals WHERE id = ANY($1)"
# Whatever came of them came there: nobody decides on them here.
_ADD_SIGNALS = """
INSERT INTO trading_signals (id, created_at, updated_at, token_address, symbol, signal_type, activation_reason,
                             signal_strength, source, user_id, processed_at, process_note)
SELECT s.*, s.created_at, $2 FROM json_to_recordset($1) AS s (
    id int, created_at timestamptz, updated_at timestamptz, token_address text, symbol text, signal_type text,
    activation_reason text, signal_strength int, source text, user_id uuid)
"""
_NEXT_SIGNAL = """
SELECT setval(pg_get_serial_sequence('trading_signals', 'id'), (SELECT max(id) FROM trading_signals))
WHERE (SELECT max(id) FROM trading_signals) > coalesce(pg_sequence_last_value(
    pg_get_serial_sequence('trading_signals', 'id')::regclass), 0)
"""
_ADD_EXECUTIONS = """
INSERT INTO signal_executions (id, signal_id, agent_id, status, transaction_id, error, executed_at)
SELECT e.id, s.id, e.agent_id, e.status, t.id, e.error, e.executed_at
FROM json_to_recordset($1) AS e (
    id uuid, signal_id int, agent_id uuid, status text, transaction_id uuid, error text, executed_at timestamptz)
JOIN trading_signals s ON s.id = e.signal_id LEFT JOIN agent_transactions t ON t.id = e.transaction_id
RETURNING id
"""
_ADD_SNAPSHOTS = """
INSERT INTO agent_balance_snapshots (id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol, sol_balance,
                                     positions_value_sol, unrealized_pnl_sol, created_at, updated_at)
SELECT s.* FROM json_to_recordset($1) AS s (
    id uuid, agent_id uuid, wallet_address text, snapshot_timestamp timestamptz, portfolio_balance_sol numeric,
    sol_balance numeric, positions_value_sol numeric, unrealized_pnl_sol numeric, created_at timestamptz,
    updated_at timestamptz)
"""
_SIGNAL_COLUMNS = (
    "id",
    "created_at",
    "updated_at",
    "token_address",
    "symbol",
    "signal_type",
    "activation_reason",
    "signal_strength",
    "source",
)
_NOTE = "taken over from another installation"


class Target:
    """What is here, and what is added. Its methods raise what asyncpg raises; `opened_target` makes messages of that."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], projector: Projector) -> None:
        self._connection = connection
        self._projector = projector

    async def require_quiet(self) -> None:
        """Keep others from becoming the engine, from appending and from projecting until the end. Raises `EngineRunsError`."""
        lease = await self._connection.fetchrow(_ENGINE, WHOLE)
        # Whoever shares the work signs on behind this lock, and behind the row.
        await self._connection.execute("SELECT pg_advisory_xact_lock($1)", SHARING_LOCK)
        trades = lease["owner"] if lease is not None and lease["trades"] else None
        if owner := trades or await self._connection.fetchval(_ENGINES):
            raise EngineRunsError(
                f"A service trades on this database ({owner}): stop it first. One that was killed is taken for "
                "running for a few seconds."
            )
        for lock in (APPEND_LOCK, PROJECTOR_LOCK):
            await self._connection.execute("SELECT pg_advisory_xact_lock($1)", lock)

    async def users(self) -> Mapping[str, UserId]:
        """Return the users by their addresses."""
        return {row["email"]: UserId(row["id"]) for row in await self._connection.fetch(_USERS)}

    async def key_names(self) -> frozenset[object]:
        """Return the ids and the hashes of all API keys."""
        rows = await self._connection.fetch(_KEYS)
        return frozenset(value for row in rows for value in (row["id"], row["key_hash"]))

    async def agents(self, ids: Collection[AgentId]) -> frozenset[AgentId]:
        """Return which agents are here, those that were deleted as well."""
        return frozenset(AgentId(row["id"]) for row in await self._connection.fetch(_AGENTS, list(ids)))

    async def wallets(self, addresses: Collection[WalletAddress]) -> frozenset[WalletAddress]:
        """Return which wallets belong to an agent here."""
        rows = await self._connection.fetch(_WALLETS, list(addresses))
        return frozenset(WalletAddress(row["wallet_address"]) for row in rows)

    async def last_seq(self, wallet: WalletAddress) -> int:
        """Return where a wallet's stream ends."""
        seq: int = await self._connection.fetchval(_SEQ, wallet)
        return seq

    async def signals(self, numbers: Collection[int]) -> Mapping[SignalId, tuple[str, datetime]]:
        """Return the signals with such numbers: their tokens and when they came."""
        rows = await self._connection.fetch(_SIGNALS, list(numbers))
        return {SignalId(row["id"]): (row["token_address"], row["created_at"]) for row in rows}

    async def add_user(self, user: User) -> None:
        """Store a user."""
        await self._connection.execute(
            of_users.ADD,
            user.id,
            user.email,
            user.password_hash,
            user.created_at,
            user.failed_login_attempts,
            user.locked_until,
            user.seeded,
        )

    async def add_key(self, row: Row, user_id: UserId, scopes: Sequence[str]) -> None:
        """Store an API key by its hash."""
        await self._connection.execute(
            of_keys.ADD,
            row["id"],
            user_id,
            row["name"],
            row["key_hash"],
            row["key_prefix"],
            list(scopes),
            row["created_at"],
            None,
        )

    async def add_agent(self, agent: Agent, stored_config: str | None) -> None:
        """Store an agent with its configuration as it was stored there, and its wallets."""
        await self._connection.execute(
            of_agents.ADD,
            agent.id,
            agent.user_id,
            agent.name,
            agent.trading_mode.value,
            agent.created_at,
            agent.updated_at,
            agent.automated_trading_simulation,
            agent.automated_trading_live,
        )
        if stored_config is not None:
            await self._connection.execute(
                of_agents.SAVE,
                agent.id,
                agent.name,
                agent.trading_mode.value,
                agent.updated_at,
                agent.automated_trading_simulation,
                agent.automated_trading_live,
                True,
                False,
                stored_config,
            )
        await self._connection.execute(of_agents.ADD_VERSION, agent.id, agent.updated_at, "", stored_config)
        await self._connection.execute(of_agents.ADD_WALLETS, *_wallet_columns(agent.wallets))

    async def add_signals(self, rows: Sequence[Row], owners: Mapping[UUID, UserId]) -> None:
        """Store signals under their numbers, as decided. Those of users who did not come along belong to nobody."""
        documents = [
            {**{name: row[name] for name in _SIGNAL_COLUMNS}, "user_id": owners.get(row["user_id"])}
            for row in rows
        ]
        await self._connection.execute(_ADD_SIGNALS, to_json(documents), _NOTE)

    async def append(self, entries: Sequence[Entry]) -> None:
        """Append to the journal."""
        await append_in(self._connection, entries)

    async def project(self) -> None:
        """Write the tables from the journal."""
        while await self._projector.project_in(self._connection):
            pass

    async def add_executions(self, rows: Iterable[Mapping[str, object]]) -> int:
        """Store what agents did with signals that are here; return how many of them those are."""
        return len(await self._connection.fetch(_ADD_EXECUTIONS, to_json(list(rows))))

    async def add_snapshots(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Store what wallets were worth."""
        await self._connection.execute(_ADD_SNAPSHOTS, to_json(list(rows)))

    async def number_on(self) -> None:
        """Let new signals have numbers behind those that came along."""
        await self._connection.execute(_NEXT_SIGNAL)


class _TakeBackError(Exception):
    """Ends a transaction that was a trial."""


@asynccontextmanager
async def opened_target(database_url: str, *, keep: bool) -> AsyncIterator[Target]:
    """Yield the database in a transaction, of which nothing stays unless it is to be kept.

    Raises `UnavailableError`, `EngineRunsError`, and `DoesNotFitError` for what the database refuses.
    """
    connection = await first_connection(database_url, command_timeout=None)
    projector = Projector(database_url)
    try:
        with translated_errors("take things over"):
            try:
                async with connection.transaction():
                    await connection.execute("SET LOCAL statement_timeout = 0")
                    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                    target = Target(connection, projector)
                    await target.require_quiet()
                    yield target
                    if not keep:
                        raise _TakeBackError
            except _TakeBackError:
                pass
            except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
                named = getattr(error, "constraint_name", None) or type(error).__name__
                table = getattr(error, "table_name", None) or "a table"
                raise DoesNotFitError(
                    f"{table} does not take what was read ({named}). Nothing was written; this is a defect of nexgent."
                ) from error
    finally:
        connection.terminate()
        await projector.close()


def _wallet_columns(
    wallets: Iterable[Wallet],
) -> tuple[list[str], list[UUID], list[str], list[datetime], list[datetime]]:
    rows = list(wallets)
    return (
        [wallet.address for wallet in rows],
        [wallet.agent_id for wallet in rows],
        [wallet.mode.value for wallet in rows],
        [wallet.created_at for wallet in rows],
        [wallet.updated_at for wallet in rows],
    )
