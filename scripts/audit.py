"""Ask the OSV database for known vulnerabilities of what `uv.lock` names.

Exit code 1: there are some, or the question went wrong; 3: nobody could be asked.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120
UNREACHABLE = ("error sending request", "dns error", "Request failed", "timed out", "Connect")
NOT_ASKED = 3


def command() -> list[str]:
    """Return the command: uv is one of the locked packages, and reads the lock without changing it."""
    beside = Path(sys.executable).with_name("uv")
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise FileNotFoundError("uv is not installed; run make setup-dev")
    return [program, "audit", "--frozen", "--no-config", "--preview-features", "audit-command"]


def verdict(code: int, output: str) -> int:
    """Return the exit code of an answer: an error of the network is not an all-clear, and no finding either."""
    if code == 0:
        return 0
    return NOT_ASKED if any(sign in output for sign in UNREACHABLE) else 1


def main() -> int:
    """Ask and tell."""
    try:
        done = subprocess.run(
            command(), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        code, output = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, output = 2, "timed out"
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return NOT_ASKED
    print(output.strip())
    result = verdict(code, output)
    if result == NOT_ASKED:
        print(
            "The database of known vulnerabilities (https://api.osv.dev) cannot be reached from here, so nothing is known "
            "about the locked packages. Run `make audit` where it can be.",
            file=sys.stderr,
        )
    return result


if __name__ == "__main__":
    sys.exit(main())
