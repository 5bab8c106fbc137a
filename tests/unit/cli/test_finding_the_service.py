"""Commands find the running service, say where they looked, and print hints that can be copied."""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from nexgent.bootstrap.whereabouts import FILE_NAME, recorded, running_service
from nexgent.cli import hints
from nexgent.cli.address import service_url
from tests.unit.cli.test_commands import api, nexgent

__all__ = ["api"]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:4700", "http://localhost:4700"),
        ("4700", "http://localhost:4700"),
        (" http://127.0.0.1:4700/ ", "http://127.0.0.1:4700"),
        ("https://bot.example", "https://bot.example"),
        ("https://bot.example/nexgent/api/v1/", "https://bot.example/nexgent"),
        ("//bot.example:81", "http://bot.example:81"),
        ("[::1]:4700", "http://[::1]:4700"),
    ],
)
def test_an_address_is_taken_as_people_write_it(given: str, url: str) -> None:
    assert service_url(given) == url


@pytest.mark.parametrize(
    "given",
    ["", "http://", "localhost:99999", "ftp://x", "http://u:hunter2@x", "a b", "localhost:0", "x?y=1"],
)
def test_what_is_no_address_is_wrong_usage(given: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        service_url(given)
    assert "hunter2" not in str(refused.value)


def test_a_running_service_is_found_in_its_data_folder(tmp_path: Path, api: str) -> None:
    with recorded(tmp_path / "books", api):
        env = {"NEXGENT_DATA_DIR": "books", "PORT": "1"}
        found = nexgent(tmp_path, "signal", "TIRA", env=env)
        assert (found.returncode, found.stderr) == (0, "")
        assert f"  NEXGENT_DATA_DIR=books {sys.executable} -m nexgent explain 7\n" in found.stdout
    assert running_service(tmp_path / "books") is None
    gone = nexgent(tmp_path, "signal", "TIRA", env=env)
    assert gone.returncode == 3
    books = tmp_path / "books"
    assert (
        f"No service answers at http://localhost:1 (by PORT, as no service runs in the data folder {books})"
        in gone.stderr
    )
    assert f"Start one with `NEXGENT_DATA_DIR=books {sys.executable} -m nexgent serve`" in gone.stderr
    assert "--url ADDRESS" in gone.stderr


def test_a_hint_of_a_command_can_be_run_as_it_is(tmp_path: Path, api: str) -> None:
    posted = nexgent(tmp_path, "signal", "TIRA", "--url", api.removeprefix("http://"))
    hint = posted.stdout.splitlines()[-1].strip()
    env = {
        "PATH": os.environ["PATH"],
        "ADMIN_EMAIL": "user@example.com",
        "ADMIN_PASSWORD": "right",
        "COLUMNS": "200",
    }
    explained = subprocess.run(
        ["sh", "-c", hint], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (explained.returncode, explained.stderr) == (0, "")
    assert "liquidity" in explained.stdout


def _record_and_die(folder: Path, ready: multiprocessing.synchronize.Event) -> None:
    with recorded(folder, "http://localhost:4000"):
        ready.set()
        os.kill(os.getpid(), 9)


def test_what_a_killed_service_left_behind_is_not_believed(tmp_path: Path) -> None:
    ready = multiprocessing.get_context("spawn").Event()
    process = multiprocessing.get_context("spawn").Process(target=_record_and_die, args=(tmp_path, ready))
    process.start()
    process.join(60)
    assert ready.is_set()
    assert json.loads((tmp_path / FILE_NAME).read_text())["url"] == "http://localhost:4000"
    assert running_service(tmp_path) is None


def test_the_first_of_two_services_of_a_folder_stays_recorded(tmp_path: Path) -> None:
    with recorded(tmp_path, "http://localhost:4000"):
        with recorded(tmp_path, "http://localhost:4001"):
            found = running_service(tmp_path)
            assert found is not None
            assert (found.pid, found.url) == (os.getpid(), "http://localhost:4000")
        assert running_service(tmp_path) == found
        assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert running_service(tmp_path) is None


def test_a_folder_that_cannot_be_written_does_not_stop_the_service(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with recorded(tmp_path / "file" / "x", "http://localhost:4000"):
        assert running_service(tmp_path / "file" / "x") is None


class _Stranger(BaseHTTPRequestHandler):
    """A web server that knows nothing of us."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(b"<html>hello</html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's name
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    """Address of a program that is not ours."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Stranger) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_another_program_at_the_address_is_told(tmp_path: Path, stranger: str) -> None:
    result = nexgent(tmp_path, "explain", "7", "--url", stranger)
    assert result.returncode == 3
    assert f"What answers at http://{stranger} (given with --url) is no nexgent service" in result.stderr


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        (".venv/bin/nexgent", ".venv/bin/nexgent"),
        ("/opt/my bots/bin/nexgent", "'/opt/my bots/bin/nexgent'"),
        ("/usr/bin/pytest", "nexgent"),
    ],
)
def test_hints_name_the_program_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, called: str, shown: str
) -> None:
    monkeypatch.setattr(sys, "argv", [called, "doctor"])
    monkeypatch.delenv("NEXGENT_DATA_DIR", raising=False)
    assert hints.program() == shown
    assert hints.as_typed("run `nexgent migrate`") == f"run `{shown} migrate`"
    assert hints.command("watch", "--agent", "My bot") == f"{shown} watch --agent 'My bot'"


def test_what_env_file_says_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEXGENT_DATA_DIR", "books")
    assert hints.command("watch").startswith("NEXGENT_DATA_DIR=books ")
    (tmp_path / ".env").write_text("NEXGENT_DATA_DIR=books\n")
    assert not hints.command("watch").startswith("NEXGENT_DATA_DIR")
