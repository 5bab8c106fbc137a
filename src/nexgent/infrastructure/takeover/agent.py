"""One agent with everything that belongs to it: its wallets with what they hold, and what it did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg

from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import Account, Entry, Imported, Posting
from nexgent.domain.ledger.postings import Token
from nexgent.domain.ledger.state import WalletState, apply
from nexgent.infrastructure.takeover.decimals import TokenScales
from nexgent.infrastructure.takeover.errors import NotTakenError
from nexgent.infrastructure.takeover.history import WITHDRAWAL, closed_trade_of, transaction_of
from nexgent.infrastructure.takeover.holdings import (
    ROUNDED,
    balance_amount,
    in_base_units,
    is_exact,
    position_of,
)
from nexgent.infrastructure.takeover.report import Report, Thing
from nexgent.infrastructure.takeover.source import Source
from nexgent.infrastructure.takeover.target import Target
from nexgent.shared.ids import new_id
from nexgent.shared.types import EntryId, TokenAddress, TransactionId, WalletAddress

ORIGIN = "reference"
_BATCH = 500
_STATES = frozenset({"EXECUTED", "FAILED", "SKIPPED"})
_UNFINISHED = "PENDING"
_CUT_OFF = "It was not finished in the installation it was taken over from"
_FIGURES = ("portfolio_balance_sol", "sol_balance", "positions_value_sol", "unrealized_pnl_sol")
NO_WALLET = "its wallet is not taken over"


@dataclass(slots=True)
class _Stream:
    """A wallet's state on its way, and entries that are not written yet."""

    state: WalletState
    staged: list[Entry] = field(default_factory=list)


