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

import nexgent
from nexgent.infrastructure.database.engine import first_connection
from nexgent.shared.errors import UnavailableError

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger(__name__)

SCHEMA_REVISION = "0020"
"""The newest migration. Known here so that an up-to-date database is recognised without loading the scripts."""


class MigrationFailedError(UnavailableError):
    """The schema could not be brought up to date; the log has all that was said about it."""

    code = "MIGRATION_FAILED"


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
    """Apply what is missing; return at once when nothing is. Processes that do so at the same moment wait for one another.

    Raises `DatabaseUnreachableError`, `MigrationFailedError`.
    """
    revision = await current_revision(database_url)
    if revision == SCHEMA_REVISION:
        return
    log.info("database.migrating", from_revision=revision, to_revision=SCHEMA_REVISION)
    await _upgrade_apart(database_url)
    log.info("database.migrated", revision=SCHEMA_REVISION)


async def _upgrade_apart(database_url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
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
        raise MigrationFailedError(f"The database could not be brought to schema {SCHEMA_REVISION}: {reason}")


def _upgrade(database_url: str) -> None:
    from alembic import command  # noqa: PLC0415

    command.upgrade(migration_config(database_url), "head")


def migration_config(database_url: str) -> Config:
    """Return a configuration for Alembic's commands."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["database_url"] = database_url
    return config


if __name__ == "__main__":
    _upgrade(os.environ["DATABASE_URL"])
