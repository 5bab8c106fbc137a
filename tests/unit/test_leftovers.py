"""What killed test processes leave behind is removed by the next one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.leftovers import claim

REPOSITORY = Path(__file__).resolve().parent.parent.parent
CLAIM = """
import sys
from pathlib import Path
from tests.leftovers import claim
folder = Path(sys.argv[1])
(folder / "data").mkdir(parents=True)
claim(folder, "made-")
print("claimed", flush=True)
sys.stdin.read()
"""


def owner_of(folder: Path) -> subprocess.Popen[str]:
    owner = subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(folder)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "claimed\n"
    return owner


@pytest.mark.skipif(sys.platform == "win32", reason="locks are those of POSIX")
def test_folders_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    unmarked, other = tmp_path / "made-unmarked", tmp_path / "kept"
    for folder in (unmarked, other):
        folder.mkdir()
    (tmp_path / "made-begun").mkdir()
    (tmp_path / "made-begun" / "owner.lock").touch()
    with owner_of(tmp_path / "made-dead") as dead, owner_of(tmp_path / "made-living") as living:
        dead.kill()
        dead.wait()
        mine = tmp_path / "made-mine"
        mine.mkdir()

        claim(mine, "made-")
        # It goes on being claimed.
        claim(tmp_path, "made-")

        assert sorted(one.name for one in tmp_path.iterdir()) == [
            "kept",
            "made-begun",
            "made-living",
            "made-mine",
            "made-unmarked",
            "owner.lock",
        ]
        living.kill()
