"""Agents and wallets in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec
import structlog

from nexgent.domain.agents.config import (
    DEFAULT_CONFIG,
    InvalidConfigError,
    TradingConfig,
    parse_config,
    to_json_dict,
)
from nexgent.domain.agents.config_history import MOST_VERSIONS, ConfigVersion
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import Agent, TradingMode, Wallet
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import agents as sql
from nexgent.shared.errors import ConflictError
from nexgent.shared.types import AgentId, UserId, WalletAddress

log = structlog.get_logger(__name__)

_DELETE = (
    sql.LOCK_WALLETS,
    sql.DELETE_TRAILS,
    sql.DETACH_TRANSACTIONS,
    sql.DETACH_CLOSED_TRADES,
    sql.DELETE_WALLETS,
    sql.DELETE,
)


class AgentConflictError(ConflictError):
    """An id or a wallet address is taken, or the agent already has a wallet of that mode."""

    code = "AGENT_CONFLICT"


@dataclass(frozen=True, slots=True)
class _VersionsOf:
    agent_id: AgentId


class PostgresAgentRepository:
    """Implements `AgentRepository` and `ConfigHistory`. All methods raise `UnavailableError` when the database cannot be reached.

    An agent whose stored configuration is no longer valid does not stop anybody else's start: it is handed out with the
    default configuration and both automated toggles off, and the problem is logged. The table keeps what it has until
    somebody stores a valid configuration.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool
        self._broken: set[AgentId] = set()

    async def list_all(self) -> Sequence[Agent]:
        """Return every agent with wallets and effective configuration, oldest first. One statement."""
        with translated_errors("read the agents"):
            rows = await self._pool.fetch(sql.LIST_ALL)
        return self._read(rows)

    async def list_deleted(self) -> Sequence[Agent]:
        """Return the agents that were deleted, oldest first."""
        with translated_errors("read the deleted agents"):
            rows = await self._pool.fetch(sql.LIST_DELETED)
        return self._read(rows)

    async def get(self, agent_id: AgentId) -> Agent | None:
        """Return one agent."""
        with translated_errors("read an agent"):
            rows = await self._pool.fetch(sql.GET, agent_id)
        agents = self._read(rows)
        return agents[0] if agents else None

    async def add(self, agent: Agent) -> None:
        """Store a new agent and its wallets in one transaction. Raises `AgentConflictError` when an address is taken."""
        with translated_errors("store an agent"):
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await connection.execute(
                        sql.ADD,
                        agent.id,
                        agent.user_id,
                        agent.name,
                        agent.trading_mode,
                        agent.created_at,
                        agent.updated_at,
                        agent.automated_trading_simulation,
                        agent.automated_trading_live,
                    )
                    await connection.execute(sql.ADD_WALLETS, *_wallet_columns(agent.wallets))
                    await connection.execute(sql.ADD_VERSION, agent.id, agent.created_at, "", None)
            except asyncpg.UniqueViolationError as error:
                raise _conflict(error) from error

    async def save(self, agent: Agent, *, store_config: bool | None = None, saved_by: str = "") -> None:
        """Store name, mode, toggles and `updated_at`, and the configuration as `store_config` says, with its history.

        True stores the effective configuration, False clears it, None leaves it alone. Raises `AgentNotFoundError`.
        """
        keeps_broken = store_config is None and agent.id in self._broken
        config = _encode(agent.config) if store_config else None
        with translated_errors("change an agent"):
            async with self._pool.acquire() as connection, connection.transaction():
                done = await connection.execute(
                    sql.SAVE,
                    agent.id,
                    agent.name,
                    agent.trading_mode,
                    agent.updated_at,
                    agent.automated_trading_simulation,
                    agent.automated_trading_live,
                    store_config is not None,
                    keeps_broken,
                    config,
                )
                if done != "UPDATE 0" and store_config is not None:
                    await connection.execute(sql.ADD_VERSION, agent.id, agent.updated_at, saved_by, config)
                    await connection.execute(sql.CUT_VERSIONS, agent.id, MOST_VERSIONS)
        if done == "UPDATE 0":
            raise AgentNotFoundError(agent.id)
        if not keeps_broken:
            self._broken.discard(agent.id)

    async def config_versions(
        self, agent_id: AgentId, *, limit: int, offset: int = 0, before: int | None = None
    ) -> Sequence[ConfigVersion]:
        """Return the versions of an agent, newest first, older than that with the id `before`."""
        wanted = _VersionsOf(agent_id)
        rows = await sql.VERSIONS.fetch(self._pool, wanted, limit=limit, offset=offset, after_id=before)
        return [
            ConfigVersion(
                id=row["id"],
                saved_at=row["saved_at"],
                saved_by=row["saved_by"],
                config=_public(row["config"]),
            )
            for row in rows
        ]

    async def delete(self, agent_id: AgentId) -> None:
        """Remove the agent with its wallets, balances and positions; what it did stays on record. Unknown ids are ignored."""
        with translated_errors("delete an agent"):
            async with self._pool.acquire() as connection, connection.transaction():
                for statement in _DELETE:
                    await connection.execute(statement, agent_id)
        self._broken.discard(agent_id)

    async def add_wallet(self, wallet: Wallet) -> None:
        """Give an agent a wallet. Raises `AgentConflictError` when the address or the agent's mode is taken,
        `AgentNotFoundError` when the agent is gone."""
        with translated_errors("store a wallet"):
            try:
                await self._pool.execute(sql.ADD_WALLETS, *_wallet_columns([wallet]))
            except asyncpg.UniqueViolationError as error:
                raise _conflict(error) from error
            except asyncpg.ForeignKeyViolationError as error:
                raise AgentNotFoundError(wallet.agent_id) from error

    async def remove_wallet(self, address: WalletAddress) -> bool:
        """Remove a wallet and everything recorded about it; tell whether it was there."""
        with translated_errors("remove a wallet"):
            return await self._pool.execute(sql.DELETE_WALLET, address) != "DELETE 0"

    def _read(self, rows: Sequence[asyncpg.Record]) -> list[Agent]:
        configs: dict[str | None, TradingConfig | None] = {None: DEFAULT_CONFIG}
        agents: list[Agent] = []
        start = 0
        for index, row in enumerate(rows):
            agent_id = row["id"]
            if index + 1 < len(rows) and rows[index + 1]["id"] == agent_id:
                continue
            agents.append(self._agent(rows[start : index + 1], configs))
            start = index + 1
        return agents

    def _agent(
        self, rows: Sequence[asyncpg.Record], configs: dict[str | None, TradingConfig | None]
    ) -> Agent:
        row = rows[0]
        agent_id = AgentId(row["id"])
        stored: str | None = row["trading_config"]
        if stored not in configs:
            configs[stored] = _decode(stored, agent_id)
        config = configs[stored]
        if config is None:
            self._broken.add(agent_id)
            log.error(
                "agent.config_problem", agent_id=str(agent_id), automated_trading="off until it is fixed"
            )
        else:
            self._broken.discard(agent_id)
        return Agent(
            id=agent_id,
            user_id=UserId(row["user_id"]),
            name=row["name"],
            trading_mode=TradingMode(row["trading_mode"]),
            automated_trading_simulation=row["automated_trading_simulation"] and config is not None,
            automated_trading_live=row["automated_trading_live"] and config is not None,
            config=config if config is not None else DEFAULT_CONFIG,
            wallets=tuple(
                _wallet(wallet, agent_id) for wallet in rows if wallet["wallet_address"] is not None
            ),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )


