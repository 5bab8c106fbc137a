"""What the documents for developers name exists: files, folders, tests, and the headings of every checklist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
_PATH = re.compile(r"`((?:src|tests|migrations|scripts|docs|web)/[A-Za-z0-9_./-]+)`")
_SHORT = re.compile(r"`([a-z_]+(?:/[a-z_]+)*\.py)(?:: \w+)?`")
_LINK = re.compile(r"\]\(([^)#:]+)\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_paths_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")

    named = set(_PATH.findall(text))
    lost = sorted(name for name in named if not (ROOT / name).exists())
    assert not lost, f"{document.name} names what is not there: {lost}"
    linked = sorted(link for link in _LINK.findall(text) if not (document.parent / link).exists())
    assert not linked, f"{document.name} links to what is not there: {linked}"


def test_the_glossary_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.py")]

    lost = [name for name in _SHORT.findall(text) if not any(file.endswith(f"/{name}") for file in files)]
    assert not lost


def test_every_package_is_on_the_map() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [
        *(ROOT / "src/nexgent/domain/trading").iterdir(),
        *(ROOT / "src/nexgent/infrastructure/database").iterdir(),
        *(ROOT / "src/nexgent").iterdir(),
    ]

    missing = sorted(
        room.relative_to(ROOT).as_posix()
        for room in rooms
        if room.is_dir() and room.name != "__pycache__" and room.relative_to(ROOT).as_posix() not in text
    )
    assert not missing
