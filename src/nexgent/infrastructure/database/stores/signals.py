"""Signals in PostgreSQL. Concurrent additions share one transaction, so a burst costs one flush to disk."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.signals.models import (
    DecisionOutcome,
    Signal,
    SignalAction,
    SignalDecision,
    SignalDraft,
    WhatRepeats,
    what_repeats,
)
from nexgent.infrastructure.database.connection import DatabaseUnavailableError, translated_errors
from nexgent.infrastructure.database.journal.codec import to_json
from nexgent.infrastructure.database.lease import EngineLease, signed, unsigned
from nexgent.infrastructure.database.pool import CALLERS_TIMEOUT
from nexgent.infrastructure.database.stores.signal_rows import read_signal
from nexgent.shared.errors import NotFoundError
from nexgent.shared.ids import derived_id
from nexgent.shared.loops import TaskSet
from nexgent.shared.money import plain
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS
from nexgent.shared.types import SignalId

MAX_GROUP = 500
MAX_DECISIONS = 4_000
TIMEOUT_SECONDS = 10.0
DECISION_PAUSE_SECONDS = 0.04

# One round trip: the function (see the migrations) takes turns with those of other processes, leaves out what was sent a
# moment ago, and commits.
_ADD = """
SELECT id, user_id, token_address, symbol, signal_type, activation_reason, signal_strength, source, created_at, updated_at,
       action, percent
