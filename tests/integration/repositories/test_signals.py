"""Signals against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from nexgent.api.v1.signals.schemas import DecisionsOut, written
from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.signals.models import DecisionOutcome, Gate, Signal, SignalAction, SignalDraft
from nexgent.domain.signals.ports import SignalStore
from nexgent.domain.signals.queries import SignalFilter, SignalQueries, SignalRow
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.infrastructure.database.pool import PoolUse, create_pool
from nexgent.infrastructure.database.stores import signals as signals_store
from nexgent.infrastructure.database.stores.agents import PostgresAgentRepository
from nexgent.infrastructure.database.stores.queries import PostgresSignalQueries
from nexgent.infrastructure.database.stores.signal_trades import PostgresSignalTrades
from nexgent.infrastructure.database.stores.signals import (
    UNDECIDED,
    PostgresSignalStore,
    SignalUserNotFoundError,
)
from nexgent.shared.errors import UnavailableError
from nexgent.shared.ids import late_intent_id, new_id, purchase_intent_id
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS
from nexgent.shared.types import AgentId, IntentId, SignalId, TokenAddress, UserId
from tests.builders import T0, a_decision, a_draft, an_agent
from tests.integration.repositories.conftest import Pool, add_user


async def stored(store: PostgresSignalStore, draft: SignalDraft) -> Signal:
    signal = await store.add(draft, duplicate_window_seconds=60)
    assert signal is not None
    return signal


async def test_a_signal_is_stored_and_waits_for_decisions(pool: Pool, user_id: UserId) -> None:
    store: SignalStore = PostgresSignalStore(pool)

    signal = await store.add(a_draft(user_id), duplicate_window_seconds=60)

    assert signal is not None
    assert signal.user_id == user_id
    assert (signal.symbol, signal.activation_reason, signal.source) == ("TKN", "because", "test")
    assert list(await store.undecided()) == [signal]


async def test_a_signal_is_processed_when_every_shard_has_answered(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)
    signal, other = await stored(store, a_draft(user_id)), await stored(store, a_draft(user_id, "Other"))
    lower = (1 << 32) - 1
    upper = ALL_SHARDS & ~lower

    # Two engines say something of the same signal at the same moment.
    await asyncio.gather(
        store.record_decisions(signal.id, [], shards=lower),
        store.record_decisions(signal.id, [], shards=lower & ~1),
        store.record_decisions(other.id, [], shards=ALL_SHARDS),
    )

    assert await store.unanswered([signal.id, other.id]) == {signal.id: upper}
    assert not await store.undecided(shards=lower)
    assert not await store.undecided(shards=NO_SHARDS)
    for shards in (upper, ALL_SHARDS, 1 << 63):
        assert list(await store.undecided(shards=shards)) == [signal]

    await store.record_decisions(signal.id, [], shards=upper)
    await store.record_decisions(signal.id, [], shards=1)

    assert not await store.undecided()
    assert await store.unanswered([signal.id]) == {}
    assert await pool.fetchval("SELECT processed_at FROM trading_signals WHERE id = $1", signal.id)


async def test_a_repeated_signal_is_refused_within_the_window_only(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)
    draft = a_draft(user_id)
    first = await stored(store, draft)

    assert await store.add(draft, duplicate_window_seconds=60) is None
    assert await store.add(replace(draft, signal_strength=4), duplicate_window_seconds=60) is not None
    assert (
        await store.add(replace(draft, user_id=await add_user(pool)), duplicate_window_seconds=60) is not None
    )
    assert (
        await store.add(replace(draft, token_address=TokenAddress("tokenaaa")), duplicate_window_seconds=60)
        is not None
    )

    await pool.execute(
        "UPDATE trading_signals SET created_at = created_at - interval '61 s' WHERE id = $1", first.id
    )
    assert await store.add(draft, duplicate_window_seconds=60) is not None


async def test_what_a_signal_asks_for_is_stored_and_belongs_to_what_makes_it_a_repetition(
    pool: Pool, user_id: UserId
) -> None:
    store, queries = PostgresSignalStore(pool), PostgresSignalQueries(pool)
    to_buy = a_draft(user_id)
    to_close = replace(to_buy, action=SignalAction.CLOSE)
    to_reduce = replace(to_buy, action=SignalAction.REDUCE, percent=Decimal("12.5"))
    other_part = replace(to_reduce, percent=Decimal(50))

    signals = [await stored(store, draft) for draft in (to_buy, to_close, to_reduce, other_part)]

    assert [(signal.action, signal.percent) for signal in signals] == [
        (SignalAction.BUY, None),
        (SignalAction.CLOSE, None),
        (SignalAction.REDUCE, Decimal("12.5")),
        (SignalAction.REDUCE, Decimal(50)),
    ]
    for draft in (to_buy, to_close, replace(to_reduce, percent=Decimal("12.500"))):
        assert await store.add(draft, duplicate_window_seconds=60) is None
    assert list(await store.undecided()) == signals
    listed = await queries.list(SignalFilter(user_id=user_id))
    assert {(row.id, row.action, row.percent) for row in listed} == {
        (signal.id, signal.action, signal.percent) for signal in signals
    }
    exported = await queries.export(SignalFilter(user_id=user_id))
    assert all(isinstance(row.action, SignalAction) for row in exported)


async def test_storing_is_planned_once_and_looks_repetitions_up_by_their_index(pool: Pool) -> None:
    """The plan that stays is made while the table is small, when reading all of it would be the cheaper way."""
    settings = await pool.fetchval(
        "SELECT proconfig FROM pg_proc WHERE proname = 'add_trading_signals' AND pronargs = 11"
    )

    assert sorted(settings) == ["enable_seqscan=off", "plan_cache_mode=force_generic_plan"]


async def test_code_from_before_there_were_sales_stores_signals_to_buy(pool: Pool, user_id: UserId) -> None:
    """While one process is of the version before, the other one has migrated."""
    row = await pool.fetchrow(
        "SELECT * FROM add_trading_signals($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *([one] for one in (user_id, "TokenAAA", None, "Breakout", None, 3, None, 60, "key")),
    )

    assert row is not None
    assert (row["action"], row["percent"]) == ("buy", None)


@pytest.mark.parametrize(
    ("statuses", "code", "outcome"),
    [
        (("failed", "settled"), "EXIT_CONTINUES", DecisionOutcome.EXECUTED),
        (("failed", "submitted"), "EXIT_CONTINUES", DecisionOutcome.PENDING),
        (("failed", "failed"), "EXIT_CONTINUES", DecisionOutcome.PENDING),
        (("failed",), "QUOTE_FAILED", DecisionOutcome.FAILED),
        (("settled", "failed"), "SWAP_UNKNOWN", DecisionOutcome.EXECUTED),
        ((), "NO_POSITION", DecisionOutcome.FAILED),
    ],
)
async def test_a_sale_is_told_as_it_became(
    pool: Pool, user_id: UserId, statuses: Sequence[str], code: str, outcome: DecisionOutcome
) -> None:
    """One attempt of an exit that failed is not its end, and one that sold is."""
    store, queries, agent = PostgresSignalStore(pool), PostgresSignalQueries(pool), an_agent(user_id=user_id)
    await PostgresAgentRepository(pool).add(agent)
    signal = await stored(store, a_draft(user_id, action=SignalAction.CLOSE))
    decision = a_decision(signal.id, agent.id, DecisionOutcome.FAILED, code=code)
    await store.record_decisions(signal.id, [decision])
    position_id, transaction_id = new_id(), new_id()
    for generation, status in enumerate(statuses):
        await pool.execute(
            """
            INSERT INTO trade_intents (id, agent_id, wallet_address, kind, token_address, token_symbol, position_id, cause,
                                       generation, input_mint, amount_raw, reserved_raw, status, code, intent, transaction_id,
                                       updated_at, sell_signal_id)
            VALUES ($1, $2, $3, 'sale', 'TokenAAA', 'TKN', $4, 'signal', $5, 'TokenAAA', 1, 1, $6, $7, '{}', $8, now(), $9)
            """,
            new_id(),
            agent.id,
            agent.wallets[0].address,
            position_id,
            generation,
            status,
            code if status == "failed" else None,
            transaction_id if status == "settled" else None,
            int(signal.id),
        )

    (told,) = await queries.decisions(signal.id)

    assert (await queries.written_decisions(signal.id) is None) is bool(statuses)
    assert told.outcome is outcome
    if outcome is DecisionOutcome.EXECUTED:
        assert (told.code, told.transaction_id, told.position_id) == (None, transaction_id, position_id)

    async def nothing() -> None:
        """Everything is in the tables."""

    found = await PostgresSignalTrades(pool, nothing).of_signal(signal.id)
    best = "settled" if "settled" in statuses else statuses[-1] if statuses else None
    assert [trade.status for trade in found.values()] == ([best] if best is not None else [])


async def test_of_many_equal_signals_at_once_one_is_stored(
    database_url: str, pool: Pool, user_id: UserId
) -> None:
    """Within one process and between two."""
    other_pool = await create_pool(database_url, PoolUse(most=4))
    stores = [PostgresSignalStore(pool), PostgresSignalStore(other_pool)]

    results = await asyncio.gather(
        *(stores[i % 2].add(a_draft(user_id), duplicate_window_seconds=60) for i in range(100))
    )

    assert sum(1 for signal in results if signal is not None) == 1
    assert await pool.fetchval("SELECT count(*) FROM trading_signals") == 1
    await other_pool.close()


async def test_concurrent_signals_get_their_own_rows_in_order(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)

    signals = await asyncio.gather(*(stored(store, a_draft(user_id, f"Token{i}")) for i in range(200)))

    assert [signal.token_address for signal in signals] == [f"Token{i}" for i in range(200)]
    assert [signal.id for signal in signals] == sorted(signal.id for signal in signals)


async def test_a_draft_the_database_refuses_does_not_take_others_with_it(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)

    good, nobody, broken, also_good = await asyncio.gather(
        stored(store, a_draft(user_id, "One")),
        store.add(a_draft(UserId(new_id()), "Two"), duplicate_window_seconds=60),
        store.add(a_draft(user_id, "nul\x00"), duplicate_window_seconds=60),
        stored(store, a_draft(user_id, "Three")),
        return_exceptions=True,
    )

    assert isinstance(good, Signal)
    assert isinstance(also_good, Signal)
    assert isinstance(nobody, SignalUserNotFoundError)
    assert isinstance(broken, asyncpg.PostgresError)


async def test_a_cancelled_caller_does_not_stop_the_others(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)
    leader = asyncio.create_task(store.add(a_draft(user_id, "One"), duplicate_window_seconds=60))
    followers = [asyncio.create_task(stored(store, a_draft(user_id, f"F{i}"))) for i in range(5)]
    await asyncio.sleep(0)
    leader.cancel()

    assert len(await asyncio.gather(*followers)) == 5
    assert leader.cancelled()


async def test_a_lost_database_is_reported_and_the_next_signal_is_stored(
    database_url: str, pool: Pool, user_id: UserId
) -> None:
    """The server ends all connections in the middle of a burst; what was answered with a signal is there."""
    store = PostgresSignalStore(pool)
    answered: list[Signal] = []
    unavailable = 0

    async def send(number: int) -> None:
        nonlocal unavailable
        try:
            answered.append(await stored(store, a_draft(user_id, f"T{number}")))
        except UnavailableError:
            unavailable += 1

    async def cut() -> None:
        killer = await asyncpg.connect(database_url)
        for _ in range(5):
            await killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await killer.close()

    cutting = asyncio.create_task(cut())
    for start in range(0, 400, 20):
        await asyncio.gather(*(send(number) for number in range(start, start + 20)))
    await cutting

    assert await store.add(a_draft(user_id, "after"), duplicate_window_seconds=60) is not None
    ids = {row["id"] for row in await pool.fetch("SELECT id FROM trading_signals")}
    assert {signal.id for signal in answered} <= ids
    assert len(answered) + unavailable == 400


async def test_decisions_are_recorded_once(pool: Pool, user_id: UserId) -> None:
    store, queries = PostgresSignalStore(pool), PostgresSignalQueries(pool)
    agents = [an_agent(user_id=user_id) for _ in range(4)]
    for agent in agents:
        await PostgresAgentRepository(pool).add(agent)
    signal = await stored(store, a_draft(user_id))
    executed = a_decision(signal.id, agents[0].id, DecisionOutcome.EXECUTED, intent_id=IntentId(new_id()))
    refused = a_decision(signal.id, agents[1].id, DecisionOutcome.FAILED)
    failed_later = a_decision(signal.id, agents[2].id, DecisionOutcome.FAILED, intent_id=IntentId(new_id()))
    skipped = a_decision(signal.id, agents[3].id, DecisionOutcome.SKIPPED)
    deleted_agent = a_decision(signal.id, AgentId(new_id()), DecisionOutcome.SKIPPED)
    decisions = [executed, refused, failed_later, skipped, deleted_agent]

    await store.record_decisions(signal.id, decisions)
    row = await queries.get(signal.id, user_id)
    await store.record_decisions(
        signal.id, [replace(one, outcome=DecisionOutcome.SKIPPED) for one in decisions]
    )

    by_agent = {decision.agent_id: decision for decision in await queries.decisions(signal.id)}
    assert by_agent == {one.agent_id: one for one in decisions[:4]}
    executions = await pool.fetch(
        "SELECT agent_id, status, error FROM signal_executions WHERE signal_id = $1", signal.id
    )
    assert [tuple(row) for row in executions] == [(agents[1].id, "FAILED", "too little")]
    assert not await store.undecided()
    assert row is not None
    assert row.processed_at == T0
    assert await queries.get(signal.id, user_id) == row


@pytest.mark.parametrize(
    "knew",
    [True, False],
    ids=["the decision knows its intent", "nobody could say whether the intent was written"],
)
@pytest.mark.parametrize(
    ("status", "code", "outcome", "told"),
    [
        ("late", None, DecisionOutcome.EXECUTED, None),
        ("submitted", None, DecisionOutcome.PENDING, "SWAP_UNKNOWN"),
        ("settled", None, DecisionOutcome.EXECUTED, None),
        ("expired", None, DecisionOutcome.FAILED, "SWAP_EXPIRED"),
        ("failed", "SWAP_FAILED", DecisionOutcome.FAILED, "SWAP_FAILED"),
    ],
)
async def test_a_purchase_that_was_in_doubt_is_told_as_it_became(
    pool: Pool,
    user_id: UserId,
    status: str,
    code: str | None,
    outcome: DecisionOutcome,
    told: str | None,
    knew: bool,
) -> None:
    store, queries, agent = PostgresSignalStore(pool), PostgresSignalQueries(pool), an_agent(user_id=user_id)
    await PostgresAgentRepository(pool).add(agent)
    signal = await stored(store, a_draft(user_id))
    intent_id, transaction_id = purchase_intent_id(agent.id, signal.id), new_id()
    in_doubt = a_decision(signal.id, agent.id, DecisionOutcome.FAILED, intent_id=intent_id if knew else None)
    await store.record_decisions(signal.id, [replace(in_doubt, code="SWAP_UNKNOWN")])
    landed_late = status == "late"
    rows: list[tuple[IntentId, int | None, str, str | None]] = [
        (
            intent_id,
            int(signal.id),
            "failed" if landed_late else status,
            "SWAP_EXPIRED" if landed_late else code,
        )
    ]
    if landed_late:
        intent_id = late_intent_id(intent_id)
        rows.append((intent_id, None, "settled", None))
    for row_id, of_signal, its_status, its_code in rows:
        await pool.execute(
            """
            INSERT INTO trade_intents (id, agent_id, wallet_address, kind, token_address, token_symbol, signal_id, cause,
                                       generation, input_mint, amount_raw, reserved_raw, status, code, intent, transaction_id,
                                       updated_at)
            VALUES ($1, $2, $3, 'purchase', 'TokenAAA', 'TKN', $4, 'signal', 0, 'So1', 1, 1, $5, $6, '{}', $7, now())
            """,
            row_id,
            agent.id,
            agent.wallets[0].address,
            of_signal,
            its_status,
            its_code,
            transaction_id if its_status == "settled" else None,
        )

    (decision,) = await queries.decisions(signal.id)

    assert await queries.written_decisions(signal.id) is None, "its trade says more than was recorded"
    assert (decision.outcome, decision.code, decision.intent_id) == (outcome, told, intent_id)
    assert decision.transaction_id == (transaction_id if outcome is DecisionOutcome.EXECUTED else None)


async def test_decisions_that_the_server_writes_are_those_that_are_read(pool: Pool, user_id: UserId) -> None:
    store, queries = PostgresSignalStore(pool), PostgresSignalQueries(pool)
    agents = [an_agent(user_id=user_id) for _ in range(7)]
    for agent in agents:
        await PostgresAgentRepository(pool).add(agent)
    signal, other = (
        await stored(store, a_draft(user_id)),
        await stored(store, a_draft(user_id, token_address=TokenAddress("TokenBBB"))),
    )
    odd = 'a "quote", a \\, \n, \x7f, é, 🙂, </script>'
    kinds: list[tuple[DecisionOutcome, dict[str, Any]]] = [
        (DecisionOutcome.SKIPPED, {}),
        (DecisionOutcome.SKIPPED, {"code": None, "reason": None, "gates": (), "latency_ms": {}}),
        (
            DecisionOutcome.FAILED,
            {"reason": odd, "gates": (Gate(odd, odd, None, False),), "price_source": odd[:50]},
        ),
        (
            DecisionOutcome.FAILED,
            {"size_sol": None, "price_sol": None, "price_source": None, "price_age_ms": None},
        ),
        (DecisionOutcome.SKIPPED, {"size_sol": Decimal("0E-9"), "price_sol": Decimal("1E+3")}),
        (DecisionOutcome.SKIPPED, {"decided_at": T0 + timedelta(microseconds=999_999)}),
        (
            DecisionOutcome.EXECUTED,
            {
                "intent_id": new_id(),
                "transaction_id": new_id(),
                "position_id": new_id(),
                "size_sol": Decimal("1234567890.123456789"),
                "price_sol": Decimal("0.00000000000123456789012345678901234567890123456789"),
                "latency_ms": {"intended": 0.0000001, "quoted": 123456.789, "recorded": 3.0},
            },
        ),
    ]
    for one in (signal, other):
        await store.record_decisions(
            one.id,
            [
                a_decision(one.id, agent.id, outcome, **changes)
                for agent, (outcome, changes) in zip(agents, kinds, strict=True)
            ],
        )
    row = await queries.get(signal.id, user_id)
    assert row is not None

    items = await queries.written_decisions(signal.id)

    assert items is not None
    plain, quick = written(row, await queries.decisions(signal.id)), written(row, items)
    assert json.loads(quick) == json.loads(plain)
    assert DecisionsOut.model_validate_json(quick) == DecisionsOut.model_validate_json(plain)
    assert await queries.written_decisions(SignalId(other.id + 1)) == ""


async def test_a_signal_without_agents_is_processed_too(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)
    signal = await stored(store, a_draft(user_id))

    await store.record_decisions(signal.id, [])

    assert not await store.undecided()


async def test_signals_are_listed_by_filter_and_page(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)
    queries: SignalQueries = PostgresSignalQueries(pool)
    signals = await asyncio.gather(
        *(stored(store, a_draft(user_id, f"T{i % 3}", i // 3 + 1)) for i in range(12))
    )
    await stored(store, a_draft(await add_user(pool)))
    mine = SignalFilter(user_id=user_id)

    listed = await queries.list(mine)
    pages = [row for offset in range(0, 12, 5) for row in await queries.list(mine, limit=5, offset=offset)]
    exported: list[SignalRow] = []
    after = None
    while batch := await queries.export(mine, after=after, limit=5):
        exported += batch
        after = batch[-1].id

    assert [row.id for row in listed] == sorted((s.id for s in signals), reverse=True)
    assert pages == list(listed)
    assert [row.id for row in exported] == sorted(s.id for s in signals)
    assert len(await queries.list(replace(mine, token_address=TokenAddress("T1")))) == 4
    assert len(await queries.list(replace(mine, token_address=TokenAddress("t1")))) == 0
    assert len(await queries.list(replace(mine, signal_type="Other"))) == 0
    first = signals[0].created_at
    assert len(await queries.list(replace(mine, start_date=first))) == 12
    assert len(await queries.list(replace(mine, end_date=first - timedelta(microseconds=1)))) == 0


async def test_signals_of_many_callers_at_once_are_all_stored(pool: Pool, user_id: UserId) -> None:
    store = PostgresSignalStore(pool)

    async def caller(number: int) -> None:
        for i in range(50):
            await stored(store, a_draft(user_id, f"T{number}-{i}"))

    await asyncio.gather(*(caller(number) for number in range(16)))

    names = await pool.fetch("SELECT DISTINCT token_address FROM trading_signals")
    assert {row["token_address"] for row in names} == {f"T{n}-{i}" for n in range(16) for i in range(50)}
    assert await pool.fetchval("SELECT count(*) FROM trading_signals") == 800


async def test_undecided_signals_are_read_by_age_without_those_that_are_known(
    pool: Pool, user_id: UserId
) -> None:
    store = PostgresSignalStore(pool)
    signals = [await stored(store, a_draft(user_id, f"Token{i}")) for i in range(4)]
    await pool.execute(
        "UPDATE trading_signals SET created_at = created_at - interval '1 h' WHERE id < $1", signals[3].id
    )

    old = await store.undecided(older_than_seconds=60)
    assert [one.id for one in old] == [one.id for one in signals[:3]]
    left = await store.undecided(older_than_seconds=60, besides=[signals[0].id])
    assert [one.id for one in left] == [one.id for one in signals[1:3]]
    assert [one.id for one in await store.undecided(limit=1)] == [signals[0].id]


async def test_looking_for_undecided_signals_reads_no_others(pool: Pool, user_id: UserId) -> None:
    """It is asked every two seconds, and a table of signals grows for years."""
    await pool.execute(
        """
        INSERT INTO trading_signals (token_address, signal_type, signal_strength, user_id, created_at, updated_at, processed_at)
        SELECT 'Token' || n, 'T', 3, $1, now() - n * interval '1 min', now(), now()
        FROM generate_series(1, 20000) AS n
        """,
        user_id,
    )
    await pool.execute("ANALYZE trading_signals")
    for prepared_for_all in (False, True):
        async with pool.acquire() as connection:
            await connection.execute(
                f"SET plan_cache_mode = {'force_generic_plan' if prepared_for_all else 'force_custom_plan'}"
            )
            await connection.execute(f"PREPARE undecided (float8, int[], int, bigint) AS {UNDECIDED}")
            plan = await connection.fetchval(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE undecided (2.0, '{}', 500, -1)"
            )
            await connection.execute("DEALLOCATE undecided; RESET plan_cache_mode")
        top = json.loads(plan)[0]["Plan"]
        assert "trading_signals_unprocessed_idx" in plan, plan
        assert top["Shared Hit Blocks"] + top["Shared Read Blocks"] <= 5, plan


async def test_decisions_are_recorded_under_the_lease_only(
    database_url: str, pool: Pool, user_id: UserId
) -> None:
    """Whoever has lost it may have decided otherwise than the engine that decides now."""
    first, second = (EngineLease(database_url, owner=name, seconds=600) for name in ("first", "second"))
    store, queries = PostgresSignalStore(pool, lease=first), PostgresSignalQueries(pool)
    agent = an_agent(user_id=user_id)
    await PostgresAgentRepository(pool).add(agent)
    early, late = await stored(store, a_draft(user_id)), await stored(store, a_draft(user_id, "Other"))
    refused = [a_decision(one.id, agent.id, DecisionOutcome.FAILED) for one in (early, late)]
    try:
        await first.acquire()
        first.enable()
        await store.record_decisions(early.id, refused[:1])
        await pool.execute("UPDATE engine_lease SET expires_at = clock_timestamp()")
        assert await second.try_acquire() == 2

        with pytest.raises(NotTheEngineError):
            await store.record_decisions(late.id, refused[1:])
        assert not first.is_held
        # Now it knows.
        with pytest.raises(NotTheEngineError):
            await store.record_decisions(late.id, refused[1:])
    finally:
        await first.release()
        await second.release()

    assert len(await queries.decisions(early.id)) == 1
    assert list(await queries.decisions(late.id)) == []
    assert await pool.fetchval("SELECT count(*) FROM signal_executions") == 1
    assert list(await store.undecided()) == [late]


async def test_decisions_are_recorded_for_the_shards_of_the_row_only(
    database_url: str, pool: Pool, user_id: UserId
) -> None:
    """The row is compared, and not what the process believes: another engine may have ended it and taken them."""
    lease = EngineLease(database_url, owner="first", seconds=600, shared=True, version="1")
    store = PostgresSignalStore(pool, lease=lease)
    signal = await stored(store, a_draft(user_id))
    try:
        await lease.acquire()
        lease.enable()
        await lease.balance()
        await pool.execute("UPDATE engine_lease SET shards = 1 WHERE owner = 'first'")
        await store.record_decisions(signal.id, [], shards=1)

        with pytest.raises(NotTheEngineError):
            await store.record_decisions(signal.id, [], shards=2)
    finally:
        await lease.release()

    assert await pool.fetchval("SELECT answered FROM trading_signals WHERE id = $1", signal.id) == 1


async def test_many_decisions_are_recorded_in_several_statements(
    pool: Pool, user_id: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals_store, "MAX_DECISIONS", 3)
    store, agents = PostgresSignalStore(pool), [an_agent(user_id=user_id) for _ in range(2)]
    for agent in agents:
        await PostgresAgentRepository(pool).add(agent)
    signals = [await stored(store, a_draft(user_id, f"Token{number}")) for number in range(5)]
    groups: list[int] = []
    record = store._record

    async def counted(group: Sequence[Any]) -> None:
        groups.append(len(group))
        await record(group)

    monkeypatch.setattr(store, "_record", counted)

    await asyncio.gather(
        *(
            store.record_decisions(
                one.id, [a_decision(one.id, a.id, DecisionOutcome.SKIPPED) for a in agents]
            )
            for one in signals
        )
    )

    assert groups == [1] * 5
    assert await pool.fetchval("SELECT count(*) FROM signal_decisions") == 10


async def test_a_purchase_that_was_booked_late_into_a_position_shows_that_position(
    pool: Pool, user_id: UserId
) -> None:
    store, queries, agent = PostgresSignalStore(pool), PostgresSignalQueries(pool), an_agent(user_id=user_id)
    await PostgresAgentRepository(pool).add(agent)
    signal = await stored(store, a_draft(user_id))
    intent_id, position_id = purchase_intent_id(agent.id, signal.id), new_id()
    expired = a_decision(signal.id, agent.id, DecisionOutcome.FAILED, intent_id=intent_id)
    await store.record_decisions(signal.id, [replace(expired, code="SWAP_EXPIRED")])
    await pool.execute(
        """
        INSERT INTO trade_intents (id, agent_id, wallet_address, kind, token_address, token_symbol, cause, generation,
                                   input_mint, amount_raw, reserved_raw, status, intent, transaction_id, position_id, updated_at)
        VALUES ($1, $2, $3, 'dca_buy', 'TokenAAA', 'TKN', 'late', 0, 'So1', 1, 0, 'settled', '{}', $4, $5, now())
        """,
        late_intent_id(intent_id),
        agent.id,
        agent.wallets[0].address,
        new_id(),
        position_id,
    )

    (decision,) = await queries.decisions(signal.id)

    assert (decision.outcome, decision.position_id) == (DecisionOutcome.EXECUTED, position_id)
