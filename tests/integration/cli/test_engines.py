"""`nexgent engines`: who trades, for which shards."""

from __future__ import annotations

import argparse
import json

import pytest

from nexgent.cli import exit_codes
from nexgent.cli.engines import configure, engines_command
from nexgent.config.settings import Settings
from nexgent.infrastructure.database.lease import EngineLease

LONG = 600.0


async def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    configure(parser)
    capsys.readouterr()
    code = await engines_command(parser.parse_args(options), Settings.load())
    return code, capsys.readouterr().out


@pytest.fixture
def settings(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "400")


@pytest.mark.usefixtures("settings")
async def test_one_engine_has_everything(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (await run(capsys))[0] == exit_codes.FAILURE, "nobody ever traded"
    lease = EngineLease(database_url, owner="only:1", seconds=LONG, version="9.9")
    await lease.acquire()

    code, said = await run(capsys)

    assert code == exit_codes.OK
    assert "only:1  64" in said
    assert "9.9" in said
    assert "0-63" in said
    await lease.release()
    code, said = await run(capsys, "--json")
    assert code == exit_codes.FAILURE
    assert json.loads(said)["engines"][0]["lives"] is False


@pytest.mark.usefixtures("settings")
async def test_several_and_what_nobody_has(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    leases = [
        EngineLease(database_url, owner=owner, seconds=LONG, shared=True, version="9.9")
        for owner in ("one:1", "two:2")
    ]
    for lease in leases:
        await lease.acquire()
        lease.enable()
    first, second = leases
    await first.balance()

    code, said = await run(capsys)
    assert code == exit_codes.FAILURE
    assert "Nobody trades for 32 of 64 shards: 32-63" in said

    await second.balance()
    code, said = await run(capsys, "--json")
    document = json.loads(said)
    assert (code, document["unheld"]) == (exit_codes.OK, [])
    found = {one["owner"]: (one["shards"], one["version"], one["moves"]) for one in document["engines"]}
    assert found == {
        "one:1": (list(range(32)), "9.9", 32),
        "two:2": (list(range(32, 64)), "9.9", 32),
    }
    for lease in leases:
        await lease.release()
