"""Backups in an object store: there whole or not at all, restored from there, and refused in words that hold no key."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3  # type: ignore[import-untyped]
import fsspec  # type: ignore[import-untyped]
import httpx
import pytest

from nexgent.cli import exit_codes
from nexgent.cli.journal import configure
from nexgent.cli.journal_archive import archive_command, restore_command
from nexgent.cli.main import run
from nexgent.config.settings import Settings
from nexgent.infrastructure.backup import remote
from nexgent.infrastructure.backup.archive import checked, opened
from nexgent.infrastructure.backup.dump import back_up
from nexgent.infrastructure.backup.part_archive import list_archives
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.parts import keep_parts
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.shared.errors import InvalidInputError, UnavailableError
from tests.builders import T0
from tests.integration.database.story import Story, add_owners
from tests.integration.database.test_backup import Connection

SECRET = "not-for-anybodys-eyes"
ADDRESS = "s3://books/daily/today.backup"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store that speaks S3 over HTTP, with a bucket, and keys for it in the environment; its address."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 -- half a second that only the process with these tests takes

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    # A store is remembered with the keys it was opened with.
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    # Every server of a process shows the same buckets.
    httpx.post(f"{url}/moto-api/reset").raise_for_status()
    boto3.client("s3", endpoint_url=url).create_bucket(Bucket="books")
    yield url
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()


@pytest.mark.usefixtures("store")
async def test_a_backup_is_read_from_where_it_was_written(
    connection: Connection, journal: PostgresJournal, projector: Projector, database_url: str
) -> None:
    story = Story()
    await add_owners(connection, [story])
    await journal.append([story.deposit(), *story.buy(), *story.sell()])
    await projector.project_all()

    with remote.written(ADDRESS) as target:
        taken = await back_up(database_url, target, now=T0)

    with remote.read(ADDRESS) as source:
        archive, manifest = opened(source)
        with archive:
            checked(archive, manifest)
    assert manifest == taken
    with pytest.raises(InvalidInputError, match="exists already"), remote.written(ADDRESS):
        pass


@pytest.mark.usefixtures("store", "connection")
def test_the_commands_take_an_address(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)

    assert run(["backup", ADDRESS]) == exit_codes.OK
    assert run(["restore", "--check", ADDRESS]) == exit_codes.OK
    said = capsys.readouterr().out
    assert "Backed up" in said
    assert "The backup is whole" in said
    assert run(["backup", ADDRESS]) == exit_codes.USAGE
    assert "exists already" in capsys.readouterr().err


def test_what_is_larger_than_a_part_comes_back_as_it_was(store: str) -> None:
    content = os.urandom(12 * 1024 * 1024)

    with remote.written(ADDRESS) as target:
        for first in range(0, len(content), 1_000_000):
            target.write(content[first : first + 1_000_000])

    body = boto3.client("s3", endpoint_url=store).get_object(Bucket="books", Key="daily/today.backup")["Body"]
    assert body.read() == content
    with remote.read(ADDRESS) as source:
        source.seek(-10, os.SEEK_END)
        assert source.read() == content[-10:]


@pytest.mark.parametrize("mebibytes", [1, 12])
def test_what_was_not_finished_is_not_there(store: str, mebibytes: int) -> None:
    def interrupted() -> None:
        with remote.written(ADDRESS) as target:
            target.write(os.urandom(mebibytes * 1024 * 1024))
            raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError, match="the database is gone"):
        interrupted()

    client = boto3.client("s3", endpoint_url=store)
    assert "Contents" not in client.list_objects_v2(Bucket="books")
    assert "Uploads" not in client.list_multipart_uploads(Bucket="books")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("address", ["s3://books/nothing.backup", "s3://no-such-bucket/a.backup"])
def test_what_is_not_there_is_told(address: str) -> None:
    with pytest.raises(InvalidInputError, match=f"There is no {address}"), remote.read(address):
        pass


@pytest.mark.usefixtures("store")
def test_a_bucket_that_is_not_there_takes_nothing() -> None:
    with (
        pytest.raises(InvalidInputError, match="no such bucket"),
        remote.written("s3://no-such-bucket/a") as target,
    ):
        target.write(b"x")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nowhere://a/b", "nowhere://a/b is no address that can be used"),
        ("gs://bucket/a.backup", "needs a library that is not installed"),
        ("file:///tmp/a.backup", "is on this machine: give the path of a file"),
        ("local://a.backup", "is on this machine"),
        ("memory://a.backup", "is on this machine"),
    ],
)
def test_an_address_nobody_can_use_is_told(address: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told), remote.read(address):
        pass


def test_a_store_that_is_away_is_told_without_a_password(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del store
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()

    with pytest.raises(UnavailableError, match="cannot be reached") as failure, remote.read(ADDRESS):
        pass

    assert SECRET not in str(failure.value)


@pytest.mark.usefixtures("store")
async def test_a_part_of_the_journal_goes_there_and_comes_back(
    connection: Connection,
    journal: PostgresJournal,
    projector: Projector,
    database_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may, june = datetime(2041, 5, 1, tzinfo=UTC), datetime(2041, 6, 1, tzinfo=UTC)
    story = Story()
    await add_owners(connection, [story])
    for month in (may, june):
        await keep_parts(database_url, month)
        await journal.append([story.deposit(), *story.buy(), *story.sell()])
    await projector.project_all()
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    parser, address = argparse.ArgumentParser(), "s3://books/old/journal-2041-05.zip"
    configure(parser)

    archive = parser.parse_args(["archive", "2041-05", "--to", "s3://books/old/"])
    assert await archive_command(archive, Settings.load()) == exit_codes.OK
    assert [one.file for one in await list_archives(database_url)] == [address]
    assert await connection.fetchval("SELECT count(*) FROM journal") == 5
    assert await restore_command(parser.parse_args(["restore", address]), Settings.load()) == exit_codes.OK
    assert await connection.fetchval("SELECT count(*) FROM journal") == 10
