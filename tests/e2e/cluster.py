"""Migrated databases to be copied: making one anew takes longer than starting on it. Processes of one run of tests share them."""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import asyncpg

from nexgent.domain.users.seed_admin import SeedAdmin
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.infrastructure.database.schema.migration import migrate
from nexgent.infrastructure.database.stores.users import PostgresUserRepository
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.shared.clock import SystemClock
from tests.leftovers import claim
from tests.run_folder import SHARED_FOLDER

# The least that bcrypt takes; ours is a quarter of a second, at each start and each login.
_COST = 4
_PREFIX = "nexgent-cluster-"
_EMPTY, _WITH_ADMIN = "empty", "with-admin"
_made: Path | None = None


async def lay_out_cluster(data_dir: Path, email: str, password: str) -> None:
    """Put a migrated database with nothing but the administrator into a data folder that is not there yet.

    It is always the same administrator in one run.
    """
    _copy(await _clusters(email, password) / _WITH_ADMIN, data_dir)


async def lay_out_empty_cluster(data_dir: Path, email: str, password: str) -> None:
    """Put a migrated database with nothing in it into a data folder that is not there yet; the administrator is the others'."""
    _copy(await _clusters(email, password) / _EMPTY, data_dir)


def with_connections(data_dir: Path, most: int) -> None:
    """Let the server of a data folder that does not run yet take so many connections; it takes enough for one service."""
    with (data_dir / "postgres" / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"max_connections = '{most}'\n")


def _copy(made: Path, data_dir: Path) -> None:
    # Root's servers run as somebody else, who has to pass through and to whom the files go on belonging.
    data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)
    subprocess.run(["cp", "-a", made, data_dir / "postgres"], check=True)


async def _clusters(email: str, password: str) -> Path:
    global _made
    if _made is None:
        shared = os.environ.get(SHARED_FOLDER)
        folder = Path(shared) if shared else Path(tempfile.mkdtemp(prefix=_PREFIX))
        if not shared:
            # Who is killed cannot remove his own.
            claim(folder, _PREFIX)
            atexit.register(_remove, folder, os.getpid())
        with (folder / "lock").open("w") as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            if not (folder / _WITH_ADMIN).exists():
                await _make(folder, email, password)
        _made = folder
    return _made


async def _make(folder: Path, email: str, password: str) -> None:
    folder.chmod(0o711)
    async with EmbeddedServers(folder / "data", redis=False) as servers:
        await migrate(servers.database_url)
        await _do_without_the_disk(servers.database_url)
    subprocess.run(["cp", "-a", folder / "data" / "postgres", folder / _EMPTY], check=True)
    async with (
        EmbeddedServers(folder / "data", redis=False) as servers,
        opened_pool(servers.database_url, COMMAND) as pool,
    ):
        passwords = BcryptHasher(cost=_COST)
        seed = SeedAdmin(users=PostgresUserRepository(pool), passwords=passwords, clock=SystemClock())
        await seed.execute(email, password)
        passwords.close()
    (folder / "data" / "postgres").rename(folder / _WITH_ADMIN)


async def _do_without_the_disk(url: str) -> None:
    """Let the servers of tests leave it to the kernel when it writes: no test takes the machine's power away.

    What is killed, however hard, loses nothing by it, and a new database takes a third of the time. Each time one is made or
    removed the server looks through its whole cache, which is as small here as what tests write.
    """
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        for setting in ("fsync", "full_page_writes"):
            await connection.execute(f"ALTER SYSTEM SET {setting} = off")
        await connection.execute("ALTER SYSTEM SET shared_buffers = '16MB'")
    finally:
        await connection.close()


def _remove(folder: Path, owner: int) -> None:
    # Tries of mutants fork.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
