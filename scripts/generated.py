"""Files that a script makes and the repository keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def out_of_date(made: Mapping[Path, str]) -> list[Path]:
    """Return the files that are not there, or do not say what would be written."""
    return [
        file for file, text in made.items() if not file.is_file() or file.read_text(encoding="utf-8") != text
    ]
