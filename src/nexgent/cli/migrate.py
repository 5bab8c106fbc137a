"""`nexgent migrate`."""

from __future__ import annotations

import argparse

from nexgent.bootstrap.storage import open_storage
from nexgent.cli import exit_codes
from nexgent.cli.running import load_settings, run_async
from nexgent.config.settings import Settings
from nexgent.infrastructure.database.schema.migration import current_revision, migrate


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options."""
    parser.epilog = "`nexgent serve` does this by itself at every start."


def run(_arguments: argparse.Namespace) -> int:
    """Migrate and say where the database is now."""
    settings = load_settings(level="warn")
    print(f"The database is at revision {run_async(_migrate(settings))}.")
    return exit_codes.OK


async def _migrate(settings: Settings) -> str | None:
    async with open_storage(settings.storage, join_running=True) as storage:
        await migrate(storage.database_url)
        return await current_revision(storage.database_url)
