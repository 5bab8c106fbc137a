"""What the protections read at start is what they would know, had they been there."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from nexgent.domain.ledger.events import EntriesRecorded
from nexgent.domain.ledger.models import Entry, TradeSettled
from nexgent.domain.protections.models import KillSwitch, ProtectionHistory, WalletRecord
from nexgent.domain.protections.state import ProtectionState
from nexgent.infrastructure.database.journal.journal import PostgresJournal
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.protections import PostgresProtectionStore
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId, WalletAddress
from tests.builders import a_kill_switch
from tests.integration.database.story import Story, add_owners, add_signal
from tests.integration.repositories.conftest import Pool

RESULTS = [Decimal(3), Decimal(-1), Decimal("0.5"), Decimal("-0.25"), Decimal("-0.125")]
PROFIT = sum(RESULTS, Decimal(0))


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(database_url)
    yield journal
    await journal.close()


@pytest.fixture
async def projector(database_url: str) -> AsyncIterator[Projector]:
    projector = Projector(database_url)
    yield projector
    await projector.close()


async def a_history(pool: Pool) -> tuple[Story, list[Entry]]:
    """Five trades with known results, the last three of them losses but one."""
    story = Story()
    async with pool.acquire() as connection:
        await add_owners(connection, [story])  # type: ignore[arg-type]  # A pooled one serves as well.
        entries = [story.deposit(20_000_000_000)]
        for result in RESULTS:
            signal_id = await add_signal(connection)  # type: ignore[arg-type]
            entries += [*story.buy(signal_id), *_with_result(story.sell(), result)]
    return story, entries


def _with_result(entries: list[Entry], profit_sol: Decimal) -> list[Entry]:
    intended, settled = entries
    body = settled.body
    assert isinstance(body, TradeSettled)
    assert body.closed is not None
    closed = replace(body.closed, profit_loss_sol=profit_sol)
    return [intended, replace(settled, body=replace(body, closed=closed))]


def the_record(history: ProtectionHistory, story: Story) -> WalletRecord:
    return next(record for record in history.records if record.wallet_address == story.wallet)


async def test_records_are_summed_up_from_what_was_traded(
    pool: Pool, journal: PostgresJournal, projector: Projector
) -> None:
    story, entries = await a_history(pool)
    await journal.append(entries)
    await projector.project_all()
    now = story.now

    record = the_record(await PostgresProtectionStore(pool).history(now), story)

    assert record.seq == entries[-1].seq
    assert record.profit_sol == PROFIT
    assert record.peak_profit_sol == Decimal(3)
    assert record.loss_streak == 2
    assert record.last_loss_at == record.closed_at[next(iter(record.closed_at))]
    assert len(record.entries) == len(RESULTS)
    later = the_record(await PostgresProtectionStore(pool).history(now + timedelta(days=8)), story)
    assert (later.profit_today_sol, dict(later.closed_at), dict(later.entries)) == (Decimal(0), {}, {})
    assert later.profit_sol == PROFIT


@pytest.mark.parametrize("projected", [0, 3, 11, 100])
async def test_projected_or_not_the_start_knows_the_same(
    pool: Pool, journal: PostgresJournal, projector: Projector, projected: int
) -> None:
    story, entries = await a_history(pool)
    await journal.append(entries)
    if projected:
        await projector.project(projected)
    present, started = ProtectionState(), ProtectionState()
    present.on_entries(EntriesRecorded(entries, (), 0))

    started.load(await PostgresProtectionStore(pool).history(story.now), story.now)

    assert _timed(started) == _timed(present)


def _timed(state: ProtectionState) -> dict[WalletAddress, object]:
    """Return the records with when entries were made: whether each is known to be settled counts nowhere."""
    return {
        wallet: replace(
            record,
            entries={},
            settled=array("d", sorted([*record.settled, *record.entries.values()])),
        )
        for wallet, record in state._records.items()
    }


@pytest.mark.parametrize("names_a_sale", [False, True])
async def test_a_trade_that_somebody_recorded_by_hand_is_no_loss(
    pool: Pool, journal: PostgresJournal, projector: Projector, names_a_sale: bool
) -> None:
    story, entries = await a_history(pool)
    await journal.append(entries)
    await projector.project_all()
    settled = entries[-1].body
    assert isinstance(settled, TradeSettled)
    await pool.execute(
        "INSERT INTO agent_historical_swaps (id, agent_id, wallet_address, token_address, token_symbol, amount,"
        " purchase_price, sale_price, change_percent, profit_loss_usd, profit_loss_sol, purchase_time, sale_time,"
        " sale_transaction_id) VALUES ($1, $2, $3, 'token', 'T', 1, 1, 1, 1, -99, -99, $4, $4, $5)",
        new_id(),
        story.agent_id,
        story.wallet,
        story.now,
        settled.transaction.id if names_a_sale else None,
    )

    record = the_record(await PostgresProtectionStore(pool).history(story.now), story)

    assert record.profit_sol == PROFIT
    assert "token" not in record.closed_at


async def test_a_reset_leaves_out_what_was_before(
    pool: Pool, journal: PostgresJournal, projector: Projector
) -> None:
    story, entries = await a_history(pool)
    await journal.append(entries)
    await projector.project_all()
    store = PostgresProtectionStore(pool)
    by = UserId(new_id())
    # After the third sale: two losses follow.
    at = entries[4 * 3].at

    await store.reset(story.agent_id, at, by)
    await store.reset(story.agent_id, at - timedelta(days=1), by)
    history = await store.history(story.now)

    record = the_record(history, story)
    assert history.controls.resets == {story.agent_id: at}
    assert record.profit_sol == RESULTS[3] + RESULTS[4]
    assert (record.peak_profit_sol, record.loss_streak, len(record.entries)) == (Decimal(0), 2, 2)


async def test_only_wallets_asked_for_are_read(pool: Pool, journal: PostgresJournal) -> None:
    story, entries = await a_history(pool)
    other, _ = await a_history(pool)
    await journal.append(entries)

    history = await PostgresProtectionStore(pool).history(story.now, [story.wallet])

    assert [record.wallet_address for record in history.records] == [story.wallet]
    assert {entry.wallet_address for entry in history.unprojected} == {story.wallet}
    assert other.wallet != story.wallet


async def test_results_are_read_of_agents_with_protections_alone(
    pool: Pool, journal: PostgresJournal, projector: Projector
) -> None:
    (story, entries), (other, others) = await a_history(pool), await a_history(pool)
    await journal.append([*entries, *others])
    await projector.project_all()
    store = PostgresProtectionStore(pool)
    everything = await store.history(story.now)
    assert all(record.results_known for record in everything.records)

    for wallets in (None, [story.wallet, other.wallet]):
        history = await store.history(story.now, wallets, protected=[story.agent_id])

        assert the_record(history, story) == the_record(everything, story)
        known = the_record(everything, other)
        assert the_record(history, other) == WalletRecord(
            wallet_address=known.wallet_address,
            agent_id=known.agent_id,
            seq=known.seq,
            closed_at=known.closed_at,
            entries=known.entries,
            results_known=False,
        )
    nobody = await store.history(story.now, [other.wallet], protected=[story.agent_id])
    assert [record.results_known for record in nobody.records] == [False]


async def test_switches_are_kept_and_the_newest_wins(pool: Pool, user_id: UserId) -> None:
    store = PostgresProtectionStore(pool)
    now = datetime.now().astimezone()
    mine = KillSwitch(user_id=user_id, engaged=True, reason="news", changed_at=now, changed_by=user_id)
    system = replace(mine, user_id=None)

    await store.set_switch(mine)
    await store.set_switch(system)
    await store.set_switch(replace(mine, engaged=False, changed_at=now - timedelta(seconds=1)))
    assert set((await store.controls()).switches) == {mine, system}

    released = replace(mine, engaged=False, reason=None, changed_at=now + timedelta(seconds=1))
    await store.set_switch(released)
    assert set((await store.controls()).switches) == {released, system}


async def test_engaging_a_switch_again_leaves_it_to_flatten(pool: Pool, user_id: UserId) -> None:
    store = PostgresProtectionStore(pool)
    now = datetime.now().astimezone()
    again = a_kill_switch(user_id, changed_at=now)
    released = replace(again, engaged=False)

    async def stored(switch: KillSwitch) -> bool:
        await store.set_switch(switch)
        (kept,) = (await store.controls()).switches
        return kept.flatten

    assert await stored(replace(again, flatten=True))
    # Another process, which has not heard of it yet.
    assert await stored(again)
    assert not await stored(released)
    assert not await stored(again)


async def test_controls_go_with_their_owners(pool: Pool, user_id: UserId) -> None:
    store = PostgresProtectionStore(pool)
    now = datetime.now().astimezone()
    agent_id = AgentId(new_id())
    await pool.execute(
        "INSERT INTO agents (id, user_id, name, updated_at) VALUES ($1, $2, 'A', now())", agent_id, user_id
    )
    await store.reset(agent_id, now, user_id)
    await store.set_switch(a_kill_switch(user_id, changed_at=now))

    await pool.execute("DELETE FROM users WHERE id = $1", user_id)

    controls = await store.controls()
    assert (list(controls.switches), dict(controls.resets)) == ([], {})


async def test_a_switch_is_either_the_systems_or_a_users(pool: Pool, user_id: UserId) -> None:
    for scope, owner in (("system", user_id), ("somebody", None)):
        with pytest.raises(asyncpg.CheckViolationError):
            await pool.execute(
                "INSERT INTO kill_switches (scope, user_id, engaged, changed_at) VALUES ($1, $2, true, now())",
                scope,
                owner,
            )
