"""Write the changes of a batch with one statement per table.

Rows that are new are copied into their table. Rows that change others travel as one JSON array per statement and PostgreSQL turns
them into typed rows itself: with two dozen columns that is several times faster than one array per column. Either way every
value, decimals included, arrives exactly.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from nexgent.infrastructure.database.journal.codec import to_json
from nexgent.infrastructure.database.projection.rows import (
    Changes,
    ClosedTradeRow,
    IntentRow,
    IntentUpdate,
    PositionRow,
    TransactionRow,
)
from nexgent.shared.types import AgentId, WalletAddress

# The driver's classes are generic for type checkers only.
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

_Row: TypeAlias = TransactionRow | ClosedTradeRow | IntentRow | IntentUpdate
_NewRow: TypeAlias = TransactionRow | ClosedTradeRow | IntentRow

_encoder = msgspec.json.Encoder()
# Escapes of JSON that CSV does not know. To look for any of them is far faster than to replace what is nearly never there; it
# finds a backslash of the text before such a letter as well.
_RARE = re.compile(rb"\\[bfnrtu]")
_SHORT = {b"\\b": b"\b", b"\\f": b"\f", b"\\n": b"\n", b"\\r": b"\r", b"\\t": b"\t"}
_CODE = re.compile(rb"\\u00([0-9a-fA-F]{2})")
# Stands for an escaped backslash meanwhile. JSON has no such byte.
_BACKSLASH = b"\0"

_RESET = (
    """
    DELETE FROM position_marks WHERE position_id IN (SELECT id FROM agent_positions WHERE wallet_address = ANY($1))
    """,
    "DELETE FROM agent_positions WHERE wallet_address = ANY($1)",
    "DELETE FROM agent_historical_swaps WHERE wallet_address = ANY($1)",
    "DELETE FROM agent_balances WHERE wallet_address = ANY($1)",
    "DELETE FROM agent_transactions WHERE wallet_address = ANY($1)",
)
# No entry tells these, so nobody could write them anew.
_RESET_FIGURES = (
    "DELETE FROM agent_balance_snapshots WHERE wallet_address = ANY($1)",
    "DELETE FROM wallet_reconciliations WHERE wallet_address = ANY($1)",
)
_VACATE = (_RESET[0], _RESET[1], _RESET[3])
_CLOSE = (
    "DELETE FROM position_marks WHERE position_id = ANY($1)",
    "DELETE FROM agent_positions WHERE id = ANY($1)",
)
_REMOVE_BALANCES = """
DELETE FROM agent_balances WHERE (wallet_address, token_address) IN (SELECT * FROM unnest($1::text[], $2::text[]))
"""
# Closed trades first: they refer to transactions.
_REMOVE_CLOSED_TRADES = "DELETE FROM agent_historical_swaps WHERE id = ANY($1)"
_REMOVE_TRANSACTIONS = "DELETE FROM agent_transactions WHERE id = ANY($1)"

# What is deleted meanwhile leaves only its reference behind: a signal, or a transaction somebody removed.
_TRANSACTIONS = """
INSERT INTO agent_transactions ({columns})
SELECT {values} FROM json_populate_recordset(NULL::agent_transactions, $1::json) r
ON CONFLICT (id) DO UPDATE SET {updates}
"""
_TRANSACTION_EDITS = """
UPDATE agent_transactions t SET {updates}
FROM json_populate_recordset(NULL::agent_transactions, $1::json) r
WHERE t.id = r.id
"""
_CLOSED_TRADES = """
INSERT INTO agent_historical_swaps ({columns})
SELECT {values} FROM json_populate_recordset(NULL::agent_historical_swaps, $1::json) r
LEFT JOIN agent_transactions p ON p.id = r.purchase_transaction_id
LEFT JOIN agent_transactions s ON s.id = r.sale_transaction_id
ON CONFLICT (id) DO UPDATE SET {updates}
"""
_CLOSED_TRADE_EDITS = """
UPDATE agent_historical_swaps t SET {updates}
FROM json_populate_recordset(NULL::agent_historical_swaps, $1::json) r
LEFT JOIN agent_transactions p ON p.id = r.purchase_transaction_id
LEFT JOIN agent_transactions s ON s.id = r.sale_transaction_id
WHERE t.id = r.id
"""
# Peak, stop and low of a row start anew only when a trade based the mark anew.
_POSITIONS = """
INSERT INTO agent_positions ({columns})
SELECT {columns} FROM json_populate_recordset(NULL::agent_positions, $1::json)
ON CONFLICT (id) DO UPDATE SET {updates}
"""
# The sum is taken in the select, because a check constraint judges the inserted row before the conflict is noticed.
_BALANCES = """
INSERT INTO agent_balances
    (id, agent_id, wallet_address, token_address, token_symbol, balance, last_updated, balance_raw, decimals)
