"""A program that owns embedded servers until its standard input ends: `python owner.py DATA_DIR [--in-thread]`.

Prints one line of JSON once they run, or `{"error": …}` when they cannot be started.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from pathlib import Path

from nexgent.infrastructure.embedded import EmbeddedServerError, EmbeddedServers


async def own(data_dir: Path) -> None:
    try:
        async with EmbeddedServers(data_dir, log=_Silent()) as servers:
            facts = {
                "pid": os.getpid(),
                "postgres_pid": servers.postgres_pid,
                "redis_pid": servers.redis_pid,
                "database_url": servers.database_url,
                "redis_url": servers.redis_url,
            }
            print(json.dumps(facts), flush=True)
            await asyncio.to_thread(sys.stdin.read)
    except EmbeddedServerError as error:
        print(json.dumps({"error": error.message, "code": error.code}), flush=True)


class _Silent:
    def info(self, event: str, **fields: object) -> None:
        pass

    def error(self, event: str, **fields: object) -> None:
        print(event, fields, file=sys.stderr)


def main() -> None:
    data_dir = Path(sys.argv[1])
    if "--in-thread" in sys.argv:
        thread = threading.Thread(target=lambda: asyncio.run(own(data_dir)))
        thread.start()
        thread.join()
    else:
        asyncio.run(own(data_dir))


if __name__ == "__main__":
    main()