class AgentBelongings:
    """Writes what belongs to one agent. `taken_numbers` are signals that are other ones here."""

    def __init__(
        self,
        source: Source,
        target: Target,
        report: Report,
        scales: TokenScales,
        *,
        agent: Agent,
        taken_numbers: Collection[int],
        now: datetime,
    ) -> None:
        self._source = source
        self._target = target
        self._report = report
        self._scales = scales
        self._agent = agent
        self._taken_numbers = taken_numbers
        self._now = now
        self._streams: dict[WalletAddress, _Stream] = {}
        self._transactions: set[TransactionId] = set()
        """Those among them that may have opened a position."""

    async def take(self) -> None:
        """Write history, balances and positions as entries, and what entries do not tell as rows."""
        for wallet in self._agent.wallets:
            seq = await self._target.last_seq(wallet.address)
            self._streams[wallet.address] = _Stream(WalletState(wallet.address, self._agent.id, seq))
        positions = [row async for row in self._rows("agent_positions")]
        await self._take_transactions({row["purchase_transaction_id"] for row in positions})
        await self._take_closed_trades()
        await self._take_balances({TokenAddress(row["token_address"]) for row in positions})
        await self._take_positions(positions)
        await self._write()
        await self._target.project()
        await self._take_executions()
        await self._take_snapshots()

    def _rows(self, table: str) -> AsyncIterator[asyncpg.Record]:
        return self._source.rows(table, agent_id=self._agent.id)

    def _stage(self, wallet: WalletAddress, body: Imported, postings: tuple[Posting, ...] = ()) -> None:
        stream = self._streams[wallet]
        entry = Entry(
            id=EntryId(new_id()),
            wallet_address=wallet,
            agent_id=self._agent.id,
            seq=stream.state.seq + 1,
            at=self._now,
            body=body,
            postings=postings,
        )
        stream.state = apply(stream.state, entry)
        stream.staged.append(entry)

    async def _write(self, *, beyond: int = 0) -> None:
        """Append what is staged, once that is more than so many entries."""
        if sum(len(stream.staged) for stream in self._streams.values()) > beyond:
            await self._target.append([entry for stream in self._streams.values() for entry in stream.staged])
            for stream in self._streams.values():
                stream.staged.clear()

    def _place(self, address: str | None) -> tuple[WalletAddress, bool]:
        """Return the stream that takes a record, and whether the record belongs to no wallet of the agent."""
        wallet = WalletAddress(address) if address is not None else None
        if wallet is not None and wallet in self._streams:
            return wallet, False
        return self._agent.wallets[0].address, True

    async def _take_transactions(self, wanted: Collection[UUID]) -> None:
        async for row in self._rows("agent_transactions"):
            wallet, detached = self._place(row["wallet_address"])
            try:
                record = transaction_of(row, wallet, self._taken_numbers)
            except NotTakenError as problem:
                self._report.left_out(Thing.TRANSACTIONS, str(row["id"]), str(problem))
                continue
            if row["transaction_type"] == WITHDRAWAL:
                self._report.changed(Thing.TRANSACTIONS, str(row["id"]), "a withdrawal is a BURN here")
            if row["hash_is_repeated"]:
                self._report.changed(
                    Thing.TRANSACTIONS,
                    str(row["id"]),
                    "its hash is that of an earlier transaction of the wallet, and is left out",
                )
            if record.id in wanted and not detached:
                self._transactions.add(record.id)
            body = Imported(
                origin=ORIGIN,
                transaction=record,
                detached=detached,
                created_at=row["created_at"],
                updated_at=row["updated_at"],
            )
            self._stage(wallet, body)
            self._report.taken(Thing.TRANSACTIONS)
            await self._write(beyond=_BATCH)

    async def _take_closed_trades(self) -> None:
        async for row in self._rows("agent_historical_swaps"):
            wallet, detached = self._place(row["wallet_address"])
            try:
                trade = closed_trade_of(row, None if detached else wallet, self._taken_numbers)
            except NotTakenError as problem:
                self._report.left_out(Thing.CLOSED_TRADES, str(row["id"]), str(problem))
                continue
            self._stage(wallet, Imported(origin=ORIGIN, trade=trade, created_at=row["created_at"]))
            self._report.taken(Thing.CLOSED_TRADES)
            await self._write(beyond=_BATCH)

    async def _take_balances(self, of_positions: Collection[TokenAddress]) -> None:
        """Open the balances of each wallet with one entry."""
        held: list[tuple[asyncpg.Record, Decimal]] = []
        async for row in self._rows("agent_balances"):
            try:
                if row["wallet_address"] not in self._streams:
                    raise NotTakenError(NO_WALLET)
                held.append((row, balance_amount(row["balance"])))
            except NotTakenError as problem:
                self._report.left_out(Thing.BALANCES, _holding(row), str(problem))
        mints = {TokenAddress(row["token_address"]) for row, amount in held if amount} | set(of_positions)
        unknown = self._scales.unknown(mints)
        if unknown:
            await self._scales.learn(unknown, await self._source.evidence(unknown))
        postings: dict[WalletAddress, list[Posting]] = {address: [] for address in self._streams}
        for row, amount in held:
            try:
                postings[WalletAddress(row["wallet_address"])] += self._opening(row, amount)
            except NotTakenError as problem:
                self._report.left_out(Thing.BALANCES, _holding(row), str(problem))
            else:
                self._report.taken(Thing.BALANCES)
        for address, opening in postings.items():
            if opening:
                self._stage(address, Imported(origin=ORIGIN), tuple(opening))

    def _opening(self, row: asyncpg.Record, amount: Decimal) -> tuple[Posting, ...]:
        mint = TokenAddress(row["token_address"])
        decimals = self._scales.of(mint)
        if decimals is None:
            # Nothing of it is nothing, in whatever units.
            if amount:
                raise NotTakenError(self._scales.problem(mint))
            return ()
        raw = in_base_units(amount, decimals)
        if not is_exact(amount, raw, decimals):
            self._report.changed(Thing.BALANCES, _holding(row), ROUNDED)
        return Token(mint, row["token_symbol"], decimals).moved(raw, Account.ADJUSTMENT)

    async def _take_positions(self, rows: Collection[asyncpg.Record]) -> None:
        purchases = await self._source.purchases([row["purchase_transaction_id"] for row in rows])
        for row in rows:
            try:
                self._take_position(row, purchases)
            except NotTakenError as problem:
                self._report.left_out(Thing.POSITIONS, _holding(row), str(problem))
            else:
                self._report.taken(Thing.POSITIONS)

    def _take_position(self, row: asyncpg.Record, purchases: Mapping[UUID, asyncpg.Record]) -> None:
        wallet, mint = WalletAddress(row["wallet_address"]), TokenAddress(row["token_address"])
        stream = self._streams.get(wallet)
        if stream is None:
            raise NotTakenError(NO_WALLET)
        if row["purchase_transaction_id"] not in self._transactions:
            raise NotTakenError(
                "the transaction that opened it is not taken over as one of this wallet's agent"
            )
        decimals = self._scales.of(mint)
        if decimals is None:
            raise NotTakenError(self._scales.problem(mint))
        brought = position_of(
            row,
            decimals,
            stream.state.balance_raw(mint),
            purchases[row["purchase_transaction_id"]],
            self._agent.config.stop_loss,
            self._taken_numbers,
        )
        for change in brought.changes:
            self._report.changed(Thing.POSITIONS, _holding(row), change)
        self._stage(wallet, Imported(origin=ORIGIN, position=brought.position))

    async def _take_executions(self) -> None:
        batch: list[Mapping[str, Any]] = []
        async for row in self._rows("signal_executions"):
            document = dict(row)
            if row["signal_id"] in self._taken_numbers:
                self._report.left_out(Thing.EXECUTIONS, str(row["id"]), "its signal is left out")
                continue
            if row["status"] == _UNFINISHED:
                document.update(status="FAILED", error=row["error"] or _CUT_OFF)
                self._report.changed(
                    Thing.EXECUTIONS, str(row["id"]), "it was never finished, and failed here"
                )
            elif row["status"] not in _STATES:
                self._report.left_out(
                    Thing.EXECUTIONS, str(row["id"]), f"{row['status']} is no state that there is here"
                )
                continue
            batch.append(document)
            if len(batch) == _BATCH:
                await self._add_executions(batch)
                batch = []
        await self._add_executions(batch)

    async def _add_executions(self, batch: list[Mapping[str, Any]]) -> None:
        if batch:
            added = await self._target.add_executions(batch)
            self._report.taken(Thing.EXECUTIONS, added)
            self._report.left_out(
                Thing.EXECUTIONS, self._agent.name, "its signal is not here", len(batch) - added
            )

    async def _take_snapshots(self) -> None:
        batch: list[Mapping[str, Any]] = []
        async for row in self._rows("agent_balance_snapshots"):
            if row["wallet_address"] not in self._streams:
                self._report.left_out(Thing.SNAPSHOTS, str(row["id"]), NO_WALLET)
                continue
            if not all(row[name].is_finite() for name in _FIGURES):
                self._report.left_out(Thing.SNAPSHOTS, str(row["id"]), "a figure of it is no number")
                continue
            batch.append(dict(row))
            self._report.taken(Thing.SNAPSHOTS)
            if len(batch) == _BATCH:
                await self._target.add_snapshots(batch)
                batch = []
        if batch:
            await self._target.add_snapshots(batch)


def _holding(row: asyncpg.Record) -> str:
    return f"{row['token_symbol']} ({row['token_address']}) of {row['wallet_address']}"
