"""Bring a database to the present schema, from code."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

import nexgent
from nexgent.infrastructure.database.engine import first_connection

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger(__name__)

SCHEMA_REVISION = "0018"
"""The newest migration. Known here so that an up-to-date database is recognised without loading the scripts."""


def migrations_folder() -> Path:
    """Return where the migrations are: inside the installed package, else at the root of the checkout."""
    package = Path(nexgent.__file__).resolve().parent
    candidates = [package / "migrations", package.parents[1] / "migrations"]
    for candidate in candidates:
        if (candidate / "env.py").is_file():
            return candidate
    raise FileNotFoundError(
        f"the migrations are missing; expected them in {candidates[0]} or {candidates[1]}"
    )


async def current_revision(database_url: str) -> str | None:
    """Return the revision of the database, or None when it was never migrated. Raises `DatabaseUnreachableError`."""
    connection = await first_connection(database_url)
    try:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return revision
    finally:
        await connection.close()


async def migrate(database_url: str) -> None:
    """Apply what is missing; return at once when nothing is. Processes that do so at the same moment wait for one another."""
    revision = await current_revision(database_url)
    if revision == SCHEMA_REVISION:
        return
    log.info("database.migrating", from_revision=revision, to_revision=SCHEMA_REVISION)
    await asyncio.to_thread(_upgrade, database_url)
    log.info("database.migrated", revision=SCHEMA_REVISION)


def _upgrade(database_url: str) -> None:
    # Alembic and SQLAlchemy take 25 MB of memory, and a service starts mostly with nothing to migrate.
    from alembic import command  # noqa: PLC0415

    command.upgrade(migration_config(database_url), "head")


def migration_config(database_url: str) -> Config:
    """Return a configuration for Alembic's commands."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config
