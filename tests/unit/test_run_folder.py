"""Where a run of tests in several processes writes."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from tests import run_folder
from tests.conftest import _turned
from tests.run_folder import SHARED_FOLDER, keep_the_folders_of_tests, make_run_folder


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is memory here, with a disk beside it."""
    made, disk = tmp_path / "memory", tmp_path / "disk"
    made.mkdir()
    disk.mkdir()
    monkeypatch.setattr(run_folder, "_MEMORY", made)
    monkeypatch.setattr(run_folder, "_on_disk", None)
    monkeypatch.setenv("TMPDIR", str(disk))
    monkeypatch.setenv(SHARED_FOLDER, "")
    monkeypatch.setattr(tempfile, "tempdir", None)
    return made


def test_a_run_writes_into_memory_where_there_is_room(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "_NEEDED_BYTES", 1)

    folder = make_run_folder()

    assert folder.parent == memory
    assert os.environ[SHARED_FOLDER] == os.environ["TMPDIR"] == tempfile.gettempdir() == str(folder)


def test_where_there_is_not_it_writes_where_others_do(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "_NEEDED_BYTES", 1 << 60)

    folder = make_run_folder()

    assert folder.parent == memory.parent / "disk"
    assert os.environ[SHARED_FOLDER] == str(folder)
    assert tempfile.gettempdir() == str(folder.parent)
    assert keep_the_folders_of_tests(folder) is None


def test_what_tests_have_left_is_kept_on_the_disk(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "_NEEDED_BYTES", 1)
    folder = make_run_folder()
    left = folder / "pytest-of-me" / "test_it0"
    left.mkdir(parents=True)
    (left / "service.log").write_text("it failed")
    (left / "log").symlink_to("service.log")

    # A path to a socket is short.
    monkeypatch.chdir(left)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        kept = keep_the_folders_of_tests(folder)

    assert kept is not None
    assert kept.parent == memory.parent / "disk"
    found = kept / "pytest-of-me" / "test_it0"
    assert sorted(one.name for one in found.iterdir()) == ["log", "service.log"]
    assert (found / "log").is_symlink()
    assert (found / "log").read_text() == "it failed"


def test_what_was_kept_of_the_last_runs_stays_and_what_is_older_goes(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_folder, "_NEEDED_BYTES", 1)
    folder = make_run_folder()
    kept = []
    for day in range(5):
        made = keep_the_folders_of_tests(folder)
        assert made is not None
        os.utime(made, (day, day))
        kept.append(made)
    newest = keep_the_folders_of_tests(folder)

    assert {one for one in (*kept, newest) if one is not None and one.exists()} == {*kept[-2:], newest}


def test_each_process_begins_elsewhere_and_finds_everything() -> None:
    turns = [_turned(lambda: iter("abcdefg"), number, 3) for number in range(3)]

    assert [turn[0] for turn in turns] == ["a", "c", "e"]
    assert [sorted(turn) for turn in turns] == [list("abcdefg")] * 3
