"""A database with a past: what a year of trading leaves behind, through the journal's own codec and the projector's own path.

Entries are made as the engine makes them and written with COPY, which is all that is quicker than in the year itself; the tables
are written by the projector, in batches of the size it always takes. A signal with all that came of it is one transaction, so
making it can be broken off and goes on with the next signal. Only hourly snapshots, which nobody projects, are filled in by SQL,
and what the worker sums up every day is summed up once.

In a hurry (`hurry`) the journal is written ahead while the projector follows, and the rows that foreign keys refer to are looked
up once at the end. The tables are no others for it; only how fast they were made says nothing then.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID, uuid5

import asyncpg
import psutil

from benchmarks.positions import DECIMALS, bought
from nexgent.bootstrap.garbage_collection import tune_garbage_collection
from nexgent.domain.ledger.models import (
    Account,
    Entry,
    EntryBody,
    Intent,
    Posting,
    PriceEvidence,
    Recorded,
    TradeIntended,
    TradeKind,
    TradeSettled,
)
from nexgent.domain.positions.models import CloseReason, PendingExit, Position
from nexgent.domain.trading.settlement import closed_trade_id_for, position_id_for, transaction_id_for
from nexgent.domain.transactions.models import ClosedTrade, TransactionRecord, TransactionType
from nexgent.infrastructure.backup.part_archive import COLUMNS
from nexgent.infrastructure.database.journal.codec import encode_entry, to_json
from nexgent.infrastructure.database.journal.parts import keep_parts, lay_parts, part_of
from nexgent.infrastructure.database.pool import PROJECTOR, SUMS, close_pool, create_pool
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.infrastructure.database.stores.protections import keep_sums
from nexgent.shared.ids import derived_id, new_id, position_intent_id, purchase_intent_id
from nexgent.shared.money import CONTEXT, LAMPORTS_PER_SOL, SOL_MINT, from_raw, sol
from nexgent.shared.types import (
    AgentId,
    EntryId,
    SignalId,
    TokenAddress,
    TransactionId,
    WalletAddress,
)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

AGENTS = 1_000
TRADES = 1_000_000
BUYERS = 25
"""How many agents buy for one signal; the first agent buys for each, so that one history is much longer than the others."""
ENTRIES_A_TRADE = 4
YEAR = timedelta(days=365)
HELD_FOR = timedelta(minutes=9)
_CHUNK_ENTRIES = 20_000
_AHEAD_ENTRIES = 100_000
"""So much is the journal ahead of the tables in a hurry: what was written last is read from memory."""
_SNAPSHOTS_AT_ONCE = timedelta(days=30)
_SHARE = 100
_PAUSE_SECONDS = 0.1
_SAID_EVERY_SECONDS = 5.0
_NAMES = UUID("0d9f4c1e-3a52-4a1c-8a0e-51d1f3b0a7c2")
_SPENT_LAMPORTS = 50_000_000
_FEE_LAMPORTS = 105_000
_CONFIG = '{"positionCalculator": {"randomization": {"enabled": false}}}'
_COLUMNS = [name for name in COLUMNS if name not in ("id", "epoch")]
_SIGNAL_COLUMNS = (
    "id",
    "created_at",
    "updated_at",
    "token_address",
    "symbol",
    "signal_type",
    "activation_reason",
    "signal_strength",
    "source",
    "user_id",
    "processed_at",
    "duplicate_key",
)
_DECISION_COLUMNS = (
    "signal_id",
    "agent_id",
    "outcome",
    "gates",
    "intent_id",
    "size_sol",
    "price_sol",
    "price_source",
    "price_age_ms",
    "decided_at",
)
_GATES = to_json(
    [
        {"name": name, "value": "3", "limit": "1", "passed": True}
        for name in (
            "automation",
            "wallet",
            "signalStrength",
            "signalType",
            "marketCap",
            "liquidity",
            "holders",
            "cooldown",
            "positions",
            "balance",
        )
    ]
)
# What a wallet was worth at every hour, as the hourly job stores it; its value is of no interest here.
_SNAPSHOTS = """
INSERT INTO agent_balance_snapshots (id, agent_id, wallet_address, snapshot_timestamp, portfolio_balance_sol, sol_balance,
                                     positions_value_sol, unrealized_pnl_sol, updated_at)
