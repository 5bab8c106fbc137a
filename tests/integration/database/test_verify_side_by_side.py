"""Processes of their own check wallets side by side, and find what one process finds."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
import psutil
import pytest

from nexgent.infrastructure.database.journal.comparison import CachedBalances, VerifyReport
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.shared.errors import UnavailableError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress
from tests.builders import TOKEN
from tests.integration.database.story import Story, add_owners
from tests.patience import PATIENCE_SECONDS, until

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def stories(journal: PostgresJournal, projector: Projector, connection: Connection) -> list[Story]:
    """Three wallets with a journal and one without."""
    stories = [Story() for _ in range(4)]
    await add_owners(connection, stories)
    for story in stories[:3]:
        await journal.append([story.deposit(), *story.buy()])
    await projector.project_all()
    return stories


async def side_by_side(database_url: str, cached_balances: CachedBalances | None = None) -> VerifyReport:
    return await verify(
        database_url,
        everything=True,
        processes=2,
        worth_a_process=1,
        pauses_seconds=(),
        cached_balances=cached_balances,
    )


async def test_what_is_found_is_what_one_process_finds(
    stories: list[Story], database_url: str, connection: Connection
) -> None:
    broken, copied, _, empty = stories
    await connection.execute(
        "UPDATE agent_balances SET balance_raw = 7 WHERE wallet_address = $1", broken.wallet
    )
    await connection.execute(
        "INSERT INTO agent_balances (id, agent_id, wallet_address, token_address, token_symbol, balance, last_updated,"
        " balance_raw, decimals) VALUES (gen_random_uuid(), $1, $2, $3, 'SOL', '1', now(), 1000000000, 9)",
        empty.agent_id,
        empty.wallet,
        SOL_MINT,
    )

    async def cached(
        agent_id: AgentId, wallet: WalletAddress, mints: Sequence[TokenAddress]
    ) -> list[bytes | None]:
        return [b'{"balance": "1.5"}' if (wallet, mint) == (copied.wallet, TOKEN) else None for mint in mints]

    alone = await verify(database_url, everything=True, cached_balances=cached, pauses_seconds=())
    together = await side_by_side(database_url, cached)

    assert dataclasses.asdict(together) == dataclasses.asdict(alone)
    assert (together.wallets, together.entries, together.cached) == (4, 9, 1)
    assert {one.wallet_address for one in together.differences} == {
        broken.wallet,
        copied.wallet,
        empty.wallet,
    }
    assert together.repairable == sorted([broken.wallet, empty.wallet])


async def test_how_far_each_wallet_is_in_order_is_kept(stories: list[Story], database_url: str) -> None:
    assert (await side_by_side(database_url)).is_clean

    report = await verify(database_url)

    assert (report.is_clean, report.entries, report.entries_checked_before) == (True, 0, 9)


async def test_all_look_at_one_moment(
    stories: list[Story], journal: PostgresJournal, database_url: str, connection: Connection
) -> None:
    """Entries that come while it is checked are in nobody's snapshot: no wallet is ahead of its tables."""
    stop = asyncio.Event()

    async def trade() -> int:
        count = 0
        while not stop.is_set():
            for story in stories[:3]:
                await journal.append([story.deposit()])
                count += 1
            # A stream and no flood: the next check has to read whatever has come during this one.
            await asyncio.sleep(0.01)
        return count

    trading = asyncio.create_task(trade())
    try:
        for _ in range(3):
            report = await side_by_side(database_url)
            assert report.is_clean, report.differences
    finally:
        stop.set()
    assert await trading > 0


async def test_a_process_that_is_ended_ends_the_check_and_leaves_none_behind(
    stories: list[Story], database_url: str, connection: Connection
) -> None:
    async with held_up(stories, database_url, connection) as (checking, processes):
        processes.pop().kill()

        with pytest.raises(UnavailableError, match="ended before it was done"):
            await checking

    assert await connection.fetchval("SELECT count(*) FROM verified_wallets") == 0
    assert (await side_by_side(database_url)).is_clean


_CHECK = """
import sys
from nexgent.cli.failures import reported
from nexgent.cli.running import run_async
from nexgent.infrastructure.database.journal.verify import verify
try:
    reported(lambda: run_async(
        verify(sys.argv[1], everything=True, processes=2, worth_a_process=1, pauses_seconds=())
    ))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("times", [1, 2])
async def test_ctrl_c_in_a_terminal_ends_the_check_and_all_its_processes(
    stories: list[Story], database_url: str, connection: Connection, times: int
) -> None:
    await connection.execute("DELETE FROM agent_wallets WHERE wallet_address = $1", stories[3].wallet)
    async with connection.transaction():
        await connection.execute("LOCK TABLE agent_positions IN ACCESS EXCLUSIVE MODE")
        # A terminal tells all processes of the command at once.
        checking = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHECK, database_url, stderr=asyncio.subprocess.PIPE, start_new_session=True
        )
        await until(lambda: _waits(connection), "both processes wait")
        helpers = psutil.Process(checking.pid).children()
        for _ in range(times):
            os.killpg(checking.pid, signal.SIGINT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            _, said = await checking.communicate()
        assert (checking.returncode, said.decode()) == (130, "")
        assert len(helpers) == 2
        await until(lambda: not any(one.is_running() for one in helpers), "the processes are gone")
    assert await connection.fetchval("SELECT count(*) FROM verified_wallets") == 0


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
async def test_processes_end_with_whoever_asked(
    stories: list[Story], database_url: str, connection: Connection, by: signal.Signals
) -> None:
    """Also those that wait for somebody else, who may take for ever."""
    await connection.execute("DELETE FROM agent_wallets WHERE wallet_address = $1", stories[3].wallet)
    async with connection.transaction():
        await connection.execute("LOCK TABLE agent_positions IN ACCESS EXCLUSIVE MODE")
        checking = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _CHECK, database_url, start_new_session=True
        )
        await until(lambda: _waits(connection), "both processes wait")
        helpers = psutil.Process(checking.pid).children()
        assert len(helpers) == 2

        checking.send_signal(by)
        await checking.wait()

        await until(lambda: not any(one.is_running() for one in helpers), "the processes are gone")


async def test_whoever_asked_ends_the_processes_and_nobody_else_interrupts_them(
    stories: list[Story], database_url: str, connection: Connection
) -> None:
    async with held_up(stories, database_url, connection) as (checking, processes):
        for process in processes:
            process.send_signal(signal.SIGINT)

    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await checking).is_clean


@asynccontextmanager
async def held_up(
    stories: list[Story], database_url: str, connection: Connection
) -> AsyncIterator[tuple[asyncio.Task[VerifyReport], set[psutil.Process]]]:
    """Yield a check and its processes, which wait until the block ends for what they would look at."""
    # Who asks looks at wallets without entries by itself.
    await connection.execute("DELETE FROM agent_wallets WHERE wallet_address = $1", stories[3].wallet)
    me = psutil.Process(os.getpid())
    before = set(me.children())
    async with connection.transaction():
        await connection.execute("LOCK TABLE agent_positions IN ACCESS EXCLUSIVE MODE")
        checking = asyncio.create_task(side_by_side(database_url))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (started := set(me.children()) - before) or not await _waits(connection):
                assert not checking.done(), checking
                await asyncio.sleep(0.02)
        yield checking, started


async def _waits(connection: Connection) -> bool:
    waiting: int = await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return waiting >= 2
