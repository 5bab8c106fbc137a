"""The data folder: claims, refusals and messages, without a server."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from nexgent.infrastructure.embedded import DataFolderInUseError, EmbeddedServerError, running_servers
from nexgent.infrastructure.embedded import folder as folder_module
from nexgent.infrastructure.embedded.folder import DataFolder
from nexgent.infrastructure.embedded.identity import Identity


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_LOCK_PATIENCE_SECONDS", 0.0)


def test_a_folder_has_one_owner_and_names_him(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    first.claim()

    with pytest.raises(DataFolderInUseError, match=rf"in use by process {os.getpid()}; .*NEXGENT_DATA_DIR"):
        second.claim()

    first.release()
    second.claim()
    second.release()


def test_addresses_are_found_only_while_the_owner_lives(tmp_path: Path) -> None:
    owner = DataFolder(tmp_path)
    assert running_servers(tmp_path) is None
    owner.claim()
    assert running_servers(tmp_path) is None

    owner.publish_addresses(database_url="postgresql://here", redis_url=None)

    found = running_servers(tmp_path)
    assert found is not None
    assert (found.owner_pid, found.database_url, found.redis_url) == (os.getpid(), "postgresql://here", None)
    assert (tmp_path / "servers.json").stat().st_mode & 0o077 == 0
    owner.release()
    assert not (tmp_path / "servers.json").exists()


def test_an_address_file_left_by_a_crash_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "nexgent.lock").write_text("4194303\n")
    (tmp_path / "servers.json").write_text(
        json.dumps({"owner_pid": 4194303, "database_url": "x", "redis_url": "y"})
    )

    assert running_servers(tmp_path) is None


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**20))

    with pytest.raises(EmbeddedServerError, match=r"Only 3 MB are free .* NEXGENT_DATA_DIR"):
        DataFolder(tmp_path).claim()

    monkeypatch.undo()
    folder = DataFolder(tmp_path)
    folder.claim()
    folder.release()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")

    with pytest.raises(EmbeddedServerError, match="is not a folder"):
        DataFolder(tmp_path / "data").claim()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EROFS, "cannot be written"),
        (errno.EACCES, "cannot be written"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_every_refusal_names_the_folder_and_the_setting(tmp_path: Path, number: int, said: str) -> None:
    error = DataFolder(tmp_path).unusable(OSError(number, os.strerror(number)))

    assert said in error.message
    assert str(tmp_path) in error.message
    assert "NEXGENT_DATA_DIR" in error.message


@pytest.mark.parametrize("name", ["x" * 100, "with space", "a,b", "quo'te"])
def test_sockets_go_to_a_short_private_folder_when_the_path_does_not_serve(tmp_path: Path, name: str) -> None:
    folder = DataFolder(tmp_path / name)
    folder.claim()
    folder.prepare(Identity())

    sockets = folder.socket_dir

    assert sockets.parent != folder.path
    assert len(str(sockets)) < 60
    assert sockets.stat().st_mode & 0o777 == 0o700
    folder.release()
    assert not sockets.exists()


def test_a_socket_folder_taken_by_somebody_else_is_not_used(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / ("x" * 100))
    folder.claim()
    folder.prepare(Identity())
    taken = folder.socket_dir
    taken.chmod(0o755)

    folder.prepare(Identity())

    assert folder.socket_dir != taken
    assert folder.socket_dir.stat().st_mode & 0o777 == 0o700
    folder.release()
    taken.rmdir()


def test_a_configuration_file_is_replaced_and_closed_to_others(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)

    folder.write("a.conf", "old", Identity())
    file = folder.write("a.conf", "new", Identity())

    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.conf"]