SELECT gen_random_uuid(), w.agent_id, w.wallet_address, hour, 10000, 10000, 0, 0, hour
FROM agent_wallets w, generate_series($1::timestamptz, $2::timestamptz, interval '1 hour') AS hour
ON CONFLICT DO NOTHING
"""


# Definitions are kept for a run that goes on with what another one has begun.
_WITHOUT_KEYS = """
DO $$
DECLARE one record;
BEGIN
    IF to_regclass('past_foreign_keys') IS NULL THEN
        CREATE TABLE past_foreign_keys AS
            SELECT conrelid::regclass::text AS of_table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
            FROM pg_constraint WHERE contype = 'f' AND conparentid = 0;
        FOR one IN SELECT * FROM past_foreign_keys LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %s', one.of_table, one.name);
        END LOOP;
    END IF;
END $$
"""
_WITH_KEYS = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT * FROM past_foreign_keys LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %s %s', one.of_table, one.name, one.definition);
    END LOOP;
    DROP TABLE past_foreign_keys;
END $$
"""


@dataclass(frozen=True, slots=True)
class Past:
    """How much there is: `trades` closed trades of `agents` agents."""

    agents: int
    trades: int
    deposit_sol: int = 10_000
    age: timedelta = YEAR
    """How old the agents are. The worker values those without a past for each hour of theirs, once."""

    @classmethod
    def of_scale(cls, scale: float, *, without_trades: bool = False) -> Past:
        """Return a share of the whole, at least one agent with one trade."""
        agents = max(1, round(AGENTS * scale))
        return cls(agents, 0 if without_trades else max(agents, round(TRADES * scale)))

    @property
    def buyers(self) -> int:
        """How many agents buy for a signal."""
        return min(BUYERS, self.agents)

    @property
    def signals(self) -> int:
        """How many signals that takes."""
        return -(-self.trades // self.buyers)


@dataclass(frozen=True, slots=True)
class Made:
    """What was made now, and how long the projector took for it."""

    entries: int
    projected: int
    seconds: float
    newest_seconds_an_entry: float | None
    """Of the last part alone, which was added to the most."""
    own_cpu_seconds: float
    """Of this process, which projects."""
    server_cpu_seconds: float
    """Of PostgreSQL, in the projector's sessions."""


@dataclass(slots=True)
class _Owner:
    agent_id: AgentId
    wallet: WalletAddress
    seq: int = 0


async def make(database_url: str, past: Past, *, say: bool = True) -> Made:
    """Bring a migrated database with an administrator to a past of that size, from wherever it is."""
    # As in the worker, whose work this is.
    tune_garbage_collection()
    connection = await asyncpg.connect(database_url)
    projector = Projector(database_url)
    try:
        return await _make(database_url, connection, projector, past, say)
    finally:
        await projector.close()
        await connection.close()


async def _make(
    database_url: str, connection: Connection, projector: Projector, past: Past, say: bool
) -> Made:
    writer = await _writer(database_url, connection, past)
    projected = 0
    seconds, newest = 0.0, None
    own = server = 0.0
    async for signals in writer.write():
        started, began, before = time.perf_counter(), time.process_time(), await _sessions_cpu(connection)
        count = await projector.project_all()
        passed = time.perf_counter() - started
        own += time.process_time() - began
        server += sum(used - before.get(pid, 0.0) for pid, used in (await _sessions_cpu(connection)).items())
        projected, seconds, newest = projected + count, seconds + passed, passed / max(count, 1)
        if say:
            _say(f"{signals} of {past.signals} signals; journal → tables {count / passed:,.0f} entries/s")
    if writer.entries:
        await projector.project_all()
        await _add_snapshots(connection, past, writer.until)
        await _keep_sums(database_url)
        await connection.execute("VACUUM ANALYZE", timeout=None)
        if say:
            print(file=sys.stderr)
    return Made(writer.entries, projected, seconds, newest, own, server)


async def hurry(database_url: str, past: Past, *, leave: int = 0, say: bool = True) -> None:
    """Do as `make` does, but for the last `leave` signals, in about half the time."""
    tune_garbage_collection()
    connection = await asyncpg.connect(database_url)
    projector = Projector(database_url)
    try:
        await connection.execute(_WITHOUT_KEYS)
        writer = await _writer(database_url, connection, past)
        written, is_over = 0, False

        async def write() -> None:
            nonlocal written, is_over
            async for signals in writer.write(leave, room):
                written = signals
            is_over = True

        async def room() -> None:
            while (await projector.backlog()).entries > _AHEAD_ENTRIES:
                await asyncio.sleep(_PAUSE_SECONDS)

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            started, total = time.perf_counter(), 0
            while True:
                last = is_over
                total += (count := await projector.project_all(within_seconds=_SAID_EVERY_SECONDS))
                if count and say:
                    rate = total / (time.perf_counter() - started)
                    _say(f"{written} of {past.signals} signals; made and in the tables {rate:,.0f} entries/s")
                if last and not count:
                    break
                if not count:
                    await asyncio.sleep(_PAUSE_SECONDS)
        await _add_snapshots(connection, past, writer.until)
        await connection.execute(_WITH_KEYS, timeout=None)
        await connection.execute("VACUUM ANALYZE", timeout=None)
    finally:
        await projector.close()
        await connection.close()


def _say(line: str) -> None:
    print(f"\r{line}  ", end="", file=sys.stderr, flush=True)


async def _add_snapshots(connection: Connection, past: Past, until: datetime) -> None:
    if not past.trades:
        return
    begin = await connection.fetchval("SELECT max(snapshot_timestamp) FROM agent_balance_snapshots")
    begin = max(begin, until - YEAR) if begin is not None else until - YEAR
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    while begin <= now:
        end = min(begin + _SNAPSHOTS_AT_ONCE, now)
        await connection.execute(_SNAPSHOTS, begin, end, timeout=None)
        begin = end + timedelta(hours=1)


async def _keep_sums(database_url: str) -> None:
    """Sum up what protections know, as a worker does every day: no start finds a year in which none did."""
    pool = await create_pool(database_url, SUMS)
    try:
        await keep_sums(pool, datetime.now(UTC))
    finally:
        await close_pool(pool)


async def _writer(database_url: str, connection: Connection, past: Past) -> _Writer:
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    user_id, owners = await _owners(connection, past, until - past.age)
    done = await connection.fetchval("SELECT coalesce(max(id), 0) FROM trading_signals")
    if done:
        until = YEAR + await connection.fetchval("SELECT min(created_at) FROM agents")
    return _Writer(database_url, connection, past, until, user_id, owners, done)


class _Writer:
    """Writes signals and the journal, from the first signal that is not there on."""

    def __init__(
        self,
        database_url: str,
        connection: Connection,
        past: Past,
        until: datetime,
        user_id: UUID,
        owners: Sequence[_Owner],
        done: int,
    ) -> None:
        self._database_url = database_url
        self._connection = connection
        self._past = past
        self.until = until
        self._user_id = user_id
        self._owners = owners
        self._done = done
        self.entries = 0

    async def write(
        self, leave: int = 0, room: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncIterator[int]:
        """Write all but the last `leave` signals; yield after each part of them how many there are.

        Each part waits until there is `room`.
        """
        past = self._past
        step = max(1, _CHUNK_ENTRIES // (past.buyers * ENTRIES_A_TRADE))
        if self._done == 0 and past.trades:
            await _begin_a_year_ago(self._connection, self.until - YEAR)
        if self._done == 0:
            self.entries += await _deposits(
                self._connection, self._owners, self.until - past.age, past.deposit_sol
            )
        end = past.signals - leave
        for start in range(self._done, end, step):
            if room is not None:
                await room()
            numbers = range(start, min(start + step, end))
            await keep_parts(self._database_url, _moment(past, start, self.until))
            self.entries += await _trade(
                self._connection, past, self._owners, self._user_id, numbers, self.until
            )
            yield numbers.stop


async def _begin_a_year_ago(connection: Connection, at: datetime) -> None:
    """Give the journal the parts it would have, had it begun then."""
    if await connection.fetchval("SELECT EXISTS (SELECT FROM journal)"):
        return
    async with connection.transaction():
        await lay_parts(connection, [part_of(at).replace("journal_", "journal_before_")])


def _moment(past: Past, number: int, until: datetime) -> datetime:
    """Return when a signal came."""
    return until - YEAR + timedelta(minutes=1) + (YEAR - timedelta(hours=1)) / past.signals * number


async def _sessions_cpu(connection: Connection) -> dict[int, float]:
    """Return the CPU seconds of each of the projector's sessions, by process."""
    rows = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE application_name = $1", PROJECTOR.application_name
    )
    used = {row["pid"]: psutil.Process(row["pid"]).cpu_times() for row in rows}
    return {pid: times.user + times.system for pid, times in used.items()}


async def _owners(connection: Connection, past: Past, created_at: datetime) -> tuple[UUID, list[_Owner]]:
    """Return the administrator and the agents, which are added as long as there are none."""
    user_id: UUID = await connection.fetchval("SELECT id FROM users ORDER BY created_at LIMIT 1")
    owners = [
        _Owner(AgentId(uuid5(_NAMES, f"agent {number}")), WalletAddress("")) for number in range(past.agents)
    ]
    for owner in owners:
        owner.wallet = WalletAddress(f"sim_{owner.agent_id.hex}")
    async with connection.transaction():
        await connection.executemany(
            "INSERT INTO agents (id, user_id, name, trading_config, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING",
            [
                (one.agent_id, user_id, f"Agent {number}", _CONFIG, created_at)
                for number, one in enumerate(owners)
            ],
        )
        await connection.executemany(
            "INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at)"
            " VALUES ($1, $2, 'simulation', $3, $3) ON CONFLICT DO NOTHING",
            [(one.wallet, one.agent_id, created_at) for one in owners],
        )
    rows = await connection.fetch("SELECT wallet_address, max(seq) AS seq FROM journal GROUP BY 1")
    seqs = {row["wallet_address"]: row["seq"] for row in rows}
    for owner in owners:
        owner.seq = seqs.get(owner.wallet, 0)
    return user_id, owners


async def _deposits(connection: Connection, owners: Sequence[_Owner], at: datetime, deposit_sol: int) -> int:
    """Record a deposit of every agent that has none."""
    lamports = deposit_sol * LAMPORTS_PER_SOL
    entries = []
    for owner in owners:
        if owner.seq:
            continue
        record = TransactionRecord(
            id=TransactionId(new_id()),
            agent_id=owner.agent_id,
            wallet_address=owner.wallet,
            type=TransactionType.DEPOSIT,
            value_usd=Decimal(0),
            time=at,
            input_mint=SOL_MINT,
            input_symbol="SOL",
            input_amount=sol(lamports),
            input_price=Decimal(1),
        )
        entries.append(
            _entry(
                owner,
                at,
                Recorded(record),
                (Account.WALLET, SOL_MINT, lamports),
                (Account.EXTERNAL, SOL_MINT, -lamports),
            )
        )
    await _write(connection, entries)
    return len(entries)


async def _trade(
    connection: Connection,
    past: Past,
    owners: Sequence[_Owner],
    user_id: UUID,
    numbers: Sequence[int],
    until: datetime,
) -> int:
    """Write some signals with everything that came of them, in one transaction."""
    signals, decisions, entries = [], [], []
    for number in numbers:
        at = _moment(past, number, until)
        signal_id, token = SignalId(number + 1), TokenAddress(f"Past{number:040d}")
        signals.append(
            (
                signal_id,
                at,
                at,
                token,
                _symbol(token),
                f"TYPE {number % 5}",
                "because",
                3,
                "past",
                user_id,
                at,
                derived_id(number).hex,
            )
        )
        buyers = _buyers(past, owners, number)
        purchases = [_buy(owner, signal_id, token, at) for owner in buyers]
        entries += [intended for intended, _ in purchases] + [settled for _, settled in purchases]
        decisions += [_decision(signal_id, intended) for intended, _ in purchases]
        sold = [_sell(owner, settled, number) for owner, (_, settled) in zip(buyers, purchases, strict=True)]
        entries += [intended for intended, _ in sold] + [settled for _, settled in sold]
        # In a hurry the projector is at it meanwhile.
        await asyncio.sleep(0)
    async with connection.transaction():
        await connection.copy_records_to_table("trading_signals", records=signals, columns=_SIGNAL_COLUMNS)
        await connection.execute("SELECT setval('trading_signals_id_seq', $1)", numbers[-1] + 1)
        await connection.copy_records_to_table(
            "signal_decisions", records=decisions, columns=_DECISION_COLUMNS
        )
        await _write(connection, entries)
    return len(entries)


def _buyers(past: Past, owners: Sequence[_Owner], number: int) -> list[_Owner]:
    others = past.buyers - 1
    chosen = [owners[0]]
    chosen += [owners[1 + (number * others + place) % (past.agents - 1)] for place in range(others)]
    return chosen


def _decision(signal_id: SignalId, intended: Entry) -> tuple[object, ...]:
    assert isinstance(intended.body, TradeIntended)
    intent = intended.body.intent
    return (
        signal_id,
        intent.agent_id,
        "EXECUTED",
        _GATES,
        intent.id,
        sol(intent.amount_raw),
        _price(),
        "dexscreener",
        12,
        intended.at,
    )


def _symbol(token: TokenAddress) -> str:
    return f"P{int(token[-4:]) % 1000}"


def _price() -> Decimal:
    return Decimal("0.0001")


def _buy(owner: _Owner, signal_id: SignalId, token: TokenAddress, at: datetime) -> tuple[Entry, Entry]:
    quantity_raw = 499_000_000
    intent = _intent(
        owner,
        token,
        at,
        kind=TradeKind.PURCHASE,
        amount_raw=_SPENT_LAMPORTS,
        reserved_raw=_SPENT_LAMPORTS + _FEE_LAMPORTS,
        signal_id=signal_id,
    )
    intended = _entry(owner, at, TradeIntended(intent))
    record = _swap(intent, at, (SOL_MINT, _SPENT_LAMPORTS), (token, quantity_raw), signal_id)
    position_id = position_id_for(intent)
    spent = _SPENT_LAMPORTS + _FEE_LAMPORTS
    position = bought(
        position_id,
        owner.agent_id,
        owner.wallet,
        token,
        symbol=_symbol(token),
        transaction_id=record.id,
        price_sol=_price(),
        quantity_raw=quantity_raw,
        cost_lamports=spent,
        at=at,
        signal_id=signal_id,
    )
    settled = _entry(
        owner,
        at + timedelta(milliseconds=5),
        TradeSettled(intent.id, record, position_id, position, None, None),
        (Account.WALLET, SOL_MINT, -spent),
        (Account.MARKET, SOL_MINT, _SPENT_LAMPORTS),
        (Account.NETWORK_FEE, SOL_MINT, _FEE_LAMPORTS),
        (Account.WALLET, token, quantity_raw),
        (Account.MARKET, token, -quantity_raw),
    )
    return intended, settled


def _sell(owner: _Owner, purchase: Entry, number: int) -> tuple[Entry, Entry]:
    assert isinstance(purchase.body, TradeSettled)
    position = purchase.body.position
    assert position is not None
    at, token = purchase.at + HELD_FOR, position.token_address
    intent = _intent(
        owner,
        token,
        at,
        kind=TradeKind.SALE,
        amount_raw=position.quantity_raw,
        reserved_raw=position.quantity_raw,
        position=position,
    )
    leaving = replace(
        position,
        version=2,
        operations=1,
        pending_exit=PendingExit(CloseReason.STOP_LOSS, 1, at),
        updated_at=at,
    )
    intended = _entry(owner, at, TradeIntended(intent, leaving))
    change = random.Random(f"{number} {owner.agent_id}").uniform(-0.30, 0.31)
    received = int(_SPENT_LAMPORTS * (1 + change))
    record = _swap(intent, at, (token, position.quantity_raw), (SOL_MINT, received), None)
    profit = received - position.cost_basis_lamports
    closed = ClosedTrade(
        id=closed_trade_id_for(position),
        position_id=position.id,
        agent_id=owner.agent_id,
        wallet_address=owner.wallet,
        token_address=token,
        token_symbol=_symbol(token),
        amount=position.quantity,
        purchase_price=position.entry_price_sol,
        sale_price=CONTEXT.divide(sol(received), position.quantity),
        change_percent=Decimal(f"{change * 100:.4f}"),
        profit_loss_usd=CONTEXT.multiply(sol(profit), Decimal(150)),
        profit_loss_sol=sol(profit),
        purchase_time=position.opened_at,
        sale_time=at,
        purchase_transaction_id=position.purchase_transaction_id,
        sale_transaction_id=record.id,
        signal_id=position.signal_id,
        close_reason=CloseReason.STOP_LOSS,
    )
    settled = _entry(
        owner,
        at + timedelta(milliseconds=5),
        TradeSettled(intent.id, record, position.id, None, closed, CloseReason.STOP_LOSS),
        (Account.WALLET, token, -position.quantity_raw),
        (Account.MARKET, token, position.quantity_raw),
        (Account.WALLET, SOL_MINT, received),
        (Account.MARKET, SOL_MINT, -received),
    )
    return intended, settled


def _intent(
    owner: _Owner,
    token: TokenAddress,
    at: datetime,
    *,
    kind: TradeKind,
    amount_raw: int,
    reserved_raw: int,
    signal_id: SignalId | None = None,
    position: Position | None = None,
) -> Intent:
    cause = "signal" if position is None else CloseReason.STOP_LOSS.value
    if position is None:
        assert signal_id is not None
        intent_id = purchase_intent_id(owner.agent_id, signal_id)
    else:
        intent_id = position_intent_id(position.id, cause, position.operations)
    return Intent(
        id=intent_id,
        kind=kind,
        agent_id=owner.agent_id,
        wallet_address=owner.wallet,
        token_address=token,
        token_symbol=_symbol(token),
        input_mint=SOL_MINT if position is None else token,
        amount_raw=amount_raw,
        reserved_raw=reserved_raw,
        cause=cause,
        signal_id=signal_id,
        position_id=position.id if position is not None else None,
        generation=position.operations if position is not None else 0,
        created_at=at,
        evidence=PriceEvidence(price_sol=_price(), source="dexscreener", age_ms=12),
    )


def _swap(
    intent: Intent,
    at: datetime,
    given: tuple[TokenAddress, int],
    taken: tuple[TokenAddress, int],
    signal_id: SignalId | None,
) -> TransactionRecord:
    def leg(mint: TokenAddress, raw: int) -> tuple[str, Decimal, Decimal]:
        if mint == SOL_MINT:
            return "SOL", sol(raw), Decimal(1)
        return _symbol(mint), from_raw(raw, DECIMALS), _price()

    (in_symbol, in_amount, in_price), (out_symbol, out_amount, out_price) = leg(*given), leg(*taken)
    return TransactionRecord(
        id=transaction_id_for(intent),
        agent_id=intent.agent_id,
        wallet_address=intent.wallet_address,
        type=TransactionType.SWAP,
        value_usd=Decimal("7.50"),
        time=at,
        input_mint=given[0],
        input_symbol=in_symbol,
        input_amount=in_amount,
        input_price=in_price,
        output_mint=taken[0],
        output_symbol=out_symbol,
        output_amount=out_amount,
        output_price=out_price,
        signal_id=signal_id,
        fees=sol(_FEE_LAMPORTS),
        slippage=Decimal("0.5"),
        price_impact=Decimal("0.12"),
        routes_json='[{"swapInfo": {"label": "Raydium CLMM", "ammKey": "Past"}, "percent": 100}]',
        swap_payload_json='{"inAmount": "50000000", "outAmount": "499000000", "slippageBps": 50, "swapMode": "ExactIn"}',
        protocol_fee_sol=Decimal(0),
        network_fee_sol=sol(_FEE_LAMPORTS),
    )


def _entry(owner: _Owner, at: datetime, body: EntryBody, *legs: tuple[Account, TokenAddress, int]) -> Entry:
    owner.seq += 1
    postings = tuple(
        Posting(account, mint, raw, "SOL", 9)
        if mint == SOL_MINT
        else Posting(account, mint, raw, _symbol(mint), DECIMALS)
        for account, mint, raw in legs
    )
    return Entry(
        id=EntryId(new_id()),
        wallet_address=owner.wallet,
        agent_id=owner.agent_id,
        seq=owner.seq,
        at=at,
        body=body,
        postings=postings,
    )


async def _write(connection: Connection, entries: Sequence[Entry]) -> None:
    lines = []
    for start in range(0, len(entries), _SHARE):
        lines += [encode_entry(entry) for entry in entries[start : start + _SHARE]]
        await asyncio.sleep(0)
    await connection.copy_records_to_table("journal", records=lines, columns=_COLUMNS)
