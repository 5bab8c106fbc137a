"""Bring a database to the present schema, from code. As a program: that of `DATABASE_URL`, at once.

Alembic and SQLAlchemy take 30 MB of memory, and a service runs for weeks after it migrated. So they are loaded by a process of
their own, which ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from nexgent.infrastructure.database.engine import first_connection
from nexgent.infrastructure.database.journal.parts import keep_parts
from nexgent.shared.errors import UnavailableError
from nexgent.shared.packed import packed

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger(__name__)

SCHEMA_REVISION = "0039"
"""The newest migration. Known here so that an up-to-date database is recognised without loading the scripts."""


class MigrationFailedError(UnavailableError):
    """The schema could not be brought up to date; the log has all that was said about it."""

    code = "MIGRATION_FAILED"


def migrations_folder() -> Path:
    """Return where the migrations are: inside the installed package, else at the root of the checkout."""
    return packed("migrations/env.py").parent


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


def known_revisions() -> frozenset[str]:
    """Return all revisions that this version can bring a database to."""
    names = (path.name for path in (migrations_folder() / "versions").glob("[0-9]*_*.py"))
    return frozenset(name.partition("_")[0] for name in names)


async def migrate(database_url: str, revision: str = SCHEMA_REVISION) -> None:
    """Apply what is missing; nothing mostly is. Processes that do so at the same moment wait for one another.

    The parts of the journal that time asks for are made as well.
    Raises `DatabaseUnreachableError`, `MigrationFailedError`.
    """
    present = await current_revision(database_url)
    if present != revision:
        log.info("database.migrating", from_revision=present, to_revision=revision)
        await _upgrade_apart(database_url, revision)
        log.info("database.migrated", revision=revision)
    if revision == SCHEMA_REVISION:
        await keep_parts(database_url)


async def _upgrade_apart(database_url: str, revision: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        revision,
        env={**os.environ, "DATABASE_URL": database_url},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, output = await process.communicate()
    if process.returncode != 0:
        said = output.decode(errors="replace").strip()
        log.error("database.not_migrated", exit_code=process.returncode, output=said)
        errors = [line for line in said.splitlines() if "Error: " in line and not line.startswith(" ")]
        reason = errors[-1] if errors else f"exit code {process.returncode}"
        raise MigrationFailedError(f"The database could not be brought to schema {revision}: {reason}")


def _upgrade(database_url: str, revision: str) -> None:
    from alembic import command  # noqa: PLC0415

    command.upgrade(migration_config(database_url), revision)


def migration_config(database_url: str) -> Config:
    """Return a configuration for Alembic's commands."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config


if __name__ == "__main__":
    _upgrade(os.environ["DATABASE_URL"], sys.argv[1] if len(sys.argv) > 1 else SCHEMA_REVISION)
