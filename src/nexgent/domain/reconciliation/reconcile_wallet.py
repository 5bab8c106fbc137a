"""Bring the ledger of one live wallet to what the chain says, and write nothing that is not certain.

What is to be booked has to be seen twice, seconds apart, and be confirmed account by account, by another node where there is
one. While trades move the wallet nothing is compared. What the transactions since the last time explain is booked as what they
were; a rest as money that came or went. The cursor only advances when ledger and chain agree, so whatever lies at or before it
is in the books, and nothing is booked twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from nexgent.domain.agents.config import DEFAULT_CONFIG, TradingConfig
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import Balance, WalletState
from nexgent.domain.prices.ports import SolPriceFeed, newest_sol_usd
from nexgent.domain.reconciliation.compare import (
    SETTLING,
    busy_mints,
    compare,
    explains,
    require_newer_block,
    same,
)
from nexgent.domain.reconciliation.entries import (
    Booking,
    Prices,
    book_difference,
    book_late,
    book_movement,
    book_purchase_elsewhere,
)
from nexgent.domain.reconciliation.errors import InconsistentNodeError, WalletMovingError
from nexgent.domain.reconciliation.live_wallet import agent_of_live_wallet
from nexgent.domain.reconciliation.models import (
    ChainSnapshot,
    ExpiredSwap,
    Finding,
    Movement,
    Reconciled,
)
from nexgent.domain.reconciliation.ports import ReconciliationStore, WalletChain
from nexgent.domain.trading.errors import UnknownVenueError
from nexgent.domain.trading.models import Fill, Landed, QuoteRequest
from nexgent.domain.trading.orders.purchases import DEFAULT_SYMBOL
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.trading.venues import SwapVenues
from nexgent.shared.clock import Clock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, UserId, WalletAddress

log = structlog.get_logger(__name__)

CONFIRM_SECONDS = 3.0
"""How far apart the two looks are, so that they are not the same moment of the same lagging node."""
LATE_WITHIN = timedelta(days=1)
"""So long after it was called expired a swap is still looked for."""
DOUBTFUL_FOR = timedelta(minutes=15)
"""So long after a swap was called expired a difference that nothing explains may be the swap after all."""


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


@dataclass(frozen=True, slots=True)
class _Late:
    swap: ExpiredSwap
    movement: Movement
    fill: Fill
    token: Balance


class ReconcileWallet:
    """For live wallets, one at a time each."""

    def __init__(
        self,
        *,
        directory: AgentDirectory,
        ledger: Ledger,
        chain: WalletChain,
        store: ReconciliationStore,
        venues: SwapVenues,
        decimals: TokenDecimals,
        sol_price: SolPriceFeed,
        clock: Clock,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        settling: timedelta = SETTLING,
    ) -> None:
        self._directory = directory
        self._ledger = ledger
        self._chain = chain
        self._store = store
        self._venues = venues
        self._decimals = decimals
        self._sol_price = sol_price
        self._clock = clock
        self._pause = pause
        self._settling = settling
        self._locks: dict[WalletAddress, asyncio.Lock] = {}

    async def execute(self, wallet: WalletAddress) -> WalletReport:
        """Look, and book what is certain; return what was found.

        Raises `WalletMovingError` while trades move the wallet, `InconsistentNodeError`, `UnavailableError`, `UpstreamError`:
        then nothing was written.
        """
        async with self._locks.setdefault(wallet, asyncio.Lock()):
            return await self._reconcile(wallet)

    async def _reconcile(self, wallet: WalletAddress) -> WalletReport:
        before = await self._ledger.fresh(wallet)
        last = await self._store.find(wallet)
        if last is not None and last.agent_id != before.agent_id:
            # Another agent's life of the wallet: what happened then is in nobody's books here.
            last = None
        ignored = last.ignored if last is not None else frozenset()
        snapshot, state = await self._look(wallet, last, last.slot if last is not None else 0)
        findings = compare(state, snapshot, ignored=ignored)
        if not any(finding.to_book for finding in findings):
            await self._agreed(state, snapshot, findings)
            return _report(snapshot, findings, 0)
        await self._pause(CONFIRM_SECONDS)
        again, state = await self._look(wallet, last, snapshot.slot)
        confirmed = compare(state, again, ignored=ignored)
        if not same(findings, confirmed):
            return _report(again, confirmed, 0, waiting=True)
        if not await self._chain.confirms(again, {f.mint for f in confirmed if f.to_book}):
            raise InconsistentNodeError("The node's lists of accounts and the accounts themselves differ")
        # The cursor's slot is no proof: a node may be stuck between it and the wallet's last trade.
        require_newer_block(state, await self._chain.block_time(again.slot))
        return await self._book(state, again, confirmed, last)

    async def _look(
        self, wallet: WalletAddress, last: Reconciled | None, min_slot: int
    ) -> tuple[ChainSnapshot, WalletState]:
        """Return what a node says of the wallet, and the state it can be compared with."""
        before = await self._ledger.fresh(wallet)
        snapshot = await self._chain.snapshot(wallet, min_slot=min_slot)
        state = await self._ledger.fresh(wallet)
        now = self._clock.now()
        if busy_mints(before, now, self._settling) | busy_mints(state, now, self._settling):
            raise WalletMovingError(wallet)
        if snapshot.slot < min_slot:
            raise InconsistentNodeError("The node's slot went back: it is behind, or another chain")
        if last is not None and last.genesis != snapshot.genesis:
            raise InconsistentNodeError("The node serves another chain than before (its genesis differs)")
        return snapshot, state

    async def _book(
        self,
        state: WalletState,
        snapshot: ChainSnapshot,
        findings: Sequence[Finding],
        last: Reconciled | None,
    ) -> WalletReport:
        wallet = state.wallet_address
        since = await self._unbooked(state, last)
        late, doubtful = await self._late(state, snapshot, since)
        explained = explains(since, findings, state)
        if not explained:
            # They are not the whole story: only what is certain by itself is taken from them.
            since = [one.movement for one in late]
            if doubtful and not explains(since, findings, state):
                log.info("reconciliation.waits", wallet_address=wallet, reason="a swap that expired lately")
                return _report(snapshot, tuple(findings), 0, waiting=True)
        tokens = await self._tokens(state, since)
        # From here to the last staged entry nothing waits, so no other decision of this process comes between.
        if self._ledger.head(wallet).seq != state.seq:
            raise WalletMovingError(wallet)
        with self._ledger.lanes.enter([wallet]):
            entries = self._stage(wallet, snapshot, since, late, tokens)
            await self._ledger.commit(*entries)
        state = self._ledger.head(wallet)
        ignored = last.ignored if last is not None else frozenset()
        left = compare(state, snapshot, ignored=ignored)
        await self._agreed(state, snapshot, left)
        log.info("reconciliation.booked", wallet_address=wallet, entries=len(entries), slot=snapshot.slot)
        return _report(snapshot, left, len(entries))

    def _stage(
        self,
        wallet: WalletAddress,
        snapshot: ChainSnapshot,
        since: Sequence[Movement],
        late: Sequence[_Late],
        tokens: dict[TokenAddress, Balance],
    ) -> list[Entry]:
        """Put everything in line: swaps of ours, other transactions, then what is left."""
        entries: list[Entry] = []
        prices = self._prices()

        def stage(some: Sequence[Booking]) -> None:
            for booking in some:
                entries.extend(self._ledger.stage(wallet, body, postings) for body, postings in booking.lines)

        ours = {one.movement.signature: one for one in late}
        for movement in since:
            state = self._ledger.head(wallet)
            mine = ours.get(movement.signature)
            booked = (
                book_late(state, mine.swap, mine.fill, mine.token, self._config(state), prices)
                if mine is not None
                else None
            )
            if booked is None:
                came = next((tokens[m] for m in movement.changes if m in tokens), None)
                if came is not None:
                    booked = book_purchase_elsewhere(state, movement, came, prices)
            stage([booked] if booked is not None else book_movement(state, movement, prices))
        for finding in compare(self._ledger.head(wallet), snapshot):
            if finding.to_book:
                stage(book_difference(self._ledger.head(wallet), finding, prices))
        return entries

    async def _unbooked(self, state: WalletState, last: Reconciled | None) -> list[Movement]:
        """Return the transactions since the last time that the books do not have, oldest first."""
        if last is None:
            return []
        found = await self._chain.movements(state.wallet_address, after_slot=last.slot)
        signatures = {signature for one in found for signature in one.signatures}
        known = await self._store.known(state.wallet_address, state.agent_id, signatures)
        return [one for one in found if not known.intersection(one.signatures)]

    async def _late(
        self, state: WalletState, snapshot: ChainSnapshot, since: list[Movement]
    ) -> tuple[list[_Late], bool]:
        """Return the swaps called expired that landed after all, and whether others may still turn out to have.

        What is found that the list of transactions lacks is added to it.
        """
        now = self._clock.now()
        expired = await self._store.expired(state.wallet_address, state.agent_id, now - LATE_WITHIN)
        late: list[_Late] = []
        doubtful = False
        for swap in expired:
            signature = swap.submission.signature
            movement = next((one for one in since if signature in one.signatures), None)
            if movement is None:
                movement = await self._chain.movement(state.wallet_address, signature)
                if movement is None or not _fits(movement, state, snapshot):
                    doubtful |= now - swap.expired_at < DOUBTFUL_FOR
                    continue
                since.append(movement)
                since.sort(key=lambda one: one.slot)
            fill = await self._fill(swap, state)
            if fill is not None:
                token = await self._token(state, swap.intent.token_address, swap.intent.token_symbol)
                late.append(_Late(swap, movement, fill, token))
        return late, doubtful

    async def _fill(self, swap: ExpiredSwap, state: WalletState) -> Fill | None:
        try:
            gateway = self._venues.of(swap.submission).gateway
        except UnknownVenueError:
            # Nobody can tell what the swap was to be; what it moved is booked all the same.
            return None
        request = QuoteRequest.of_intent(swap.intent)
        outcome = await gateway.resolve(swap.submission, state.wallet_address, request)
        return outcome.fill if isinstance(outcome, Landed) else None

    async def _tokens(self, state: WalletState, movements: Sequence[Movement]) -> dict[TokenAddress, Balance]:
        """Return what is known of the tokens that transactions brought."""
        brought = {
            mint
            for one in movements
            for mint, change in one.changes.items()
            if change > 0 and mint != SOL_MINT
        }
        return {mint: await self._token(state, mint) for mint in sorted(brought)}

    async def _token(self, state: WalletState, mint: TokenAddress, symbol: str = DEFAULT_SYMBOL) -> Balance:
        held = state.balances.get(mint)
        if held is not None:
            return held
        return Balance(mint, symbol, await self._decimals.decimals(mint), 0, self._clock.now())

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

    def _prices(self) -> Prices:
        now = self._clock.now()
        return Prices(now=now, sol_usd=newest_sol_usd(self._sol_price, now))

    def _config(self, state: WalletState) -> TradingConfig:
        agent = self._directory.find(state.agent_id)
        return agent.config if agent is not None else DEFAULT_CONFIG


class ReconcileOwn:
    """The same for whoever owns the wallet."""

    def __init__(self, *, directory: AgentDirectory, reconcile: ReconcileWallet) -> None:
        self._directory = directory
        self._reconcile = reconcile

    async def execute(self, address: WalletAddress, user_id: UserId) -> WalletReport:
        """Look at a live wallet of a user. Raises as `agent_of_live_wallet` and `ReconcileWallet.execute` do."""
        agent_of_live_wallet(self._directory, address, user_id)
        return await self._reconcile.execute(address)


def _fits(movement: Movement, state: WalletState, snapshot: ChainSnapshot) -> bool:
    """Tell whether the chain has more or less of a token than the ledger by at least what a transaction moved."""
    for mint, change in movement.changes.items():
        difference = snapshot.held_raw(mint) - state.balance_raw(mint)
        if mint != SOL_MINT and (difference < change if change > 0 else difference > change):
            return False
    return True


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
