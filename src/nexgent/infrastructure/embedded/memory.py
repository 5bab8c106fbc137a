"""How much memory there is for us: that of the machine, or what a container is limited to."""

from __future__ import annotations

import os
from pathlib import Path

CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes(container_limit: Path = CONTAINER_LIMIT) -> int:
    """Return the bytes there are, whoever uses them at present. A machine that does not tell has none to spare: 0."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
    try:
        return min(machine, int(container_limit.read_text()))
    except (OSError, ValueError):
        # There is no limit file, or it says "max".
        return machine


def shared_buffers_mb(memory: int) -> int:
    """Return what PostgreSQL keeps of its tables and indexes itself, of so many bytes of memory: a sixteenth, 96 to 512 MB.

    A row goes into a dozen indexes, most of them at a random place. After a year of a hundred agents 96 MB do not hold these
    places any more, and what is not held is fetched from the system for a tenth of the time of a row, or from the disk.
    """
    return max(96, min(512, memory // 16 // 2**20))
