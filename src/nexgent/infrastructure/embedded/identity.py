"""As whom the servers run. PostgreSQL refuses root, so root hands them to an unprivileged user."""

from __future__ import annotations

import os
import pwd
import stat
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nexgent.infrastructure.embedded.errors import EmbeddedServerError

# Each lets a process enter and read every folder; the first does no more than that.
_CAP_DAC_READ_SEARCH = 2
_CAP_DAC_OVERRIDE = 1
# Keeping a capability across the change of user takes this one.
_CAP_SETPCAP = 8
_UNPRIVILEGED_USERS = ("nobody", "daemon")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user for the server processes.

    `uid` and `gid` are None when they run as the present user. `capability` is the Linux capability they keep because
    a folder above the programs or the data is closed to that user, as /root is.
    """

    uid: int | None = None
    gid: int | None = None
    capability: int | None = None

    def give(self, path: Path) -> None:
        """Make this user the owner of a file or folder."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_identity(data_dir: Path, programs: Iterable[Path]) -> Identity:
    """Choose who runs the servers.

    An ordinary user runs them as himself. Root runs them as the owner of the existing data, else as `nobody`, who gets
    the right to pass closed folders if the way to the programs or to the data leads through one.

    Raises EmbeddedServerError if root has no such user or may not pass on that right.
    """
    if os.geteuid() != 0:
        return Identity()
    uid, gid = _unprivileged_owner(data_dir)
    closed = _first_closed([data_dir, *(program.parent for program in programs)], uid, gid)
    if closed is None:
        return Identity(uid, gid)
    permitted = _permitted_capabilities()
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        if permitted & (1 << capability) and permitted & (1 << _CAP_SETPCAP):
            return Identity(uid, gid, capability)
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and the unprivileged user {uid} may not enter {closed}. Start as an ordinary"
        " user, or put the program and NEXGENT_DATA_DIR where every user may enter, or set DATABASE_URL and REDIS_URL."
    )


def _unprivileged_owner(data_dir: Path) -> tuple[int, int]:
    for folder in (data_dir / "postgres", data_dir / "valkey"):
        if folder.is_dir():
            found = folder.stat()
            if found.st_uid != 0:
                return found.st_uid, found.st_gid
    for name in _UNPRIVILEGED_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        # macOS gives `nobody` the number -2, which the system calls take as an unsigned number.
        return user.pw_uid & 0xFFFFFFFF, user.pw_gid & 0xFFFFFFFF
    raise EmbeddedServerError(
        "PostgreSQL does not run as root, and there is no user `nobody` to run it. Start as an ordinary user,"
        " or set DATABASE_URL and REDIS_URL."
    )


def _first_closed(paths: Iterable[Path], uid: int, gid: int) -> Path | None:
    """Return the first existing folder, of these and all above them, that the user may not enter."""
    for path in paths:
        for folder in (*reversed(path.parents), path):
            if folder.exists() and not _may_enter(folder.stat(), uid, gid):
                return folder
    return None


def _may_enter(folder: os.stat_result, uid: int, gid: int) -> bool:
    if folder.st_uid == uid:
        return bool(folder.st_mode & stat.S_IXUSR)
    if folder.st_gid == gid:
        return bool(folder.st_mode & stat.S_IXGRP)
    return bool(folder.st_mode & stat.S_IXOTH)


def _permitted_capabilities() -> int:
    """Return the bit set of what this process may do, 0 where the system has no capabilities."""
    if not sys.platform.startswith("linux"):
        return 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0
