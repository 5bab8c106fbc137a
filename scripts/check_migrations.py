"""Run all migrations up, compare the result with the tables in the code, run them down, and up again.

Takes an embedded PostgreSQL in a temporary folder; prints what it does and ends with the exit code of the first failure.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from nexgent.infrastructure.embedded import EmbeddedServers

_REPOSITORY = Path(__file__).resolve().parent.parent
_STEPS = (("upgrade", "head"), ("check",), ("downgrade", "base"), ("upgrade", "head"), ("check",))


def main() -> int:
    """Return 0 when every step passed."""
    with tempfile.TemporaryDirectory(prefix="nexgent-migrations-") as folder, asyncio.Runner() as runner:
        # Root's servers run as somebody else, who has to pass through.
        Path(folder).chmod(0o711)
        servers = EmbeddedServers(Path(folder) / "data", redis=False)
        runner.run(servers.start())
        try:
            return _run_steps(servers.database_url)
        finally:
            runner.run(servers.stop())


def _run_steps(database_url: str) -> int:
    for step in _STEPS:
        print("alembic", *step, flush=True)
        result = subprocess.run(
            [sys.executable, "-m", "alembic", *step],
            cwd=_REPOSITORY,
            env={**os.environ, "DATABASE_URL": database_url},
            check=False,
        )
        if result.returncode != 0:
            return result.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
