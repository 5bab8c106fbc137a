"""What is published holds everything the product needs, and says of itself what is true."""

from __future__ import annotations

import zipfile
from pathlib import Path

from scripts.release_check import build, wrong_with


def test_the_wheel_from_the_source_archive_is_whole_and_a_lack_is_told(tmp_path: Path) -> None:
    archive, wheel = build(tmp_path)

    assert archive.exists()
    assert wrong_with(wheel) == []

    less = tmp_path / "less.whl"
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(less, "w") as cut:
        for name in whole.namelist():
            if (
                not name.endswith(("env.example", "0001_initial.py", "licenses/LICENSE"))
                and "migrations/env.py" not in name
            ):
                cut.writestr(name, whole.read(name))
        cut.writestr("tests/stray.py", "")
    problems = wrong_with(less)
    assert {"it lacks nexgent/env.example", "it lacks nexgent/migrations/env.py", "it has no LICENSE"} <= set(
        problems
    )
    assert "it has tests/stray.py, which is not ours" in problems
