"""Finish what a crash, a lost connection or an outage left open. Runs at start and every few seconds after.

Wallets are resolved side by side, the intents of one wallet in order, each within a deadline. Whatever an intent does, one place
(`_resolve`) catches it: it stays open, rests, and is tried again, and nobody else notices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog

from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Intent, TradeKind
from nexgent.domain.ledger.state import OpenIntent, WalletState
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.errors import named
from nexgent.domain.trading.events import RecoveryPostponed
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.watch.exits import ExitTasks
from nexgent.domain.trading.watch.resolve_intent import ResolveIntent
from nexgent.shared.clock import Clock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import IntentId, WalletAddress

log = structlog.get_logger(__name__)

BREATH = 200
"""After so many wallets the others get their turn."""
SIDE_BY_SIDE = 16
"""So many wallets are resolved at once: each may be waiting for the chain."""
DEADLINE_SECONDS = 20.0
"""How long one attempt at an intent may take."""
REST_SECONDS = (0.0, 2.0, 4.0, 8.0, 15.0)
"""How long an intent is left alone that could not be ended: once, twice, and so on."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """An intent that could not be ended so many times is left alone `until` then (monotonic), or until another one is ended."""

    times: int
    until: float
    endings: int


class Recovery:
    """Look for intents nobody works on and bring each to an end."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        book: PositionBook,
        exits: ExitTasks,
        resolve: ResolveIntent,
        in_flight: IntentsInFlight,
        clock: Clock,
        publish: Callable[[object], None],
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._exits = exits
        self._resolve_intent = resolve
        self._in_flight = in_flight
        self._clock = clock
        self._publish = publish
        self._deadline_seconds = DEADLINE_SECONDS
        self._rests: dict[IntentId, _Rest] = {}
        self._endings = 0
        """How many intents have been ended. One more shows that somebody answers again, so those that rest are tried at once."""
        self._tasks = TaskSet("recovery")
        self._places = asyncio.Semaphore(SIDE_BY_SIDE)
        self._busy: set[WalletAddress] = set()
        self._unresolved: dict[IntentId, WalletAddress] = {}

    @property
    def unresolved(self) -> Mapping[IntentId, WalletAddress]:
        """The open intents that nobody but recovery works on, as far as is known."""
        return self._unresolved

    @property
    def busy(self) -> Collection[WalletAddress]:
        """The wallets whose intents are being looked into at this moment."""
        return self._busy

    async def tick(self) -> list[asyncio.Task[int]]:
        """Start pending exits nobody runs, and to resolve what is open and not worked on. Waits for none of them.

        Return what was begun: a task a wallet, which returns how many of its intents were ended.
        """
        self._ledger.look_up()
        unfinished = [
            state for state in self._ledger.unfinished() if self._ledger.share.acts_for(state.agent_id)
        ]
        open_now = {intent_id for state in unfinished for intent_id in state.intents}
        self._rests = {key: rest for key, rest in self._rests.items() if key in open_now}
        # Exits need no answer from outside to be started; intents may wait for the chain.
        for number, state in enumerate(unfinished, 1):
            self._start_exits(state)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        begun: list[asyncio.Task[int]] = []
        unresolved: dict[IntentId, WalletAddress] = {}
        for state in unfinished:
            wallet = state.wallet_address
            if wallet in self._busy:
                known = [one for one in state.intents if one in self._unresolved]
                unresolved.update(dict.fromkeys(known, wallet))
                continue
            # Deposits that are taken back end by themselves (`ReclaimRent.finish`).
            ours = [
                one
                for one in state.intents.values()
                if one.intent.id not in self._in_flight and one.intent.kind is not TradeKind.RENT
            ]
            unresolved.update({one.intent.id: wallet for one in ours})
            if due := [one for one in ours if not self._rests_still(one)]:
                self._busy.add(wallet)
                begun.append(self._tasks.start(self._resolve_all(wallet, due), name=f"recovery.{wallet}"))
        self._unresolved = unresolved
        return begun

    async def stop(self) -> None:
        """Let go of everything under way; it stays open."""
        await self._tasks.drain(0)
        self._busy.clear()
        self._unresolved = {}

    async def _resolve_all(self, wallet: WalletAddress, intents: Sequence[OpenIntent]) -> int:
        """Resolve intents of one wallet in order; return how many were ended."""
        ended = 0
        try:
            for open_intent in intents:
                async with self._places:
                    ended += await self._resolve(wallet, open_intent)
        finally:
            self._busy.discard(wallet)
        return ended

    def _start_exits(self, state: WalletState) -> None:
        for position in state.positions.values():
            if position.pending_exit is not None and self._book.get(position.id) is not None:
                self._exits.start(position, position.pending_exit.reason, None)

    def _rests_still(self, open_intent: OpenIntent) -> bool:
        rest = self._rests.get(open_intent.intent.id)
        return rest is not None and rest.until > self._clock.monotonic() and rest.endings == self._endings

    async def _resolve(self, wallet: WalletAddress, open_intent: OpenIntent) -> bool:
        """Tell whether the intent has been ended; what cannot be ended yet rests for a growing while.

        Everything that resolves an intent runs here, so nothing it raises and nothing it hangs on can concern another one.
        """
        intent = open_intent.intent
        code = "SWAP_UNKNOWN"
        try:
            async with asyncio.timeout(self._deadline_seconds) as deadline:
                if await self._finish(wallet, open_intent):
                    self._unresolved.pop(intent.id, None)
                    self._endings += 1
                    return True
        except UnavailableError as error:
            # Nobody could answer: the next pass asks again.
            self._postponed(intent, error.code)
            return False
        except Exception as error:
            code = "RECOVERY_TIMEOUT" if deadline.expired() else named(error).code
        if self._is_open(intent):
            before = self._rests.get(intent.id)
            times = before.times if before is not None else 0
            pause = REST_SECONDS[min(times, len(REST_SECONDS) - 1)]
            self._rests[intent.id] = _Rest(times + 1, self._clock.monotonic() + pause, self._endings)
            self._postponed(intent, code)
        else:
            self._unresolved.pop(intent.id, None)
        return False

    def _is_open(self, intent: Intent) -> bool:
        wallet = intent.wallet_address
        return self._ledger.knows(wallet) and intent.id in self._ledger.head(wallet).intents

    def _postponed(self, intent: Intent, code: str) -> None:
        log.warning("recovery.postponed", intent_id=str(intent.id), code=code)
        self._publish(RecoveryPostponed(intent.id, intent.kind, code))

    async def _finish(self, wallet: WalletAddress, open_intent: OpenIntent) -> bool:
        # The wallet may have been read again since: only what is still open counts.
        current = (await self._ledger.fresh(wallet)).intents.get(open_intent.intent.id)
        if current is None or current.intent.id in self._in_flight:
            return False
        intent = current.intent
        log.info(
            "recovery.intent",
            intent_id=str(intent.id),
            kind=intent.kind.value,
            sent=current.submission is not None,
        )
        return await self._resolve_intent.execute(intent, current.submission)
