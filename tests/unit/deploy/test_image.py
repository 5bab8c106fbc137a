"""What the Dockerfile copies is enough to build the package it installs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from scripts.release_check import build_wheel, wrong_with

ROOT = Path(__file__).resolve().parents[3]


def left_out(name: str) -> bool:
    """Tell whether .dockerignore, which names what is let in, keeps something from the build."""
    lines = (ROOT / ".dockerignore").read_text().split()
    assert "*" in lines
    return f"!{name}" not in lines


def test_the_first_stage_has_what_the_package_is_built_from(tmp_path: Path) -> None:
    _, first, *_ = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    copied = [line.split()[:-1] for line in re.findall(r"^COPY (.+)$", first, re.MULTILINE)]
    assert copied
    folder = tmp_path / "build"
    folder.mkdir()
    for names in copied:
        for name in names:
            assert not left_out(name), f"{name} is in .dockerignore"
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / name)

    wheel = build_wheel(folder, tmp_path)

    assert wrong_with(wheel) == []