SELECT r.id, r.agent_id, r.wallet_address, r.token_address, coalesce(r.new_symbol, b.token_symbol, r.token_symbol),
       trim_scale((coalesce(b.balance_raw, 0) + r.delta_raw) * ('1e-' || r.decimals)::numeric)::text,
       r.last_updated, coalesce(b.balance_raw, 0) + r.delta_raw, r.decimals
FROM json_to_recordset($1::json) AS r(
    id uuid, agent_id uuid, wallet_address text, token_address text, token_symbol text, decimals smallint,
    delta_raw numeric, last_updated timestamptz, new_symbol text)
LEFT JOIN agent_balances b ON b.wallet_address = r.wallet_address AND b.token_address = r.token_address
ON CONFLICT (wallet_address, token_address) DO UPDATE SET
    token_symbol = excluded.token_symbol, balance = excluded.balance, balance_raw = excluded.balance_raw,
    decimals = excluded.decimals, last_updated = excluded.last_updated
"""
_INTENTS = """
INSERT INTO trade_intents ({columns})
SELECT {columns} FROM json_populate_recordset(NULL::trade_intents, $1::json)
ON CONFLICT (id) DO UPDATE SET {updates}
"""
_INTENT_UPDATES = """
UPDATE trade_intents i SET
    status = r.status, updated_at = r.updated_at, code = r.code, reason = r.reason,
    submission = coalesce(r.submission, i.submission), transaction_id = r.transaction_id
FROM json_populate_recordset(NULL::trade_intents, $1::json) r
WHERE i.id = r.id
"""
# A purchase for a signal is also the execution row of the contract; its id is the intent's. So is a sale that a signal asked
# for: of several attempts the one that sold, or the last.
_EXECUTIONS = """
WITH told AS (
    SELECT DISTINCT ON (asked_by, i.agent_id)
           CASE WHEN i.position_id IS NULL THEN i.signal_id ELSE i.sell_signal_id END AS asked_by,
           i.agent_id, i.id, i.status, i.transaction_id, i.reason, i.updated_at
    FROM trade_intents i
    WHERE i.id = ANY($1) AND (i.position_id IS NULL OR i.sell_signal_id IS NOT NULL)
    ORDER BY asked_by, i.agent_id, i.status = 'settled' DESC, i.generation DESC
)
INSERT INTO signal_executions (id, signal_id, agent_id, status, transaction_id, error, executed_at)
SELECT i.id, s.id, i.agent_id,
       CASE i.status WHEN 'settled' THEN 'EXECUTED' WHEN 'failed' THEN 'FAILED' WHEN 'expired' THEN 'FAILED'
            ELSE 'PENDING' END,
       t.id, i.reason, i.updated_at
FROM told i
JOIN trading_signals s ON s.id = i.asked_by
LEFT JOIN agent_transactions t ON t.id = i.transaction_id
ORDER BY i.id
FOR KEY SHARE OF s
ON CONFLICT (signal_id, agent_id) DO UPDATE SET
    status = excluded.status, transaction_id = excluded.transaction_id, error = excluded.error,
    executed_at = excluded.executed_at
