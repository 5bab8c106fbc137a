"""What the operating system is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOOK = """
import ctypes, os, resource
from nexgent.cli.running import run_async
async def look():
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
    print(dumpable, resource.getrlimit(resource.RLIMIT_CORE))
run_async(look())
"""
FEW = """
import resource
from nexgent.bootstrap.limits import allow_many_files, server_limits
from nexgent.config.settings import Settings
resource.setrlimit(resource.RLIMIT_NOFILE, (400, {hard}))
limits = server_limits(Settings.from_values({{}}))
print(limits.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's prctl")
def test_nothing_in_memory_reaches_a_core_file() -> None:
    assert python(LOOK) == "0 (0, 0)\n"


def test_more_files_are_asked_for_and_never_more_connections_taken_than_there_are() -> None:
    assert python(FEW.format(hard=4096)).splitlines()[-1] == "2048 4096"
    assert python(FEW.format(hard=1000)).splitlines()[-1] == "712 1000"
