"""Alembic's environment: one connection of an async engine, one lock so that two migrations never run at once."""

from __future__ import annotations

import asyncio
import os
from logging.config import fileConfig

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from nexgent.infrastructure.database.engine import normalise_url
from nexgent.infrastructure.database.journal.parts import is_part
from nexgent.infrastructure.database.schema import (  # noqa: F401 -- they add their tables to the metadata
    audit,
    config_history,
    idempotency,
    notifications,
    price_history,
    protections,
    reconciliation,
    shadow,
    sums,
    verified,
    wallet_secrets,
    webhooks,
)
from nexgent.infrastructure.database.schema.tables import metadata

_MIGRATION_LOCK = 6_271_830_001

config = context.config


def _database_url() -> str:
    url = config.attributes.get("database_url") or os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit(
            "DATABASE_URL is not set; example: postgresql://nexgent:secret@localhost:5432/nexgent"
        )
    return str(url)


def _is_compared(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether something is compared with the tables as they are written: parts of the journal come as time goes on."""
    return kind != "table" or name is None or not is_part(name)


def _configure_and_run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=False,
        include_name=_is_compared,
    )
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        context.run_migrations()


async def _run_online() -> None:
    target = normalise_url(_database_url())
    # A migration of a large table takes as long as it takes.
    connect_args = {**target.connect_kwargs, "command_timeout": None}
    engine = create_async_engine(target.sqlalchemy_url, connect_args=connect_args, poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_configure_and_run)
    finally:
        await engine.dispose()


def _run_offline() -> None:
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if config.config_file_name is not None and not config.attributes.get("quiet"):
    fileConfig(config.config_file_name, disable_existing_loggers=False)
if context.is_offline_mode():
    _run_offline()
else:
    asyncio.run(_run_online())
