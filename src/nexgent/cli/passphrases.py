"""Ask for a password or a passphrase: whoever types it, or a line of standard input.

It is never an argument: those are seen by everybody on the machine.
"""

from __future__ import annotations

import getpass
import sys

from nexgent.cli.terminal import harmless
from nexgent.shared.errors import InvalidInputError

SHORTEST = 12


def typed(prompt: str) -> str:
    """Return what was typed, or a line of standard input. Raises `InvalidInputError` when that has none."""
    if sys.stdin.isatty():
        return getpass.getpass(harmless(prompt))
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise InvalidInputError("No passphrase was given on standard input")
    return text


def typed_twice(prompt: str) -> str:
    """Return what was typed, the same twice, or a line of standard input. Raises `InvalidInputError`."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    text = getpass.getpass(harmless(prompt))
    if text != getpass.getpass("Once more: "):
        raise InvalidInputError("The two are not the same. Nothing was changed.")
    return text


def new_passphrase() -> str:
    """Return a passphrase for something new. Raises `InvalidInputError`."""
    passphrase = typed_twice(f"Passphrase (at least {SHORTEST} characters): ")
    if len(passphrase) < SHORTEST:
        raise InvalidInputError(
            f"A passphrase of at least {SHORTEST} characters is needed, typed or as a line of standard input."
        )
    return passphrase
