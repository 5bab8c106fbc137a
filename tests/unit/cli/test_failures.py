"""What goes wrong for people is told in a message with the right exit code; there is never a stack."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import asyncpg
import httpx
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from nexgent.cli import exit_codes
from nexgent.cli.demo import SANDBOX_PORTS, choose_sandbox_port
from nexgent.cli.failures import explained, reported
from nexgent.cli.main import COMMANDS
from tests.unit.cli.test_commands import TOKEN, nexgent

BAD_KEY = "notakey-hunter2"
NOWHERE = "postgresql://u:hunter2@127.0.0.1:1/books"


def test_a_bad_wallet_key_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    result = nexgent(tmp_path, "serve", env={"WALLET_2": BAD_KEY, "PORT": "0"})

    assert result.returncode == 2
    assert "- WALLET_2: the value cannot be read; it must be a base58 private key" in result.stderr
    assert "hunter2" not in result.stdout + result.stderr
    assert not list(tmp_path.iterdir())


def test_doctor_fails_on_a_bad_wallet_key(tmp_path: Path) -> None:
    result = nexgent(
        tmp_path,
        "doctor",
        "--json",
        env={"WALLET_1": BAD_KEY, "NODE_ENV": "production", "ADMIN_PASSWORD": "kT7#wq-Zp2&mLx"},
    )

    assert result.returncode == 1
    findings = json.loads(result.stdout)["findings"]
    refused = [one["found"].split()[0] for one in findings if one["name"] == "settings"]
    assert refused == ["JWT_SECRET", "WALLET_1:"]
    assert {one["verdict"] for one in findings if one["name"] == "settings"} == {"fail"}
    assert "hunter2" not in result.stdout + result.stderr


def test_all_settings_are_checked_before_anything_is_touched(tmp_path: Path) -> None:
    env = {
        "NODE_ENV": "production",
        "PORT": "0",
        "WALLET_1": BAD_KEY,
        "DATABASE_URL": "postgresql://127.0.0.1:1",
        "REDIS_URL": "redis://127.0.0.1:no/0",
    }
    result = nexgent(tmp_path, "serve", env=env)

    assert result.returncode == 2
    for name in ("JWT_SECRET is not set", "WALLET_1: ", "DATABASE_URL names no database", "REDIS_URL cannot"):
        assert f"- {name}" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [("verify",), ("admin", "unlock", "user@example.com")])
def test_where_nothing_ever_ran_commands_say_so_and_make_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    result = nexgent(tmp_path, *command)

    assert result.returncode == 3
    assert "There are no books here" in result.stderr
    assert str(tmp_path) in result.stderr
    assert not list(tmp_path.iterdir())


def test_verify_of_an_empty_database_says_so(tmp_path: Path, postgres_url: str, redis_url: str) -> None:
    result = nexgent(tmp_path, "verify", env={"DATABASE_URL": postgres_url, "REDIS_URL": redis_url})

    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("There are no books here: the database is empty.")


@pytest.mark.parametrize("port", ["999999", "65536", "-1", "4e3", "٤٠٠٠", ""])
def test_a_port_that_is_none_is_wrong_usage(tmp_path: Path, port: str) -> None:
    result = nexgent(tmp_path, "sandbox", f"--port={port}")

    assert result.returncode == 2
    assert "is not a port from 0 to 65535" in result.stderr


def test_settings_of_the_sandbox_are_named(tmp_path: Path) -> None:
    result = nexgent(tmp_path, "sandbox", env={"SANDBOX_PORT": "many", "SANDBOX_TOKENS": "-1"})

    assert result.returncode == 2
    assert "SANDBOX_PORT: " in result.stderr
    assert "SANDBOX_TOKENS: " in result.stderr
    assert "Traceback" not in result.stderr
    demo = nexgent(tmp_path, "demo", env={"SANDBOX_PORT": "many"})
    assert (demo.returncode, "SANDBOX_PORT: " in demo.stderr) == (2, True)


def arguments_of(command: str) -> list[str]:
    needed = {"signal": [TOKEN], "explain": ["7"], "sandbox": ["--port", "0", "--quiet"], "watch": ["--once"]}
    return [command, *needed.get(command, [])]


TALKING = [one.name for one in COMMANDS if one.name not in {"secret", "version", "sandbox", "config"}]


@pytest.mark.parametrize("command", TALKING)
def test_a_data_folder_that_is_none_is_told(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    result = nexgent(
        tmp_path, *arguments_of(command), env={"NEXGENT_DATA_DIR": str(tmp_path / "file" / "x"), "PORT": "1"}
    )

    assert result.returncode in {1, 2, 3}
    assert "Traceback" not in result.stderr + result.stdout
    assert "should not have happened" not in result.stderr
    assert result.stderr or command == "doctor"


@pytest.mark.parametrize("command", ["serve", "worker", "migrate", "verify"])
def test_the_server_that_cannot_be_reached_is_named(tmp_path: Path, command: str) -> None:
    env = {
        "DATABASE_URL": NOWHERE,
        "REDIS_URL": "redis://127.0.0.1:1",
        "PORT": "0",
        "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    }
    result = nexgent(tmp_path, *arguments_of(command), env=env)

    assert result.returncode == 3
    assert "PostgreSQL at 127.0.0.1:1, database 'books' cannot be reached" in result.stderr
    assert "DATABASE_URL" in result.stderr
    assert "hunter2" not in result.stderr + result.stdout
    assert "Traceback" not in result.stderr + result.stdout


def test_a_refused_login_and_a_missing_database_are_told_apart(tmp_path: Path, postgres_url: str) -> None:
    missing = postgres_url.replace("/nexgent?", "/elsewhere?", 1)
    assert missing != postgres_url
    result = nexgent(tmp_path, "migrate", env={"DATABASE_URL": missing, "REDIS_URL": "redis://127.0.0.1:1"})

    assert result.returncode == 3
    assert "has no such database" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (asyncpg.UndefinedTableError("secret"), 3, "PostgreSQL"),
        (RedisConnectionError("secret"), 3, "Redis"),
        (httpx.InvalidURL("secret"), 3, "does not answer"),
        (PermissionError(13, "Permission denied", "/data/x"), 3, "Permission denied (/data/x)"),
        (ConnectionRefusedError(111, "Connection refused"), 3, "Connection refused"),
        (TimeoutError(), 3, "TimeoutError"),
        (EOFError(), 2, "standard input"),
        (ExceptionGroup("several", [PermissionError(13, "Permission denied")]), 3, "Permission denied"),
    ],
)
def test_every_expected_failure_has_a_message(error: Exception, code: int, said: str) -> None:
    message, exit_code = explained(error)

    assert (exit_code, "secret" in message) == (code, False)
    assert said in message


def test_a_defect_is_admitted_and_its_stack_is_for_developers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise KeyError("secret")

    assert reported(broken) == exit_codes.CANNOT_START
    assert "should not have happened: KeyError" in capsys.readouterr().err
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert reported(broken) == exit_codes.CANNOT_START
    assert "Traceback" in capsys.readouterr().err


def test_the_version_is_told_like_everywhere(tmp_path: Path) -> None:
    result = nexgent(tmp_path, "--version")

    assert result.returncode == 0
    assert result.stdout == nexgent(tmp_path, "version").stdout
    assert result.stdout.startswith("nexgent ")


def test_sandboxes_of_copies_do_not_meet_and_take_no_port_people_choose(tmp_path: Path) -> None:
    assert SANDBOX_PORTS[0] > 20_000
    assert SANDBOX_PORTS[-1] < 32_768
    first = choose_sandbox_port(tmp_path / "a", "4000")
    assert first == choose_sandbox_port(tmp_path / "a", "4000")
    assert first != choose_sandbox_port(tmp_path / "b", "4100")
    assert first != choose_sandbox_port(tmp_path / "a", str(first))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        assert choose_sandbox_port(tmp_path / "a", None) != first


async def test_nothing_is_left_running_by_a_refusal(tmp_path: Path) -> None:
    # The port is bound only after the settings were checked.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        env = {"WALLET_1": BAD_KEY, "PORT": str(taken.getsockname()[1]), "HOST": "127.0.0.1"}
        result = await asyncio.to_thread(nexgent, tmp_path, "serve", env=env)
    assert result.returncode == 2
    assert "WALLET_1" in result.stderr
