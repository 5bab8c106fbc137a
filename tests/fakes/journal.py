"""A journal in memory that keeps the promises of the real one: one winner per place, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.ledger.models import TRADES, Entry
from nexgent.domain.ledger.ports import JournalConflictError
from nexgent.domain.ledger.state import WalletState, apply
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId, WalletAddress


class FakeJournal:
    """Entries in a list. `down` refuses everything; `lose_answer` writes and then pretends the connection broke.

    `fenced` refuses trades, as the real one does in a process that is not the engine.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.wallets: dict[WalletAddress, AgentId] = {}
        self.appends = 0
        self.down = False
        self.lose_answer = False
        self.fenced = False

    def add_wallet(self, wallet: WalletAddress, agent_id: AgentId) -> WalletState:
        self.wallets[wallet] = agent_id
        return WalletState(wallet, agent_id)

    async def append(self, entries: Sequence[Entry]) -> int:
        await asyncio.sleep(0)
        if self.down:
            raise UnavailableError("the journal is down")
        if self.fenced and any(isinstance(entry.body, TRADES) for entry in entries):
            raise NotTheEngineError
        taken = {(entry.wallet_address, entry.seq) for entry in self.entries}
        if any((entry.wallet_address, entry.seq) in taken for entry in entries):
            raise JournalConflictError("taken")
        self.entries.extend(entries)
        self.appends += 1
        if self.lose_answer:
            self.lose_answer = False
            raise UnavailableError("the connection broke")
        return len(self.entries)

    async def load(self, wallets: Collection[WalletAddress] | None = None) -> Sequence[WalletState]:
        await asyncio.sleep(0)
        if self.down:
            raise UnavailableError("the journal is down")
        return [self.replay(wallet) for wallet in self.wallets if wallets is None or wallet in wallets]

    async def head_position(self) -> int:
        return len(self.entries)

    async def find(self, entries: Collection[Entry]) -> frozenset[Entry]:
        if self.down:
            raise UnavailableError("the journal is down")
        ids = {entry.id for entry in self.entries}
        return frozenset(entry for entry in entries if entry.id in ids)

    def replay(self, wallet: WalletAddress) -> WalletState:
        state = WalletState(wallet, self.wallets[wallet])
        for entry in self.entries:
            if entry.wallet_address == wallet:
                state = apply(state, entry)
        return state