WHERE signal_executions.status <> 'EXECUTED' OR excluded.status = 'EXECUTED'
"""
_STREAMS = """
INSERT INTO journal_streams (wallet_address, agent_id, seq)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[])
ON CONFLICT (wallet_address) DO UPDATE SET agent_id = excluded.agent_id, seq = excluded.seq
"""

# The columns of the tables, from the types that stand for their rows: the tables' own definitions load SQLAlchemy, which only
# migrations need.
_TRANSACTION_COLUMNS = TransactionRow.__struct_fields__
_CLOSED_TRADE_COLUMNS = ClosedTradeRow.__struct_fields__
_POSITION_COLUMNS = [field.name for field in fields(PositionRow)]
_INTENT_COLUMNS = IntentRow.__struct_fields__
_DOCUMENTS = ("routes", "swap_payload", "intent", "submission")
_OF_BASE_MARK = frozenset(
    {"peak_price", "lowest_price", "current_stop_loss_percentage", "last_stop_loss_update"}
)

# What a row keeps for good. A wallet that was replaced has left its rows; they stay without an address.
_KEPT = frozenset({"id", "agent_id", "wallet_address", "created_at"})
_TRADE_REFERENCES = {"purchase_transaction_id": "p.id", "sale_transaction_id": "s.id"}


def _list(names: Iterable[str], prefix: str = "", replaced: dict[str, str] | None = None) -> str:
    return ", ".join((replaced or {}).get(name, prefix + name) for name in names)


def _position_update(name: str) -> str:
    if name in _OF_BASE_MARK:
        return (
            f"{name} = CASE WHEN excluded.base_version > agent_positions.base_version"
            f" THEN excluded.{name} ELSE agent_positions.{name} END"
        )
    return f"{name} = excluded.{name}"


def _updates(names: Iterable[str], source: str, replaced: dict[str, str] | None = None) -> str:
    return ", ".join(
        f"{name} = {(replaced or {}).get(name, source + name)}" for name in names if name not in _KEPT
    )


_WRITE_TRANSACTIONS = _TRANSACTIONS.format(
    columns=_list(_TRANSACTION_COLUMNS),
    values=_list(_TRANSACTION_COLUMNS, "r."),
    updates=_updates(_TRANSACTION_COLUMNS, "excluded."),
)
_EDIT_TRANSACTIONS = _TRANSACTION_EDITS.format(updates=_updates(_TRANSACTION_COLUMNS, "r."))
_WRITE_CLOSED_TRADES = _CLOSED_TRADES.format(
    columns=_list(_CLOSED_TRADE_COLUMNS),
    values=_list(_CLOSED_TRADE_COLUMNS, "r.", _TRADE_REFERENCES),
    updates=_updates(_CLOSED_TRADE_COLUMNS, "excluded."),
)
_EDIT_CLOSED_TRADES = _CLOSED_TRADE_EDITS.format(
    updates=_updates(_CLOSED_TRADE_COLUMNS, "r.", _TRADE_REFERENCES)
)
_WRITE_POSITIONS = _POSITIONS.format(
    columns=_list(_POSITION_COLUMNS),
    updates=", ".join(
        _position_update(name) for name in _POSITION_COLUMNS if name not in {"id", "created_at"}
    ),
)
_WRITE_INTENTS = _INTENTS.format(
    columns=_list(_INTENT_COLUMNS),
    updates=", ".join(
        f"{name} = excluded.{name}" for name in _INTENT_COLUMNS if name not in {"id", "created_at"}
    ),
)


async def lock_owners(
    connection: Connection, owners: Collection[tuple[WalletAddress, AgentId]]
) -> set[tuple[WalletAddress, AgentId]]:
    """Return those (wallet, agent) pairs that exist, and keep them from being deleted until the transaction ends.

    Agents before wallets, each in order of their keys: the order in which a deletion cascades, so that neither waits for
    the other in a circle.
    """
    await connection.fetch(
        "SELECT 1 FROM agents WHERE id = ANY($1) ORDER BY id FOR KEY SHARE",
        list({agent for _, agent in owners}),
    )
    rows = await connection.fetch(
        "SELECT wallet_address, agent_id FROM agent_wallets WHERE wallet_address = ANY($1) ORDER BY 1 FOR KEY SHARE",
        list({wallet for wallet, _ in owners}),
    )
    existing = {(row["wallet_address"], row["agent_id"]) for row in rows}
    return {owner for owner in owners if owner in existing}


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement and the rows it is given, as JSON."""

    text: str
    rows: str

    async def run(self, connection: Connection) -> None:
        await connection.execute(self.text, self.rows)


