"""`nexgent import-reference`: what it says, its exit codes, and what it keeps to itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nexgent.cli.import_reference import printable
from tests.forks import completed
from tests.reference.databases import fingerprint, reference_database, run_sql

UNKNOWN = "FMUEmtxhU46GzhKF4FW9MLJdQWiLgjiXP9TYRWSrqTpV"


class Command:
    """The command, in a folder and an environment of its own."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self._folder = folder
        self._env = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "PATH": "/usr/bin",
            "COLUMNS": "200",
            "SOLANA_RPC_URL": "http://127.0.0.1:1",
        }

    def __call__(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        done = completed(
            ["nexgent", "import-reference", *arguments], env=self._env, cwd=self._folder, typed=typed
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def command(tmp_path: Path, database_url: str, redis_url: str) -> Command:
    return Command(tmp_path, database_url, redis_url)


async def test_something_cannot_be_taken_over(command: Command, postgres_url: str, database_url: str) -> None:
    async with reference_database(postgres_url, "migrations", "story", "awkward") as reference:
        await run_sql(reference, "UPDATE agents SET name = E'Twin \\x1b[31m\\u202e' WHERE name = 'Twin'")
        before = await fingerprint(database_url)
        code, out, err = command(reference, "--offline")
        assert (code, err) == (1, "")
        assert "Cannot be taken over:" in out
        assert "The same command with --yes --leave-out carries it out." in out
        assert "\x1b" not in out
        assert "\u202e" not in out

        code, out, err = command(reference, "--offline", "--yes")
        assert (code, err) == (1, "")
        assert "Nothing was written, as something cannot be taken over." in out
        assert await fingerprint(database_url) == before

        code, out, err = command(
            reference, "--yes", "--leave-out", "--decimals", f"{UNKNOWN}=5", "--json", "--offline"
        )
        assert (code, err) == (0, "")
        done = json.loads(out)
        assert (done["dryRun"], done["written"], done["complete"], done["clean"]) == (
            False,
            True,
            False,
            True,
        )
        assert done["tablesOf"] == "migrations"
        assert done["things"]["users"] == {"there": 4, "taken": 3, "here": 0, "leftOut": 1}
        (negative,) = [one for one in done["findings"] if "negative" in one["why"]]
        assert (negative["effect"], negative["thing"], negative["count"]) == ("left_out", "balances", 1)
        assert any("WALLET_n" in note for note in done["notes"])


async def test_the_chain_is_asked_unless_told_not_to(command: Command, postgres_url: str) -> None:
    async with reference_database(postgres_url, "model", "story") as reference:
        await run_sql(reference, "UPDATE agent_transactions SET swap_payload = NULL")
        code, out, _ = command(reference)
        assert (code, "and the chain does not either" in out) == (1, True)
        code, out, _ = command(reference, "--offline")
        assert (code, "no recorded swap tells" in out) == (1, True)


def test_wrong_usage(command: Command) -> None:
    secret = "hunter2"
    for arguments in (
        ("mysql://me:hunter2@here/x",),
        ("postgresql://me:hunter2@here/x?sslmode=perhaps",),
        ("postgresql://me:hunter2@here/x", "--decimals", "TOKEN=6"),
        ("postgresql://me:hunter2@here/x", "--decimals", f"{UNKNOWN}=31"),
        ("postgresql://me:hunter2@here/x", "--yes", "--dry-run"),
        (),
        ("-",),
    ):
        code, out, err = command(*arguments)
        assert (code, out) == (2, ""), arguments
        assert secret not in err, arguments
    code, out, err = command("-", typed="postgresql://me:hunter2@127.0.0.1:1/x\n")
    assert (code, out, secret in err) == (3, "", False)
    assert "127.0.0.1:1, database 'x' cannot be used" in err


async def test_its_own_database_and_others(command: Command, postgres_url: str, database_url: str) -> None:
    before = await fingerprint(database_url)
    for address in (database_url, postgres_url):
        code, out, err = command(address)
        assert (code, out) == (3, ""), err
        assert "This is" in err
    assert await fingerprint(database_url) == before


def test_names_of_others_do_nothing_to_a_terminal() -> None:
    assert printable("a\x1b[2Jb\nc\u202e") == "a\ufffd[2Jb\ufffdc\ufffd"
    assert len(printable("x" * 10_000)) == 400
