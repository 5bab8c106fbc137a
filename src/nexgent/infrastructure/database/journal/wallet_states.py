"""Wallet states out of one snapshot of the database: the projected tables plus the entries they do not contain yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import asyncpg
import structlog

from nexgent.domain.ledger.errors import JournalArchivedError, LedgerInvariantError
from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import EMPTY_FOR, Balance, OpenIntent, WalletState, apply
from nexgent.domain.positions.models import Position
from nexgent.infrastructure.database.journal.archived import baseline, state_at
from nexgent.infrastructure.database.journal.codec import (
    Row,
    decode_entry,
    decode_intent,
    decode_position,
    decode_submission,
)
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import AgentId, IntentId, PositionId, TokenAddress, WalletAddress

log = structlog.get_logger(__name__)

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

# With a list of wallets every query is narrowed by it; without one `$1` is NULL and the condition is dropped.
_WALLETS = """
SELECT w.wallet_address, w.agent_id, coalesce(s.seq, 0) AS seq, s.agent_id AS stream_agent_id,
       EXISTS (SELECT 1 FROM projection_failures f WHERE f.wallet_address = w.wallet_address) AS broken
FROM agent_wallets w LEFT JOIN journal_streams s USING (wallet_address)
WHERE $1::text[] IS NULL OR w.wallet_address = ANY($1)
"""
# Of all the tokens that were ever traded only those a state keeps: what is held, and what was emptied shortly before the last
# change (`EMPTY_FOR`). Both stand together in the index, so that what was left long ago is not even looked at.
_BALANCES = """
SELECT w.wallet_address, b.token_address, b.token_symbol, b.decimals, b.balance_raw::text AS amount_raw, b.last_updated
FROM agent_wallets w
CROSS JOIN LATERAL (
    SELECT greatest(
        (SELECT h.last_updated FROM agent_balances h WHERE h.wallet_address = w.wallet_address AND sign(h.balance_raw) = 1
         ORDER BY h.last_updated DESC LIMIT 1),
        (SELECT e.last_updated FROM agent_balances e WHERE e.wallet_address = w.wallet_address AND sign(e.balance_raw) = 0
         ORDER BY e.last_updated DESC LIMIT 1)) AS at
) newest
CROSS JOIN LATERAL (
    SELECT h.* FROM agent_balances h WHERE h.wallet_address = w.wallet_address AND sign(h.balance_raw) = 1
    UNION ALL
    SELECT e.* FROM agent_balances e
    WHERE e.wallet_address = w.wallet_address AND sign(e.balance_raw) = 0 AND e.last_updated > newest.at - $2::interval
) b
WHERE $1::text[] IS NULL OR w.wallet_address = ANY($1)
"""
_POSITIONS = """
SELECT wallet_address, state FROM agent_positions
WHERE $1::text[] IS NULL OR wallet_address = ANY($1) ORDER BY created_at, id
"""
_INTENTS = """
SELECT wallet_address, intent, submission FROM trade_intents
WHERE status IN ('intended', 'submitted') AND ($1::text[] IS NULL OR wallet_address = ANY($1)) ORDER BY created_at, id
"""
_UNPROJECTED = """
SELECT entry_id, wallet_address, agent_id, seq, at, kind, postings, body FROM journal
WHERE id > (SELECT position FROM journal_watermark) AND ($1::text[] IS NULL OR wallet_address = ANY($1)) ORDER BY id
"""
_HISTORY = """
SELECT entry_id, wallet_address, agent_id, seq, at, kind, postings, body FROM journal
WHERE wallet_address = $1 AND seq > $2 ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class ReadStates:
    """What was read: the states, and by wallet why its rows, or its entries, cannot be."""

    states: list[WalletState] = field(default_factory=list)
    unreadable: dict[WalletAddress, str] = field(default_factory=dict)


