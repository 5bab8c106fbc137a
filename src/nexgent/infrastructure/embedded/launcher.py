"""Turn into a server process: give up privileges, arrange to die with the parent, then exec.

Run as a script, `python -I -S launcher.py SPEC`, where SPEC is the JSON of `LaunchSpec`. A separate program
instead of a `preexec_fn`, because Python code between fork and exec of a process with threads can deadlock, and because
a fork copies the page tables of the whole service.

Only the standard library is imported here: the script runs without site-packages.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import TypedDict

FAILURE_EXIT_CODE = 126

_PR_SET_PDEATHSIG = 1
_PR_GET_SECUREBITS = 27
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


class LaunchSpec(TypedDict):
    """What to run and as whom.

    `uid` and `gid` are None to stay the present user. `capability` is the number of the one capability to keep across
    the change of user, or None. `death_signal` is sent to the server when `parent_pid` dies, or None.
    """

    argv: list[str]
    parent_pid: int
    uid: int | None
    gid: int | None
    capability: int | None
    death_signal: int | None


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilityData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def _prctl(libc: ctypes.CDLL, option: int, *arguments: int) -> int:
    padded = [*arguments, 0, 0, 0, 0][:4]
    answer: int = libc.prctl(ctypes.c_int(option), *(ctypes.c_ulong(value) for value in padded))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}): {os.strerror(code)}")
    return answer


def _keep_across_change_of_user(libc: ctypes.CDLL) -> None:
    """Have a change of user leave capabilities alone, and access(2) respect them.

    PostgreSQL asks access(2) whether its own programs may be run. The kernel answers an ordinary user as if he had no
    capability at all, unless this bit is set: then programs in /root/... would be "Permission denied".
    """
    _prctl(libc, _PR_SET_SECUREBITS, _prctl(libc, _PR_GET_SECUREBITS) | _SECBIT_NO_SETUID_FIXUP)


def _keep_only(libc: ctypes.CDLL, capability: int) -> None:
    """Keep one capability for the present user and for what it executes (an ambient capability)."""
    header = _CapabilityHeader(_LINUX_CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)()
    word, bit = divmod(capability, 32)
    data[word].effective = data[word].permitted = data[word].inheritable = 1 << bit
    if libc.capset(ctypes.byref(header), data) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")
    _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def launch(spec: LaunchSpec) -> None:
    """Replace this process by the server; return only when the parent is gone already."""
    linux = sys.platform.startswith("linux")
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid, capability = spec["uid"], spec["gid"], spec["capability"]
    if uid is not None and gid is not None:
        if capability is not None:
            _keep_across_change_of_user(libc)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if capability is not None:
            _keep_only(libc, capability)
    os.umask(0o077)
    # The interpreter ignores these; an ignored signal would stay ignored in the server.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    death_signal = spec["death_signal"]
    if linux and death_signal is not None:
        # After the change of user, which clears it.
        _prctl(libc, _PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != spec["parent_pid"]:
        return
    os.execv(spec["argv"][0], spec["argv"])


def main() -> int:
    """Launch what the first argument describes; return only on failure."""
    spec: LaunchSpec = json.loads(sys.argv[1])
    try:
        launch(spec)
    except OSError as error:
        print(f"cannot start {spec['argv'][0]}: {error}", file=sys.stderr)
    return FAILURE_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
