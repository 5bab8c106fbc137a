"""Bring the ledger of one live wallet to what the chain says, and write nothing that is not certain.

What is to be booked has to be seen twice, seconds apart, and be confirmed account by account, by another node where there is
one. While trades move the wallet nothing is compared. What the transactions since the last time explain is booked as what they
were; a rest as money that came or went. The cursor only advances when ledger and chain agree, so whatever lies at or before it
is in the books, and nothing is booked twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.share import RequireEngine, here
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.reconciliation.booking import ReconciliationBooking
from nexgent.domain.reconciliation.compare import compare, explains, same
from nexgent.domain.reconciliation.errors import WalletMovingError
from nexgent.domain.reconciliation.live_wallet import agent_of_live_wallet
from nexgent.domain.reconciliation.models import ChainSnapshot, Finding, Reconciled
from nexgent.domain.reconciliation.ports import ReconciliationStore
from nexgent.domain.reconciliation.wallet_history import WalletHistory
from nexgent.domain.reconciliation.wallet_look import WalletLook
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId, UserId, WalletAddress

log = structlog.get_logger(__name__)

CONFIRM_SECONDS = 3.0
"""How far apart the two looks are, so that they are not the same moment of the same lagging node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletReport:
    """What a look at a wallet found. `booked` entries were written; `findings` are what is left."""

    wallet_address: WalletAddress
    slot: int
    findings: tuple[Finding, ...]
    booked: int
    snapshot: ChainSnapshot
    waiting: bool = False
    """There is something to book, and it was not certain enough yet."""


class ReconcileWallet:
    """For live wallets, one at a time each."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        store: ReconciliationStore,
        look: WalletLook,
        history: WalletHistory,
        booking: ReconciliationBooking,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._look = look
        self._history = history
        self._booking = booking
        self._clock = clock
        self._pause = pause
        self._locks: dict[WalletAddress, asyncio.Lock] = {}
        self._waiting: Counter[WalletAddress] = Counter()

    def acts_for(self, agent_id: AgentId) -> bool:
        """Tell whether this process trades for an agent: it alone knows what is under way in its wallets."""
        return self._ledger.share.acts_for(agent_id)

    async def execute(self, wallet: WalletAddress, *, overdue: bool = False) -> WalletReport:
        """Look, and book what is certain; return what was found. One that trades all the time is compared when `overdue`.

        Raises `WalletMovingError` while trades move the wallet, `InconsistentNodeError`, `UnavailableError`, `UpstreamError`:
        then nothing was written.
        """
        lock = self._locks.setdefault(wallet, asyncio.Lock())
        self._waiting[wallet] += 1
        try:
            async with lock:
                return await self._reconcile(wallet, overdue)
        finally:
            self._waiting[wallet] -= 1
            if not self._waiting[wallet]:
                del self._waiting[wallet], self._locks[wallet]

    async def _reconcile(self, wallet: WalletAddress, overdue: bool) -> WalletReport:
        before = await self._ledger.fresh(wallet)
        last = await self._store.find(wallet)
        if last is not None and last.agent_id != before.agent_id:
            # Another agent's life of the wallet: what happened then is in nobody's books here.
            last = None
        ignored = last.ignored if last is not None else frozenset()
        snapshot, state = await self._look.at(
            wallet, last, last.slot if last is not None else 0, overdue=overdue
        )
        findings = compare(state, snapshot, ignored=ignored)
        if not any(finding.to_book for finding in findings):
            await self._agreed(state, snapshot, findings)
            return _report(snapshot, findings, 0)
        await self._pause(CONFIRM_SECONDS)
        again, state = await self._look.at(wallet, last, snapshot.slot, overdue=overdue)
        confirmed = compare(state, again, ignored=ignored)
        if not same(findings, confirmed):
            return _report(again, confirmed, 0, waiting=True)
        await self._look.confirm(state, again, {f.mint for f in confirmed if f.to_book}, overdue=overdue)
        return await self._book(state, again, confirmed, last)

    async def _book(
        self,
        state: WalletState,
        snapshot: ChainSnapshot,
        findings: Sequence[Finding],
        last: Reconciled | None,
    ) -> WalletReport:
        wallet = state.wallet_address
        since = await self._history.unbooked(state, last)
        late, doubtful = await self._history.late(state, snapshot, since)
        explained = explains(since, findings, state)
        if not explained:
            # They are not the whole story: only what is certain by itself is taken from them.
            since = [one.movement for one in late]
            if doubtful and not explains(since, findings, state):
                log.info("reconciliation.waits", wallet_address=wallet, reason="a swap that expired lately")
                return _report(snapshot, tuple(findings), 0, waiting=True)
        tokens = await self._history.tokens(state, since)
        # From here to the last staged entry nothing waits, so no other decision of this process comes between.
        if self._ledger.head(wallet).seq != state.seq:
            raise WalletMovingError(wallet)
        with self._ledger.lanes.enter([wallet]):
            entries = self._booking.stage_all(wallet, snapshot, since, late, tokens)
            await self._ledger.commit(*entries)
        state = self._ledger.head(wallet)
        ignored = last.ignored if last is not None else frozenset()
        left = compare(state, snapshot, ignored=ignored)
        await self._agreed(state, snapshot, left)
        log.info("reconciliation.booked", wallet_address=wallet, entries=len(entries), slot=snapshot.slot)
        return _report(snapshot, left, len(entries))

    async def _agreed(self, state: WalletState, snapshot: ChainSnapshot, findings: Sequence[Finding]) -> None:
        await self._store.save(
            Reconciled(
                wallet_address=state.wallet_address,
                agent_id=state.agent_id,
                genesis=snapshot.genesis,
                slot=snapshot.slot,
                checked_at=self._clock.now(),
                findings=tuple(findings),
            )
        )


class ReconcileOwn:
    """The same for whoever owns the wallet."""

    def __init__(
        self, *, directory: AgentDirectory, reconcile: ReconcileWallet, require_engine: RequireEngine = here
    ) -> None:
        self._directory = directory
        self._require_engine = require_engine
        self._reconcile = reconcile

    async def execute(self, address: WalletAddress, user_id: UserId) -> WalletReport:
        """Look at a live wallet of a user.

        Raises as `agent_of_live_wallet` and `ReconcileWallet.execute` do, and `EngineElsewhereError`: who trades knows what is
        under way.
        """
        self._require_engine(agent_of_live_wallet(self._directory, address, user_id).id)
        return await self._reconcile.execute(address)


def _report(
    snapshot: ChainSnapshot, findings: tuple[Finding, ...], booked: int, *, waiting: bool = False
) -> WalletReport:
    return WalletReport(
        wallet_address=snapshot.wallet_address,
        slot=snapshot.slot,
        findings=findings,
        booked=booked,
        snapshot=snapshot,
        waiting=waiting,
    )
