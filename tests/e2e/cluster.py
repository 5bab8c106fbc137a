"""A cluster at the newest migration, to be copied: making one anew takes longer than starting on it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from nexgent.infrastructure.database.schema.migration import migrate
from nexgent.infrastructure.embedded import EmbeddedServers

_made: Path | None = None


async def lay_out_cluster(data_dir: Path) -> None:
    """Put an empty, migrated database into a data folder that is not there yet."""
    global _made
    if _made is None:
        _made = await _make()
    # Root's servers run as somebody else, who has to pass through and to whom the files go on belonging.
    data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True)
    subprocess.run(["cp", "-a", _made / "postgres", data_dir / "postgres"], check=True)


async def _make() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="nexgent-cluster-"))
    atexit.register(_remove, folder, os.getpid())
    folder.chmod(0o711)
    async with EmbeddedServers(folder / "data", redis=False) as servers:
        await migrate(servers.database_url)
    return folder / "data"


def _remove(folder: Path, owner: int) -> None:
    # Tries of mutants fork.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
