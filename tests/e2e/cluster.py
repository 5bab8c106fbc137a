"""A migrated database with an administrator, to be copied: making one anew takes longer than starting on it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from nexgent.domain.users.seed_admin import SeedAdmin
from nexgent.infrastructure.database.pool import COMMAND, opened_pool
from nexgent.infrastructure.database.schema.migration import migrate
from nexgent.infrastructure.database.stores.users import PostgresUserRepository
from nexgent.infrastructure.embedded import EmbeddedServers
from nexgent.infrastructure.security.passwords import BcryptHasher
from nexgent.shared.clock import SystemClock

# The least that bcrypt takes; ours is a quarter of a second, at each start and each login.
_COST = 4
_made: Path | None = None


async def lay_out_cluster(data_dir: Path, email: str, password: str) -> None:
    """Put a migrated database with nothing but the administrator into a data folder that is not there yet.

    It is always the same administrator in one process.
    """
    global _made
    if _made is None:
        _made = await _make(email, password)
    # Root's servers run as somebody else, who has to pass through and to whom the files go on belonging.
    data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)
    subprocess.run(["cp", "-a", _made / "postgres", data_dir / "postgres"], check=True)


async def _make(email: str, password: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="nexgent-cluster-"))
    atexit.register(_remove, folder, os.getpid())
    folder.chmod(0o711)
    async with EmbeddedServers(folder / "data", redis=False) as servers:
        await migrate(servers.database_url)
        async with opened_pool(servers.database_url, COMMAND) as pool:
            passwords = BcryptHasher(cost=_COST)
            seed = SeedAdmin(users=PostgresUserRepository(pool), passwords=passwords, clock=SystemClock())
            await seed.execute(email, password)
            passwords.close()
    return folder / "data"


def _remove(folder: Path, owner: int) -> None:
    # Tries of mutants fork.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
