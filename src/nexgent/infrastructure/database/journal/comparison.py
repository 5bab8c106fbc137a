"""Hold what wallets come to by the journal against tables and copies, and report what does not agree."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
import msgspec

from nexgent.domain.ledger.state import WalletState
from nexgent.infrastructure.database.journal.codec import decode_intent, decode_position
from nexgent.infrastructure.database.journal.stream_fold import Difference, Holding, StreamFold
from nexgent.shared.money import from_raw, to_raw
from nexgent.shared.types import AgentId, TokenAddress, WalletAddress

CachedBalances = Callable[
    [AgentId, WalletAddress, Sequence[TokenAddress]], Awaitable[Sequence[bytes | str | None]]
]
"""Return the cached JSON of each of these balances (`{"balance": "<decimal>", …}`), None where there is no copy."""
_COPIES_AT_ONCE = 1_000
# Of a wallet that is checked from further on, what it holds and what it might hold: not everything that it left long ago.
_BALANCES = """
SELECT token_address, balance_raw::text AS raw, balance, decimals FROM agent_balances
WHERE wallet_address = $1 AND ($2::text[] IS NULL OR sign(balance_raw) = 1)
UNION ALL
SELECT token_address, balance_raw::text AS raw, balance, decimals FROM agent_balances
WHERE wallet_address = $1 AND token_address = ANY ($2::text[])
"""
_POSITIONS = "SELECT id, state FROM agent_positions WHERE wallet_address = $1"
_INTENTS = """
SELECT id, intent FROM trade_intents WHERE wallet_address = $1 AND status IN ('intended', 'submitted')
"""
_UNREADABLE = "unreadable"

T = TypeVar("T")


@dataclass(slots=True)
class VerifyReport:
    """What was compared and what does not agree."""

    wallets: int = 0
    entries: int = 0
    """Those that were folded now."""
    entries_checked_before: int = 0
    balances: int = 0
    positions: int = 0
    intents: int = 0
    cached: int = 0
    journal_position: int = 0
    projection_failures: int = 0
    differences: list[Difference] = field(default_factory=list)
    repairable: list[WalletAddress] = field(default_factory=list)
    """Wallets whose rows are not what their journal says, or lack an entry: `repair` writes them anew. In order."""

    def include(self, other: VerifyReport) -> None:
        """Add what was found of other wallets."""
        self.wallets += other.wallets
        self.entries += other.entries
        self.entries_checked_before += other.entries_checked_before
        self.balances += other.balances
        self.positions += other.positions
        self.intents += other.intents
        self.cached += other.cached
        self.differences += other.differences
        self.repairable += other.repairable

    @property
    def is_clean(self) -> bool:
        """Tell whether everything agrees."""
        return not self.differences and self.projection_failures == 0

    @property
    def differ_copies_only(self) -> bool:
        """Tell whether whatever does not agree is a copy in Redis."""
        return all(one.redis is not None for one in self.differences)


async def compare_wallet(
    connection: asyncpg.Connection[asyncpg.Record],
    fold: StreamFold,
    report: VerifyReport,
) -> None:
    """Compare one wallet. A deleted wallet has only its history to check; one with contradicting entries has no state."""
    report.wallets += 1
    _compare_afterlife(fold)
    if fold.state is not None and fold.projected is not None:
        fold.compare_sums()
        await _compare_balances(connection, fold, fold.projected, report)
        await _compare_positions(connection, fold, fold.projected, report)
        await _compare_intents(connection, fold, fold.projected, report)
        if any(one.table is not None for one in fold.differences):
            report.repairable.append(fold.wallet)
    report.differences += fold.differences


def _compare_afterlife(fold: StreamFold) -> None:
    """Report what lives in a wallet that no longer exists: nobody sees it, watches it or sells it."""
    if fold.afterlife is None:
        return
    for position in fold.afterlife.positions.values():
        fold.report(
            f"position {position.id}",
            "it is open in a wallet that no agent has any more",
            journal=_describe(position),
            table="none",
        )
    for intent_id in fold.afterlife.intents:
        fold.report(
            f"intent {intent_id}",
            "it is open in a wallet that no agent has any more",
            journal="open",
            table="none",
        )


async def _compare_balances(
    connection: asyncpg.Connection[asyncpg.Record], fold: StreamFold, state: WalletState, report: VerifyReport
) -> None:
    looked_at = sorted({*fold.sums, *state.balances}) if fold.goes_on else None
    rows = {row["token_address"]: row for row in await connection.fetch(_BALANCES, fold.wallet, looked_at)}
    report.balances += len(rows)
    for mint in sorted({*rows, *state.balances}):
        row = rows.get(mint)
        expected = state.balance_raw(TokenAddress(mint))
        actual = int(row["raw"]) if row is not None else 0
        if expected != actual:
            fold.report(mint, "the table holds another balance", journal=str(expected), table=str(actual))
        elif row is not None and _exact_raw(row["balance"], row["decimals"]) != actual:
            fold.report(mint, "the balance in tokens is not the one in base units", table=row["balance"])


async def _compare_positions(
    connection: asyncpg.Connection[asyncpg.Record], fold: StreamFold, state: WalletState, report: VerifyReport
) -> None:
    rows = {
        row["id"]: _read_row(decode_position, row["state"])
        for row in await connection.fetch(_POSITIONS, fold.wallet)
    }
    report.positions += len(rows)
    expected: Mapping[Any, Any] = state.positions
    for position_id in sorted({*rows, *expected}):
        ours, theirs = expected.get(position_id), rows.get(position_id)
        if ours != theirs:
            fold.report(
                f"position {position_id}",
                "the table holds another position",
                journal=_describe(ours),
                table=_describe(theirs),
            )
        elif ours is not None and ours.quantity_raw > state.balance_raw(ours.token_address):
            fold.report(
                f"position {position_id}",
                "the position is larger than the balance that backs it",
                journal=f"{ours.quantity_raw} of {state.balance_raw(ours.token_address)}",
            )


def _read_row(decode: Callable[[str], T], document: str) -> T | str:
    """Return what a row holds, or a word that equals nothing where it cannot be read."""
    try:
        return decode(document)
    except msgspec.MsgspecError:
        return _UNREADABLE


def _describe(position: Any) -> str:
    if position == _UNREADABLE:
        return _UNREADABLE
    return "none" if position is None else f"version {position.version}, quantity {position.quantity_raw}"


async def _compare_intents(
    connection: asyncpg.Connection[asyncpg.Record], fold: StreamFold, state: WalletState, report: VerifyReport
) -> None:
    rows = {
        row["id"]: _read_row(decode_intent, row["intent"])
        for row in await connection.fetch(_INTENTS, fold.wallet)
    }
    report.intents += len(rows)
    expected: Mapping[Any, Any] = {key: value.intent for key, value in state.intents.items()}
    for intent_id in sorted({*rows, *expected}):
        if expected.get(intent_id) != rows.get(intent_id):
            fold.report(
                f"intent {intent_id}",
                "open intents differ",
                journal="open" if intent_id in expected else "not open",
                table=_UNREADABLE
                if rows.get(intent_id) == _UNREADABLE
                else "open"
                if intent_id in rows
                else "not open",
            )


async def compare_copies(
    holdings: Iterable[Holding], report: VerifyReport, cached_balances: CachedBalances
) -> None:
    """Hold what wallets hold against its copies; add to the report. A mint that was left may have left its copy behind."""
    for holding in holdings:
        mints = list(holding.amounts)
        for start in range(0, len(mints), _COPIES_AT_ONCE):
            asked = mints[start : start + _COPIES_AT_ONCE]
            documents = await cached_balances(holding.agent_id, holding.wallet_address, asked)
            for mint, document in zip(asked, documents, strict=True):
                if document is not None:
                    _compare_copy(holding, mint, document, report)


def _compare_copy(holding: Holding, mint: TokenAddress, document: bytes | str, report: VerifyReport) -> None:
    report.cached += 1
    expected_raw, decimals = holding.amounts[mint]
    cached_raw = _cached_raw(document, decimals)
    if cached_raw != expected_raw:
        report.differences.append(
            Difference(
                holding.wallet_address,
                mint,
                "the cache holds another balance",
                journal=str(expected_raw),
                table=None,
                redis=str(cached_raw) if cached_raw is not None else _UNREADABLE,
            )
        )


def _cached_raw(document: bytes | str, decimals: int) -> int | None:
    try:
        content = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeError):
        return None
    value = content.get("balance") if isinstance(content, dict) else None
    return _exact_raw(value, decimals) if isinstance(value, str) else None


# Nearly all are what is left of a token, which is nothing.
@lru_cache(maxsize=1_024)
def _exact_raw(amount: str, decimals: int) -> int | None:
    """Return a decimal text as base units, or None when it is no such amount or finer than a base unit."""
    try:
        value = msgspec.convert(amount, Decimal)
        raw = to_raw(value, decimals)
    except (msgspec.ValidationError, ValueError, ArithmeticError):
        return None
    return raw if from_raw(raw, decimals) == value else None
