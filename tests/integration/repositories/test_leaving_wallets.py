"""What the worker writes about a wallet, while somebody removes the wallet: no row, no error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from nexgent.domain.reconciliation.models import Reconciled
from nexgent.infrastructure.database.stores.performance import PostgresPerformance
from nexgent.infrastructure.database.stores.protections import keep_sums
from nexgent.infrastructure.database.stores.reconciliation import PostgresReconciliation
from tests.builders import T0, a_snapshot
from tests.integration.database.story import Story
from tests.integration.repositories.conftest import Pool
from tests.integration.repositories.test_performance import a_story
from tests.patience import until

Writer = Callable[[Pool, Story], Awaitable[object]]


async def sums(pool: Pool, _: Story) -> object:
    return await keep_sums(pool, T0 + timedelta(days=1))


async def snapshot(pool: Pool, story: Story) -> object:
    return await PostgresPerformance(pool).save([a_snapshot(story.agent_id, story.wallet, T0)])


async def reconciled(pool: Pool, story: Story) -> None:
    found = Reconciled(
        wallet_address=story.wallet, agent_id=story.agent_id, genesis="genesis", slot=1, checked_at=T0
    )
    await PostgresReconciliation(pool).save(found)


@pytest.mark.parametrize(
    ("write", "table"),
    [
        (sums, "protection_sums"),
        (snapshot, "agent_balance_snapshots"),
        (reconciled, "wallet_reconciliations"),
    ],
)
async def test_a_wallet_that_is_being_removed_gets_no_row(pool: Pool, write: Writer, table: str) -> None:
    story, other = await a_story(pool), await a_story(pool)

    async with pool.acquire() as removing:
        transaction = removing.transaction()
        await transaction.start()
        await removing.execute("DELETE FROM agent_wallets WHERE wallet_address = $1", story.wallet)
        writing = asyncio.ensure_future(write(pool, story))

        async def stands_still() -> bool:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            return writing.done() or bool(await pool.fetchval(waiting))

        await until(stands_still, "it is written, or waits for the removal")
        await transaction.commit()
    await writing

    assert await pool.fetchval(f"SELECT count(*) FROM {table} WHERE wallet_address = $1", story.wallet) == 0
    await write(pool, other)
    assert await pool.fetchval(f"SELECT count(*) FROM {table} WHERE wallet_address = $1", other.wallet) == 1