def _wallet(row: asyncpg.Record, agent_id: AgentId) -> Wallet:
    return Wallet(
        address=WalletAddress(row["wallet_address"]),
        agent_id=agent_id,
        mode=TradingMode(row["wallet_type"]),
        created_at=row["wallet_created_at"],
        updated_at=row["wallet_updated_at"],
    )


def _wallet_columns(
    wallets: Iterable[Wallet],
) -> tuple[list[str], list[UUID], list[str], list[object], list[object]]:
    rows = list(wallets)
    return (
        [wallet.address for wallet in rows],
        [wallet.agent_id for wallet in rows],
        [wallet.mode for wallet in rows],
        [wallet.created_at for wallet in rows],
        [wallet.updated_at for wallet in rows],
    )


def _decode(stored: str | None, agent_id: AgentId) -> TradingConfig | None:
    """Return the effective configuration, or None when the stored one is not valid any more."""
    if stored is None:
        return DEFAULT_CONFIG
    try:
        return parse_config(msgspec.json.decode(stored))
    except (InvalidConfigError, msgspec.DecodeError) as error:
        log.error("agent.config_invalid", agent_id=str(agent_id), problem=str(error))
        return None


def _public(stored: str | None) -> Mapping[str, object]:
    """Return a configuration in its public form, complete, or as it is when it is not valid any more."""
    if stored is None:
        return to_json_dict(DEFAULT_CONFIG)
    decoded: Mapping[str, object] = msgspec.json.decode(stored)
    try:
        return to_json_dict(parse_config(decoded))
    except InvalidConfigError:
        return decoded


def _encode(config: TradingConfig) -> str:
    return msgspec.json.encode(to_json_dict(config)).decode()


def _conflict(error: asyncpg.UniqueViolationError) -> AgentConflictError:
    match error.constraint_name:
        case "agent_wallets_pkey":
            return AgentConflictError("The wallet address is already assigned")
        case "agent_wallets_agent_id_wallet_type_key":
            return AgentConflictError("The agent already has a wallet of this type")
        case _:
            return AgentConflictError("An agent with this id already exists")
