"""Ask back before something that cannot be taken back."""

from __future__ import annotations

import sys

from nexgent.cli.terminal import harmless
from nexgent.shared.errors import InvalidInputError


def agreed(question: str) -> bool:
    """Return what somebody at the terminal says; a script has to say `--yes`."""
    if not sys.stdin.isatty():
        raise InvalidInputError("Nobody is there to be asked: add --yes")
    # Reading a line shows its question past our output.
    if input(harmless(f"{question} [y/N] ")).strip().lower() in {"y", "yes"}:
        return True
    print("Nothing was done.")
    return False
