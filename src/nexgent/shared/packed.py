"""Files that are no code and belong to the product: the wheel carries them, a checkout has them at its root."""

from __future__ import annotations

from pathlib import Path

import nexgent


def packed(name: str) -> Path:
    """Return where a file is, `migrations/env.py` for instance: inside the installed package, else at the root of the checkout.

    Raises `FileNotFoundError` naming both places.
    """
    package = Path(nexgent.__file__).resolve().parent
    candidates = [package / name, package.parents[1] / name]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"{name} is missing; expected it to be {candidates[0]} or {candidates[1]}")