@dataclass(frozen=True, slots=True)
class _Copy:
    """New rows of a table, as lines."""

    table: str
    columns: Sequence[str]
    lines: bytes

    async def run(self, connection: Connection) -> None:
        # Bytes by themselves would be taken for a path.
        await connection.copy_to_table(
            self.table,
            source=memoryview(self.lines),  # type: ignore[arg-type]  # A buffer is taken as well, says its code.
            columns=self.columns,
            format="csv",
            null="null",
            quote='"',
            escape="\\",
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """Changes and what writes their rows, in the order in which it is run."""

    changes: Changes
    writes: Sequence[_Statement | _Copy]
    merged: bool
    """Whether rows may be there already, and what they refer to may be gone."""


def prepared(changes: Changes, *, merged: bool) -> Prepared:
    """Make what writes the rows. Needs no database: it is done while another batch is written.

    Rows that are not merged are copied, for half of what that costs. One that is there already, or refers to another one that has
    gone, is an error then, and nothing of the batch is written.
    """
    transactions = list(changes.transactions.values())
    trades = list(changes.closed_trades.values())
    intents = list(changes.intents.values())
    writes = (
        _merge(_WRITE_TRANSACTIONS, transactions) if merged else _copy("agent_transactions", transactions),
        _merge(_EDIT_TRANSACTIONS, changes.transaction_edits.values()),
        _merge(_WRITE_CLOSED_TRADES, trades) if merged else _copy("agent_historical_swaps", trades),
        _merge(_EDIT_CLOSED_TRADES, changes.closed_trade_edits.values()),
        _statement(_WRITE_POSITIONS, changes.positions.values()),
        _statement(_BALANCES, changes.balances.values()),
        _merge(_WRITE_INTENTS, intents) if merged else _copy("trade_intents", intents),
        _merge(_INTENT_UPDATES, changes.intent_updates.values()),
    )
    return Prepared(changes, [write for write in writes if write is not None], merged)


def _statement(text: str, rows: Collection[object]) -> _Statement | None:
    return _Statement(text, to_json(list(rows))) if rows else None


def _merge(text: str, rows: Collection[_Row]) -> _Statement | None:
    return _statement(text, [_keyed(row) for row in rows])


def _keyed(row: _Row) -> Mapping[str, object]:
    values = msgspec.structs.asdict(row)
    for name in _DOCUMENTS:
        if values.get(name) is not None:
            values[name] = msgspec.Raw(values[name].encode())
    return values


def _copy(table: str, rows: Sequence[_NewRow]) -> _Copy | None:
    return _Copy(table, rows[0].__struct_fields__, lines_of(rows)) if rows else None


def lines_of(rows: Sequence[_NewRow]) -> bytes:
    """Return rows in the format CSV as `_Copy` asks for it.

    JSON without the brackets is just that: texts are in quotes, a quote in them and a backslash have a backslash before them, and
    what is not in quotes is a number, true, false or null. Only the other escapes, which are rare, are unknown to it.
    """
    lines = _encoder.encode_lines(rows)[1:-2].replace(b"]\n[", b"\n")
    return _without_rare_escapes(lines) if _RARE.search(lines) else lines


def _without_rare_escapes(lines: bytes) -> bytes:
    lines = lines.replace(b"\\\\", _BACKSLASH)
    for escape, character in _SHORT.items():
        lines = lines.replace(escape, character)
    # PostgreSQL knows no NUL.
    lines = _CODE.sub(lambda code: bytes([int(code[1], 16)]).strip(b"\0"), lines)
    return lines.replace(_BACKSLASH, b"\\\\")


async def _drop_lost_signals(connection: Connection, changes: Changes) -> bool:
    """Leave only their trades of signals that are gone; keep the others until the transaction ends. Return whether any is."""
    wanted = changes.signal_ids()
    if not wanted:
        return False
    rows = await connection.fetch(
        "SELECT id FROM trading_signals WHERE id = ANY($1) ORDER BY id FOR KEY SHARE", list(wanted)
    )
    lost = wanted - {row["id"] for row in rows}
    for row in changes.rows_with_signal() if lost else ():
        if row.signal_id in lost:
            row.signal_id = None
    return bool(lost)


async def write_changes(connection: Connection, ready: Prepared, *, again: bool = False) -> None:
    """Apply changes inside the caller's transaction. Owners must be locked (`lock_owners`).

    `again` when they were applied before: figures that were taken since a reset stay then.
    """
    changes = ready.changes
    if await _drop_lost_signals(connection, changes):
        ready = prepared(changes, merged=ready.merged)
    if changes.resets:
        for statement in _RESET if again else (*_RESET, *_RESET_FIGURES):
            await connection.execute(statement, list(changes.resets))
    if changes.vacated:
        for statement in _VACATE:
            await connection.execute(statement, list(changes.vacated))
    if changes.closed_positions:
        for statement in _CLOSE:
            await connection.execute(statement, list(changes.closed_positions))
    await _remove(connection, changes)
    for write in ready.writes:
        await write.run(connection)
    touched: list[UUID] = [*changes.intents, *changes.intent_updates]
    if touched:
        await connection.execute(_EXECUTIONS, touched)


async def _remove(connection: Connection, changes: Changes) -> None:
    if changes.removed_balances:
        wallets, mints = zip(*changes.removed_balances, strict=True)
        await connection.execute(_REMOVE_BALANCES, list(wallets), list(mints))
    if changes.removed_closed_trades:
        await connection.execute(_REMOVE_CLOSED_TRADES, list(changes.removed_closed_trades))
    if changes.removed_transactions:
        await connection.execute(_REMOVE_TRANSACTIONS, list(changes.removed_transactions))


async def write_streams(connection: Connection, streams: dict[WalletAddress, tuple[AgentId, int]]) -> None:
    """Store how far each wallet's stream is projected."""
    if streams:
        agents, seqs = zip(*streams.values(), strict=True)
        await connection.execute(_STREAMS, list(streams), list(agents), list(seqs))
