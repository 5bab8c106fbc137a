"""Commands that can be copied as they are printed: this program by the path it was called with, and the settings it needs."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

DATA_DIR = "NEXGENT_DATA_DIR"
_QUOTED = "`nexgent "


def program() -> str:
    """Return how this program was called, in a form that a shell finds again."""
    called = sys.argv[0]
    path = Path(called)
    if path.name == "__main__.py":
        return f"{shlex.quote(sys.orig_argv[0])} -m nexgent"
    if path.name != "nexgent":
        # Somebody else's program, such as a test runner, that runs us inside.
        return "nexgent"
    found = shutil.which("nexgent")
    if found is not None and Path(found).resolve() == path.resolve() and called in ("nexgent", found):
        return "nexgent"
    return shlex.quote(called)


def command(*words: str, arguments: argparse.Namespace | None = None) -> str:
    """Return a command line of ours that reaches the same service as this one, from any terminal in this folder.

    What has to be repeated is the data folder, when it comes from this terminal's environment, and the address and user when
    they were given as options. A password never is.
    """
    line = [*_needed_settings(), program(), *(shlex.quote(word) for word in words)]
    for option in ("url", "email"):
        value = getattr(arguments, option, None)
        if value:
            line.append(f"--{option} {shlex.quote(str(value))}")
    return " ".join(line)


def as_typed(text: str) -> str:
    """Replace `nexgent …` in a message of any layer, which cannot know how it was called, by what can be copied."""
    if _QUOTED not in text:
        return text
    return text.replace(_QUOTED, f"`{' '.join([*_needed_settings(), program()])} ")


def _needed_settings() -> list[str]:
    given = os.environ.get(DATA_DIR, "").strip()
    if not given or _of_file().get(DATA_DIR) == given:
        return []
    return [f"{DATA_DIR}={shlex.quote(given)}"]


def _of_file() -> Mapping[str, str | None]:
    """Return what `.env` says; that it cannot be read is told when the settings are loaded."""
    try:
        return dotenv_values(".env", encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