async def read_states(connection: Connection, wallets: Collection[WalletAddress] | None) -> ReadStates:
    """Return the states. The caller's transaction must be one snapshot (repeatable read).

    A wallet with an entry that could not be projected, or with rows that cannot be read, is folded from its first entry instead:
    its rows are wrong, its journal is not. A wallet whose entries cannot be read or contradict each other is left out, with an
    error in the log. Whatever is wrong with one wallet, the others are read.
    """
    chosen = list(wallets) if wallets is not None else None
    rows = await connection.fetch(_WALLETS, chosen)
    balances = _by_wallet(await connection.fetch(_BALANCES, chosen, EMPTY_FOR))
    positions = _by_wallet(await connection.fetch(_POSITIONS, chosen))
    intents = _by_wallet(await connection.fetch(_INTENTS, chosen))
    unprojected = _by_wallet(await connection.fetch(_UNPROJECTED, chosen))
    read = ReadStates()
    for row in rows:
        wallet = WalletAddress(row["wallet_address"])
        state = WalletState(wallet, AgentId(row["agent_id"]))
        try:
            if row["broken"]:
                state = await _folded(connection, state)
            else:
                try:
                    state = replace(
                        state,
                        seq=row["seq"],
                        balances=_balances(balances.get(wallet, ())),
                        intents=_intents(intents.get(wallet, ())),
                        positions=_positions(positions.get(wallet, ())),
                    )
                except Exception as error:
                    reason = _reason(error)
                    log.error("tables.wallet_unreadable", wallet_address=wallet, reason=reason)
                    read.unreadable[wallet] = f"its rows cannot be read: {reason}"
                    state = await _folded(connection, state)
                else:
                    state = _followed(state, unprojected.get(wallet, ()))
        except UnreadableWalletError as error:
            log.error("journal.wallet_unreadable", wallet_address=wallet, reason=error.message)
            read.unreadable[wallet] = f"its entries cannot be read: {error.message}"
        else:
            read.states.append(state)
    return read


class UnreadableWalletError(NexgentError):
    """The entries of a wallet cannot be read, or contradict each other."""

    code = "WALLET_UNREADABLE"


async def _folded(connection: Connection, empty: WalletState) -> WalletState:
    """Return a wallet's state out of its history, as far as that is there: what came before is kept of it.

    Raises `UnreadableWalletError`, and the driver's errors as they are.
    """
    try:
        known = await baseline(connection, empty.wallet_address)
    except JournalArchivedError as error:
        raise UnreadableWalletError(error.message) from error
    state = state_at(known, empty.agent_id) if known is not None else empty
    async for line in connection.cursor(_HISTORY, empty.wallet_address, state.seq, prefetch=500):
        state = _followed(state, [line])
    return state


def _followed(state: WalletState, lines: Sequence[Row]) -> WalletState:
    for line in lines:
        try:
            state = follow(state, decode_entry(line))
        except Exception as error:
            raise UnreadableWalletError(_reason(error)) from error
    return state


def _reason(error: Exception) -> str:
    return error.message if isinstance(error, NexgentError) else f"{type(error).__name__}: {error}"


def follow(state: WalletState, entry: Entry) -> WalletState:
    """Return the state after an entry of the journal.

    An entry of another agent belongs to an earlier life of the address: the wallet was deleted and added again. It only
    counts as a place in the stream. Raises `LedgerInvariantError`.
    """
    if entry.agent_id == state.agent_id:
        return apply(state, entry)
    if entry.seq != state.seq + 1:
        raise LedgerInvariantError(f"entry {entry.seq} cannot follow {state.seq} of {state.wallet_address}")
    return replace(state, seq=entry.seq)


def _by_wallet(rows: Iterable[asyncpg.Record]) -> Mapping[str, list[asyncpg.Record]]:
    grouped: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        grouped.setdefault(row["wallet_address"], []).append(row)
    return grouped


def _balances(rows: Iterable[Row]) -> dict[TokenAddress, Balance]:
    return {
        TokenAddress(row["token_address"]): Balance(
            TokenAddress(row["token_address"]),
            row["token_symbol"],
            row["decimals"],
            int(row["amount_raw"]),
            row["last_updated"],
        )
        for row in rows
    }


def _intents(rows: Iterable[Row]) -> dict[IntentId, OpenIntent]:
    intents: dict[IntentId, OpenIntent] = {}
    for row in rows:
        intent = decode_intent(row["intent"])
        intents[intent.id] = OpenIntent(intent, decode_submission(row["submission"]))
    return intents


def _positions(rows: Iterable[Row]) -> dict[PositionId, Position]:
    found = (decode_position(row["state"]) for row in rows)
    return {position.id: position for position in found}
