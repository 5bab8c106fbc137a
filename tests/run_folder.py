"""Where the processes of one run of tests write: one folder for all of them, in memory where there is room.

Hundreds of tests have a database of their own, which is six hundred files, and each start of the product has three times as many.
On a disk they take more of the kernel than tests take for what they are about: ext4 passes over whatever was removed within the
last seconds, file by file, and a new database took 120 ms of computing where it takes 25 in memory.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from tests.leftovers import claim

SHARED_FOLDER = "NEXGENT_TESTS_FOLDER"
"""Environment variable: the folder of the whole run."""
_PREFIX = "nexgent-tests-"
_KEPT = "nexgent-failed-tests-"
_KEPT_RUNS = 3
"""As many as pytest keeps."""
_MEMORY = Path("/dev/shm")
_NEEDED_BYTES = 6 << 30
"""Most of what a run writes is the data of some twenty services, about a hundred megabytes each, and that of its own servers."""
_on_disk: str | None = None
"""Where temporary files go otherwise."""


def make_run_folder() -> Path:
    """Make the folder of a run, tell processes that are started from now on, and return it.

    It is the run's to remove. That of a run that was killed goes with the next run.
    """
    global _on_disk
    where = _MEMORY if _has_room(_MEMORY) else None
    _on_disk = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))
    claim(folder, _PREFIX)
    os.environ[SHARED_FOLDER] = str(folder)
    if where is not None:
        # Root's servers run as somebody else, who has to pass through.
        folder.chmod(0o711)
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None
    return folder


def keep_the_folders_of_tests(folder: Path) -> Path | None:
    """Copy what tests have left from memory to the disk, to be looked at; return where to."""
    if folder.parent != _MEMORY:
        return None
    kept = Path(tempfile.mkdtemp(prefix=_KEPT, dir=_on_disk))
    # Sockets cannot be copied; all else is, and then they are told.
    with suppress(shutil.Error):
        for of_a_user in folder.glob("pytest-of-*"):
            shutil.copytree(of_a_user, kept / of_a_user.name, symlinks=True)
    _forget_older(kept)
    return kept


def _forget_older(newest: Path) -> None:
    """Remove what was kept of runs before the last ones: each is hundreds of megabytes, and nobody else would."""
    ages = {}
    for other in newest.parent.glob(f"{_KEPT}*"):
        with suppress(OSError):
            ages[other] = other.stat().st_mtime
    ages.pop(newest, None)
    for other in sorted(ages, key=ages.__getitem__)[: -(_KEPT_RUNS - 1)]:
        shutil.rmtree(other, ignore_errors=True)


def _has_room(folder: Path) -> bool:
    """Tell whether a run has its place there: programs that tests install have to be run from it."""
    try:
        found = os.statvfs(folder)
    except (OSError, AttributeError):
        return False
    free = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)
    return free >= _NEEDED_BYTES and not found.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK | os.X_OK)