FROM add_trading_signals($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

# Asked every few seconds: the index of unprocessed signals holds only those, in this order.
UNDECIDED = """
SELECT id, user_id, token_address, symbol, signal_type, activation_reason, signal_strength, source, created_at, updated_at,
       action, percent
FROM trading_signals
WHERE processed_at IS NULL AND answered & $4 <> $4
  AND created_at <= clock_timestamp() - make_interval(secs => $1) AND NOT id = ANY($2::int[])
ORDER BY id LIMIT $3
"""

_ANSWERED = "SELECT id, answered FROM trading_signals WHERE id = ANY($1) AND processed_at IS NULL"

# One statement, so that nothing is left half done by a process that stands still in between, and that holds no locks then. As
# with the journal, the lease is compared under its row's lock: whoever has lost it says nothing of a signal that another engine
# may be deciding on. Agents and signals that were deleted meanwhile have no decision any more.
_RECORD = """
WITH lease AS MATERIALIZED (
    SELECT held.expires_at FROM engine_lease AS held
    WHERE held.id = $1 AND held.epoch = $2 AND held.shards & $12 = $12 FOR SHARE OF held
),
open AS MATERIALIZED (SELECT WHERE $2::bigint = 0 OR (SELECT expires_at FROM lease) > clock_timestamp()),
decided AS (
    INSERT INTO signal_decisions (signal_id, agent_id, outcome, code, reason, gates, intent_id, transaction_id, position_id,
                                  size_sol, price_sol, price_source, price_age_ms, latency, decided_at)
    SELECT d.*
    FROM open, json_to_recordset($3) AS d (
        signal_id int, agent_id uuid, outcome text, code text, reason text, gates jsonb, intent_id uuid, transaction_id uuid,
        position_id uuid, size_sol numeric, price_sol numeric, price_source text, price_age_ms int, latency_ms jsonb,
        decided_at timestamptz)
    JOIN agents a ON a.id = d.agent_id JOIN trading_signals s ON s.id = d.signal_id
    ON CONFLICT DO NOTHING
),
executed AS (
    INSERT INTO signal_executions (id, signal_id, agent_id, status, error, executed_at)
    SELECT d.id, s.id, d.agent_id, 'FAILED', d.error, d.executed_at
    FROM open, unnest($4::int[], $5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[])
      AS d (signal_id, id, agent_id, error, executed_at)
    JOIN agents a ON a.id = d.agent_id JOIN trading_signals s ON s.id = d.signal_id
    ON CONFLICT DO NOTHING
),
-- Engines that share the work change the same rows; in one order, they wait for each other and not for ever.
locked AS MATERIALIZED (
    SELECT s.id FROM trading_signals s WHERE $12 <> -1 AND s.id = ANY($9) ORDER BY s.id FOR NO KEY UPDATE
),
finished AS (
    UPDATE trading_signals s SET
        answered = s.answered | d.answered,
        processed_at = CASE WHEN s.answered | d.answered = -1 THEN COALESCE(d.processed_at, statement_timestamp()) END
    FROM open, unnest($9::int[], $10::timestamptz[], $11::bigint[]) AS d (id, processed_at, answered)
    WHERE s.id = d.id AND s.processed_at IS NULL AND (SELECT count(*) FROM locked) >= 0
)
SELECT EXISTS (SELECT FROM open)
"""


class SignalUserNotFoundError(NotFoundError):
    """The signal's user was deleted meanwhile."""

    code = "USER_NOT_FOUND"


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    draft: SignalDraft
    window_seconds: int
    outcome: asyncio.Future[Signal | None]

    @property
    def key(self) -> WhatRepeats:
        return what_repeats(self.draft)


@dataclass(frozen=True, slots=True, eq=False)
class _Decided:
    signal_id: SignalId
    decisions: Sequence[SignalDecision]
    shards: int
    outcome: asyncio.Future[None]


class PostgresSignalStore:
    """Implements `SignalStore`. All methods raise `UnavailableError` when the database cannot be reached.

    With a `lease`, decisions are recorded by the process that holds it only. Without one nothing is compared: tools and tests.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, lease: EngineLease | None = None) -> None:
        self._pool = pool
        self._lease = lease
        self._waiting: list[_Waiting] = []
        self._adding = False
        self._decided: list[_Decided] = []
        self._recording = False
        self._tasks = TaskSet("signals")

    async def add(self, draft: SignalDraft, *, duplicate_window_seconds: int) -> Signal | None:
        """Store a signal, or return None when the same user sent the same token, type and strength within the window.

        Calls that arrive while a transaction is under way form the next one together. Cancelling the caller does not
        take back what is already under way. Raises `SignalUserNotFoundError` when the user is gone.
        """
        waiting = _Waiting(draft, duplicate_window_seconds, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if not self._adding:
            self._adding = True
            self._tasks.start(self._add_waiting(), name="signals.add")
        return await waiting.outcome

    async def undecided(
        self,
        *,
        older_than_seconds: float = 0.0,
        besides: Collection[SignalId] = (),
        limit: int = 500,
        shards: int = ALL_SHARDS,
    ) -> Sequence[Signal]:
        """Return stored signals that were not decided on for each of the shards, oldest first, besides some that are known.

        Their age is told by the server's clock, as `created_at` is.
        """
        with translated_errors("read the signals"):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                rows = await self._pool.fetch(
                    UNDECIDED, older_than_seconds, list(besides), limit, signed(shards)
                )
        return [read_signal(row) for row in rows]

    async def unanswered(self, signal_ids: Collection[SignalId]) -> dict[SignalId, int]:
        """Return the shards that have not decided on each of these signals; those that are processed or gone are left out."""
        with translated_errors("read the signals"):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                rows = await self._pool.fetch(_ANSWERED, list(signal_ids))
        return {SignalId(row["id"]): ALL_SHARDS & ~unsigned(row["answered"]) for row in rows}

    async def record_decisions(
        self, signal_id: SignalId, decisions: Sequence[SignalDecision], *, shards: int = ALL_SHARDS
    ) -> None:
        """Store the decisions of all agents of these shards, in one transaction; the last ones mark the signal processed.

        Repeating it changes nothing. An eligible agent that was refused before it had an intent also gets its execution row
        here; those of agents with an intent are written when the journal is projected. Raises `NotTheEngineError` when this
        process has lost the lease; nothing was written then.
        """
        if self._lease is not None and self._lease.epoch and shards & ~self._lease.shards:
            raise self._lease.refusal()
        decided = _Decided(signal_id, decisions, shards, asyncio.get_running_loop().create_future())
        self._decided.append(decided)
        if not self._recording:
            self._recording = True
            self._tasks.start(self._record_decided(), name="signals.decisions")
        await decided.outcome

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for additions under way; return how many groups had to be given up."""
        return await self._tasks.drain(timeout_seconds)

    async def _record_decided(self) -> None:
        """Write decisions in groups: nobody waits for them, so a moment is spent on letting more join."""
        try:
            while self._decided:
                await asyncio.sleep(DECISION_PAUSE_SECONDS)
                await self._record_group(self._next_group())
        finally:
            self._recording = False
            for decided in self._decided:
                _fail(decided, DatabaseUnavailableError("The decisions could not be stored; try again"))
            self._decided.clear()

    def _next_group(self) -> Sequence[_Decided]:
        """Take out what is written next: the lease cannot be renewed meanwhile, so it must not take long."""
        size = decisions = 0
        signals: set[SignalId] = set()
        for decided in self._decided[:MAX_GROUP]:
            decisions += len(decided.decisions)
            # A row can be changed once in a statement: what other shards say of the same signal comes next.
            if size and (decisions > MAX_DECISIONS or decided.signal_id in signals):
                break
            signals.add(decided.signal_id)
            size += 1
        group, self._decided = self._decided[:size], self._decided[size:]
        return group

    async def _record_group(self, group: Sequence[_Decided]) -> None:
        try:
            with translated_errors("record decisions"):
                try:
                    await self._record(group)
                except asyncpg.ForeignKeyViolationError:
                    # An agent was deleted between the check and the insert; it is not seen the second time.
                    await self._record(group)
        except Exception as error:
            if len(group) > 1 and isinstance(error, asyncpg.PostgresError):
                # One of them is refused by the database; it must not take the others with it.
                for decided in group:
                    await self._record_group([decided])
                return
            for decided in group:
                _fail(decided, error)
            return
        for decided in group:
            if not decided.outcome.done():
                decided.outcome.set_result(None)

    async def _record(self, group: Sequence[_Decided]) -> None:
        decisions = [decision for decided in group for decision in decided.decisions]
        refused = [d for d in decisions if d.outcome is DecisionOutcome.FAILED and d.intent_id is None]
        last = [max((d.decided_at for d in one.decisions), default=None) for one in group]
        epoch = self._lease.epoch if self._lease is not None else 0
        shards = NO_SHARDS
        for one in group:
            shards |= one.shards
        if self._lease is not None and (not epoch or shards & ~self._lease.shards):
            raise self._lease.refusal()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            is_recorded = await self._pool.fetchval(
                _RECORD,
                self._lease.row if self._lease is not None else 0,
                epoch,
                to_json(decisions),
                [d.signal_id for d in refused],
                [derived_id("execution", d.signal_id, d.agent_id) for d in refused],
                [d.agent_id for d in refused],
                [d.reason or d.code for d in refused],
                [d.decided_at for d in refused],
                [one.signal_id for one in group],
                last,
                [signed(one.shards) for one in group],
                signed(shards),
            )
        if not is_recorded:
            if self._lease is not None:
                self._lease.refused(epoch)
            raise NotTheEngineError

    async def _add_waiting(self) -> None:
        try:
            while self._waiting:
                # Requests that became ready in this round of the loop still join.
                await asyncio.sleep(0)
                group = [waiting for waiting in self._waiting[:MAX_GROUP] if not waiting.outcome.done()]
                del self._waiting[:MAX_GROUP]
                if group:
                    await self._add_group(group)
        finally:
            self._adding = False
            for waiting in self._waiting:
                _fail(waiting, DatabaseUnavailableError("The signal could not be stored; try again"))
            self._waiting.clear()

    async def _add_group(self, group: Sequence[_Waiting]) -> None:
        try:
            with translated_errors("store a signal"):
                await self._insert(group)
        except asyncpg.PostgresError as error:
            if len(group) == 1:
                _fail(group[0], _described(error))
                return
            # One of them is refused by the database; it must not take the others with it.
            for waiting in group:
                await self._add_group([waiting])
        except BaseException as error:
            for waiting in group:
                _fail(
                    waiting,
                    error
                    if isinstance(error, Exception)
                    else DatabaseUnavailableError("The signal could not be stored; try again"),
                )
            if not isinstance(error, Exception):
                raise

    async def _insert(self, group: Sequence[_Waiting]) -> None:
        first: dict[WhatRepeats, _Waiting] = {}
        for waiting in group:
            first.setdefault(waiting.key, waiting)
        arguments = _columns(list(first.values()))
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            self._pool.acquire(timeout=CALLERS_TIMEOUT) as connection,
        ):
            rows = await connection.fetch(_ADD, *arguments)
            stored = {what_repeats(signal): signal for signal in map(read_signal, rows) if signal.user_id}
            # Told while the connection is still held: to give it back takes turns of the event loop.
            for waiting in group:
                if not waiting.outcome.done():
                    mine = first[waiting.key] is waiting
                    waiting.outcome.set_result(stored.get(waiting.key) if mine else None)


def _columns(drafts: Sequence[_Waiting]) -> list[list[object]]:
    """Return what the statement takes, a list a column."""
    lines = (
        (
            one.draft.user_id,
            one.draft.token_address,
            one.draft.symbol,
            one.draft.signal_type,
            one.draft.activation_reason,
            one.draft.signal_strength,
            one.draft.source,
            one.window_seconds,
            _duplicate_key(one.key),
            one.draft.action.value,
            one.draft.percent,
        )
        for one in drafts
    )
    return [list(column) for column in zip(*lines, strict=True)]


def _duplicate_key(key: WhatRepeats) -> str:
    """Return what a repeated signal has in common with its first: to buy, what it was before there was anything else."""
    *what, action, percent = key
    parts = [str(part) for part in what]
    if action is not SignalAction.BUY:
        parts += [action.value, plain(percent) if percent is not None else ""]
    return hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


def _fail(waiting: _Waiting | _Decided, error: Exception) -> None:
    if not waiting.outcome.done():
        waiting.outcome.set_exception(error)


def _described(error: asyncpg.PostgresError) -> Exception:
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return SignalUserNotFoundError("The signal's user does not exist any more")
    return error
