"""Folders of test processes that were killed: the next one removes them, and those of the living stay."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_MARK = "owner.lock"


def claim(folder: Path, prefix: str) -> None:
    """Mark a folder as this process's for as long as it lives, and remove those beside it whose owner is dead.

    `prefix` is what all their names begin with. A lock tells it, not a number: processes' numbers are given away again. Who
    was forked from this process holds the lock as well. A folder that nobody has marked is left alone.
    """
    if sys.platform == "win32":
        return
    for other in folder.parent.glob(f"{prefix}*"):
        if other != folder and _is_orphaned(other):
            shutil.rmtree(other, ignore_errors=True)
    # Not closed before the process ends: with it the lock would go.
    mark = os.open(folder / _MARK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(mark, fcntl.LOCK_EX)
    os.write(mark, str(os.getpid()).encode())


def owner_of(folder: Path) -> int:
    """Return the id of the process that has claimed a folder."""
    return int((folder / _MARK).read_text())


def _is_orphaned(folder: Path) -> bool:
    if sys.platform == "win32":
        return False
    try:
        mark = os.open(folder / _MARK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # One that is empty still is being claimed.
        return os.fstat(mark).st_size > 0
    except OSError:
        return False
    finally:
        os.close(mark)
