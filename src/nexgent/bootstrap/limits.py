"""What the operating system allows this process, and what the settings make of it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

import structlog

from nexgent.config.settings import Settings
from nexgent.infrastructure.server.limits import ServerLimits

log = structlog.get_logger(__name__)

OTHER_FILES = 288
"""Files beside the clients' connections: databases, upstreams, logs, pipes of children, and the places in reserve."""
WANTED_FILES = 65_536
_PR_SET_DUMPABLE = 4


def server_limits(settings: Settings) -> ServerLimits:
    """Return the limits of the listening server; never more connections than this process may have open files."""
    given, files = settings.connections, allow_many_files()
    most = given.max_connections
    possible = most if files is None else max(16, files - OTHER_FILES)
    if possible < most:
        most = possible
        log.warning(
            "connections.fewer",
            allowed=most,
            wanted=given.max_connections,
            hint=f"this process may open {files} files; raise the limit (ulimit -n, LimitNOFILE)",
        )
    return ServerLimits(
        header_bytes=given.header_bytes,
        headers=given.headers,
        url_bytes=given.url_bytes,
        header_seconds=given.header_seconds,
        body_seconds=given.body_seconds,
        keep_alive_seconds=given.keep_alive_seconds,
        send_seconds=given.send_seconds,
        connections=most,
        connections_per_address=given.max_connections_per_address,
        frames_per_second=given.frames_per_second,
        frame_bytes_per_second=given.frame_bytes_per_second,
        exempt=settings.server.proxies,
    )


def allow_many_files() -> int | None:
    """Raise this process's own limit of open files as far as it may; return it, or None where there is none."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 -- does not exist on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # A Mac allows less than it says.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def forbid_memory_dumps() -> None:
    """Keep what is in memory, such as wallet keys, out of files: no core dumps, and no reading by other processes of the user."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 -- does not exist on Windows

        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
