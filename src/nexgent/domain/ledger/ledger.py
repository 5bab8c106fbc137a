"""The ledger: wallet states in memory, entries made durable in groups.

Staging is synchronous: it checks an entry against the newest state and applies it there, so concurrent decisions of one
process always see each other. Committing is asynchronous: everything staged while an append is under way goes into the next
append as one statement. When an append fails, the states it touched are read again from the journal, which alone knows
what was written; entries that made it are good, the others raise. What nobody can say at that moment is not forgotten: it is
looked up when the wallet is read the next time, and announced where it was written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from typing import TypeVar

import structlog

from nexgent.domain.ledger.errors import (
    JournalUnavailableError,
    NotTheEngineError,
    StaleWalletError,
    UnknownWalletError,
)
from nexgent.domain.ledger.events import EntriesRecorded, WalletsRead, WalletsTouched
from nexgent.domain.ledger.lanes import Alone, WalletClosedError, WalletLanes
from nexgent.domain.ledger.models import (
    TRADES,
    Entry,
    EntryBody,
    ExitAsked,
    Posting,
    RentReclaimed,
    TradeExpired,
    TradeFailed,
    TradeIntended,
    TradeSettled,
    TradeSubmitted,
)
from nexgent.domain.ledger.ports import Journal, JournalConflictError
from nexgent.domain.ledger.share import EngineShare
from nexgent.domain.ledger.state import WalletState, apply
from nexgent.domain.positions.models import Position
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError, UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import AgentId, EntryId, PositionId, WalletAddress

log = structlog.get_logger(__name__)

MAX_GROUP = 4_000
DECISION_ATTEMPTS = 4
"""How often a decision is made anew because somebody else was faster."""
_pending_exit_of = attrgetter("pending_exit")
_T = TypeVar("_T")
_OF_THE_ENGINE = (*TRADES, RentReclaimed)
_BEGINNINGS = (TradeIntended, ExitAsked)
_OUTCOMES = (TradeSubmitted, TradeSettled, TradeFailed, TradeExpired, RentReclaimed, ExitAsked)


class _Stream:
    """One wallet: the state after its last durable entry, and the state after its last staged one."""

    __slots__ = ("durable", "head", "stale")

    def __init__(self, state: WalletState) -> None:
        self.durable = state
        self.head = state
        self.stale = False

    def take_back(self) -> None:
        """Forget what was staged: nobody knows whether it was written. The wallet has to be read again.

        Until then its last certain state is the newest: what is open there is looked after, and copied.
        """
        self.stale = True
        self.head = self.durable


class _Group:
    """Entries that are written together, and what became of them. Whoever waits waits for all of them."""

    __slots__ = ("_waiting", "entries", "failures", "is_durable", "is_over")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.failures: dict[EntryId, NexgentError] = {}
        self.is_durable = False
        """Whatever is not among the failures is durable. Until then nothing is."""
        self.is_over = False
        # Each has a future of its own: who is cancelled takes along what it waits for.
        self._waiting: list[asyncio.Future[None]] = []

    def end(self) -> None:
        """Tell whoever waits that it is known what became of each entry."""
        self.is_over = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def failure_of(self, entry_id: EntryId) -> NexgentError | None:
        """Return why an entry is not durable, None of one that is. Of what nobody has said anything nobody can say it."""
        if not self.failures and self.is_durable:
            return None
        return self.failures.get(entry_id) or (None if self.is_durable else JournalUnavailableError())

    async def ended(self) -> None:
        """Return when it is known what became of each entry."""
        if not self.is_over:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            # The append goes on whether or not anybody waits, so nothing has to shield it: a shield is two more turns.
            await waiter


class Ledger:
    """The one writer of entries in this process."""

    def __init__(
        self,
        *,
        journal: Journal,
        clock: Clock,
        publish: Callable[[object], None],
        share: EngineShare | None = None,
    ) -> None:
        """Trades begin for agents of the `share` only."""
        self.share = share or EngineShare()
        self.lanes = WalletLanes()
        self._journal = journal
        self._clock = clock
        self._publish = publish
        self._streams: dict[WalletAddress, _Stream] = {}
        # Wallets that may have something to finish. Whoever asks for them sorts out those that are done.
        self._unfinished: set[WalletAddress] = set()
        # What is staged, in the groups in which it will be written: the last one takes in what comes. And the group of each entry
        # that nobody has committed yet.
        self._line: deque[_Group] = deque()
        self._groups: dict[EntryId, _Group] = {}
        # Entries that are or may be in the journal and that nobody was told of, in order. Their wallets are stale.
        self._untold: dict[WalletAddress, list[Entry]] = {}
        self._appending = asyncio.Lock()
        self._begun = False
        self._reloading = asyncio.Lock()
        # Wallets that are being read, and those of them that others wrote to meanwhile: what is read may be from before that.
        self._being_read: frozenset[WalletAddress] = frozenset()
        self._touched: set[WalletAddress] = set()
        self._heard: set[WalletAddress] | None = None
        self._outages = 0
        """How often the journal was found to be away. Whoever waited for the answer then has it as well."""
        self._tasks = TaskSet("ledger")
        self._journal_position = 0

    @contextmanager
    def heard(self) -> Iterator[Collection[WalletAddress]]:
        """Collect the wallets that other processes write to, as far as it is heard, until the block ends."""
        self._heard = heard = set[WalletAddress]()
        try:
            yield heard
        finally:
            self._heard = None

    def load(self, states: Iterable[WalletState], journal_position: int) -> None:
        """Take over the states read at start."""
        self._streams = {state.wallet_address: _Stream(state) for state in states}
        self._untold.clear()
        self._unfinished = {
            wallet for wallet, stream in self._streams.items() if _is_unfinished(stream.durable)
        }
        self._journal_position = journal_position

    def journal_position(self) -> int:
        """Return the last position of the journal this process wrote or read."""
        return self._journal_position

    def knows(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's state is in memory."""
        return wallet in self._streams

    def is_current(self, wallet: WalletAddress) -> bool:
        """Tell whether the wallet's state is in memory and nobody is known to have written to it since."""
        stream = self._streams.get(wallet)
        return stream is not None and not stream.stale

    def head(self, wallet: WalletAddress) -> WalletState:
        """Return the newest state, staged entries included. Raises `UnknownWalletError`."""
        stream = self._streams.get(wallet)
        if stream is None:
            raise UnknownWalletError(wallet)
        return stream.head

    def owner_of(self, wallet: WalletAddress) -> AgentId | None:
        """Return whose the wallet is, None where its state is not in memory."""
        stream = self._streams.get(wallet)
        return stream.head.agent_id if stream is not None else None

    def states(self) -> list[WalletState]:
        """Return the newest state of every wallet."""
        return [stream.head for stream in self._streams.values()]

    def unfinished(self) -> list[WalletState]:
        """Return the newest state of the wallets with an open intent or an exit that is remembered.

        The effort is that of the wallets that traded since it was last asked, not that of all there are.
        """
        found: list[WalletState] = []
        for wallet in list(self._unfinished):
            stream = self._streams.get(wallet)
            if stream is not None and _is_unfinished(stream.head):
                found.append(stream.head)
            elif stream is None or not stream.stale:
                self._unfinished.discard(wallet)
        return found

    def position(self, wallet: WalletAddress, position_id: PositionId) -> Position | None:
        """Return an open position of a wallet."""
        stream = self._streams.get(wallet)
        return stream.head.positions.get(position_id) if stream is not None else None

    def durable_position(self, wallet: WalletAddress, position_id: PositionId) -> Position | None:
        """Return an open position of a wallet as the journal has it, whatever is staged."""
        stream = self._streams.get(wallet)
        return stream.durable.positions.get(position_id) if stream is not None else None

    async def fresh(self, wallet: WalletAddress) -> WalletState:
        """Return the newest state, reading the wallet first when it is unknown or was changed by another writer.

        Raises `UnknownWalletError` when no such wallet exists, `JournalUnavailableError` when it cannot be read.
        """
        stream = self._streams.get(wallet)
        if stream is None or stream.stale:
            await self._reload_in_turn([wallet])
            stream = self._streams.get(wallet)
            if stream is None:
                raise UnknownWalletError(wallet)
        return stream.head

    @staticmethod
    async def decide(step: Callable[[], Awaitable[_T]]) -> _T:
        """Run a step that reads the newest state, decides and commits; again when somebody else was faster meanwhile.

        Raises what the step raises, `StaleWalletError` when others were faster each time.
        """
        for left in reversed(range(DECISION_ATTEMPTS)):
            try:
                return await step()
            except StaleWalletError:
                if not left:
                    raise
        raise AssertionError("unreachable")

    async def refresh(self, wallets: Sequence[WalletAddress]) -> None:
        """Read several wallets again where that is needed: unknown or stale ones, in one go."""
        wanted = [w for w in wallets if (stream := self._streams.get(w)) is None or stream.stale]
        if wanted:
            await self._reload_in_turn(wanted)

    def on_touched(self, event: WalletsTouched) -> None:
        """Note that another process wrote to wallets; they are read again before their next use."""
        if self._heard is not None:
            self._heard.update(event.wallets)
        for wallet in event.wallets:
            stream = self._streams.get(wallet)
            if stream is not None:
                stream.stale = True
            if wallet in self._being_read:
                self._touched.add(wallet)

    def read_again(self, event: WalletsTouched) -> None:
        """Read wallets that another process wrote to as soon as possible, for whoever keeps copies of them."""
        self._tasks.start(self._read_again(event.wallets), name="ledger.read_again")

    async def _read_again(self, wallets: Sequence[WalletAddress]) -> None:
        # Without the journal they stay old, and are read before their next use.
        with suppress(JournalUnavailableError):
            await self.refresh([wallet for wallet in wallets if self.knows(wallet)])

    def look_up(self) -> None:
        """Have wallets read with entries of which nobody could say whether they were written: positions may hang on them."""
        if self._untold:
            self.read_again(WalletsTouched(list(self._untold)))

    def forget(self, wallet: WalletAddress) -> None:
        """Drop a wallet that no longer exists."""
        self._streams.pop(wallet, None)
        self._untold.pop(wallet, None)

    def stage(
        self,
        wallet: WalletAddress,
        body: EntryBody,
        postings: Sequence[Posting] = (),
        *,
        by: Alone | None = None,
    ) -> Entry:
        """Put the next entry of a wallet in line and apply it to the head.

        While somebody has the wallet alone, only trades under way go on to their end: everything else raises
        `WalletClosedError`, unless it comes `by` whoever has it.
        Raises `LedgerInvariantError` when it does not follow the state, `UnknownWalletError`, `StaleWalletError` when the
        wallet has to be read again first (`fresh`), or `NotTheEngineError` when a trade is another engine's to begin. A staged
        entry has to be committed.
        """
        stream = self._streams.get(wallet)
        if stream is None:
            raise UnknownWalletError(wallet)
        if stream.stale:
            raise StaleWalletError(wallet)
        if self.lanes.refuses(wallet, by) and not isinstance(body, _OUTCOMES):
            raise WalletClosedError(wallet)
        if not self.share.acts_for(stream.head.agent_id) and self._is_anothers(wallet, body):
            raise NotTheEngineError("Another engine acts for this agent")
        entry = Entry(
            id=EntryId(new_id()),
            wallet_address=wallet,
            agent_id=stream.head.agent_id,
            seq=stream.head.seq + 1,
            at=self._clock.now(),
            body=body,
            postings=tuple(postings),
        )
        stream.head = apply(stream.head, entry)
        if isinstance(body, _BEGINNINGS):
            self._unfinished.add(wallet)
        if not self._line or len(self._line[-1].entries) >= MAX_GROUP:
            self._line.append(_Group())
        group = self._groups[entry.id] = self._line[-1]
        group.entries.append(entry)
        return entry

    def _is_anothers(self, wallet: WalletAddress, body: EntryBody) -> bool:
        """Tell whether an entry of another engine's agent is that engine's to write.

        What has begun here goes on to its end here, its wallet is in its lane; what people enter is written by anybody.
        """
        if isinstance(body, _BEGINNINGS):
            return True
        return isinstance(body, _OF_THE_ENGINE) and wallet not in self.lanes.inside()

    def begin(self) -> None:
        """Have what is staged written as soon as the event loop gets its turn; `commit_each` tells what became of it.

        For whoever goes on staging meanwhile. Committing begins by itself.
        """
        if self._line and not self._begun:
            self._begun = True
            task = self._tasks.start(self._append_staged(), name="ledger.append")
            task.add_done_callback(self._appended)

    async def commit(self, *entries: Entry) -> None:
        """Return when the entries are durable.

        Raises the error of the first entry that is not: `StaleWalletError` (decide again on `fresh`),
        `JournalUnavailableError` (nobody can say whether it was recorded) or `NotTheEngineError`. Cancelling the
        caller does not cancel the append.
        """
        failures = await self.commit_each(entries)
        for entry in entries:
            if entry.id in failures:
                raise failures[entry.id]

    async def commit_each(self, entries: Sequence[Entry]) -> dict[EntryId, NexgentError]:
        """Commit a burst; return what failed, by entry."""
        groups = [(entry.id, self._groups[entry.id]) for entry in entries if entry.id in self._groups]
        self.begin()
        failures: dict[EntryId, NexgentError] = {}
        try:
            for entry_id, group in groups:
                if not group.is_over:
                    await group.ended()
                error = group.failure_of(entry_id)
                if isinstance(error, StaleWalletError | JournalUnavailableError):
                    failures[entry_id] = error
                elif error is not None:
                    raise error
        finally:
            for entry_id, _ in groups:
                self._groups.pop(entry_id, None)
        return failures

    async def abandon(self) -> None:
        """Give up what is staged and not written yet: its states are not the newest any more, as another process writes now.

        What is being written is waited for. Whoever waits for the rest hears `NotTheEngineError`.
        """
        self._give_up(NotTheEngineError)
        async with self._appending:
            pass

    def _give_up(self, reason: Callable[[], NexgentError]) -> None:
        """Write nothing of what stands in line."""
        void, self._line = self._line, deque()
        for group in void:
            for entry in group.entries:
                if (stream := self._streams.get(entry.wallet_address)) is not None:
                    stream.take_back()
                group.failures[entry.id] = reason()
            group.end()

    async def written(self) -> None:
        """Return when everything staged so far has been written or refused."""
        self.begin()
        while self._line or self._begun:
            async with self._appending:
                pass
            await asyncio.sleep(0)

    async def drain(self, timeout_seconds: float) -> int:
        """Wait for appends under way; return how many had to be given up."""
        return await self._tasks.drain(timeout_seconds)

    async def _append_staged(self) -> None:
        try:
            async with self._appending:
                while self._line:
                    group = self._line.popleft()
                    try:
                        # All that was in it may have become void.
                        if group.entries:
                            await self._append(group)
                    except Exception:
                        # Of what is not known to be durable whoever waits hears that nobody can say.
                        log.exception("ledger.append_failed", entries=len(group.entries))
                    finally:
                        group.end()
        finally:
            self._begun = False

    def _appended(self, task: asyncio.Task[object]) -> None:
        if task.cancelled():
            # Perhaps before it began. Nobody writes what is left, so nobody may wait for it.
            self._begun = False
            self._give_up(JournalUnavailableError)

    async def _append(self, group: _Group) -> None:
        batch = group.entries
        try:
            position = await self._journal.append(batch)
        except BaseException as error:
            # Before anything is waited for: what becomes of the rest of this must not make anything pass for durable.
            lost = self._void(
                group, is_written=not isinstance(error, JournalConflictError | NotTheEngineError)
            )
            if not isinstance(error, Exception):
                raise
            if not isinstance(error, JournalConflictError | UnavailableError):
                log.exception("ledger.append_failed", entries=len(batch))
            await self._recover(batch, lost, error)
            return
        self._journal_position = max(self._journal_position, position)
        group.is_durable = True
        # Whoever waits goes on behind what was put in line by those who are told here: frames for clients above all.
        if unlike := self._accept(batch, position):
            await self._read_anew(unlike)

    def _accept(self, batch: Sequence[Entry], position: int) -> set[WalletAddress]:
        """Take over what is durable and tell of it; return the wallets whose state in memory it does not follow."""
        touched: dict[WalletAddress, _Stream] = {}
        before: list[WalletState] = []
        unlike: set[WalletAddress] = set()
        for entry in batch:
            stream = self._streams.get(entry.wallet_address)
            if stream is None:
                before.append(WalletState(entry.wallet_address, entry.agent_id))
                continue
            durable = stream.durable
            if entry.seq == durable.seq + 1:
                # Mostly nothing was staged behind it, and its outcome is the head.
                newest = entry.seq == stream.head.seq and not stream.stale
                try:
                    stream.durable = stream.head if newest else apply(durable, entry)
                except Exception:
                    log.exception("ledger.not_accepted", wallet_address=entry.wallet_address, seq=entry.seq)
                    unlike.add(entry.wallet_address)
                if stream.head.seq < stream.durable.seq:
                    stream.head = stream.durable
            elif entry.seq > durable.seq:
                stream.stale = True
            before.append(durable)
            touched[entry.wallet_address] = stream
        if unlike:
            told: list[tuple[Entry, WalletState]] = []
            for entry, met in zip(reversed(batch), reversed(before), strict=True):
                if entry.wallet_address in unlike:
                    # What it met before all of this is what is certain.
                    touched[entry.wallet_address].durable = met
                else:
                    told.append((entry, met))
            self._note_untold(entry for entry in batch if entry.wallet_address in unlike)
            batch, before = [entry for entry, _ in reversed(told)], [met for _, met in reversed(told)]
            touched = {wallet: stream for wallet, stream in touched.items() if wallet not in unlike}
        states = [stream.durable for stream in touched.values()]
        if batch:
            self._publish(EntriesRecorded(batch, states, position, before))
        return unlike

    async def _read_anew(self, wallets: Collection[WalletAddress]) -> None:
        """Read wallets of which memory is wrong. What stands in line for them was decided on that, and is void."""
        for behind, entry in self._take_back(wallets):
            behind.failures[entry.id] = StaleWalletError(entry.wallet_address)
        try:
            await self._reload(list(wallets))
        except UnavailableError:
            log.warning("ledger.unreachable", wallets=len(wallets))

    def _take_back(self, wallets: Collection[WalletAddress]) -> list[tuple[_Group, Entry]]:
        """Take wallets for stale, and what is staged for them out of the line; return that."""
        for wallet in wallets:
            if (stream := self._streams.get(wallet)) is not None:
                stream.take_back()
        void: list[tuple[_Group, Entry]] = []
        for behind in self._line:
            void += [(behind, entry) for entry in behind.entries if entry.wallet_address in wallets]
            behind.entries = [entry for entry in behind.entries if entry.wallet_address not in wallets]
        return void

    def _void(self, group: _Group, *, is_written: bool) -> list[tuple[_Group, Entry]]:
        """Note that nobody can say what became of a group, and that whatever was staged on top of it is void; return both.

        `is_written` tells whether it may be in the journal.
        """
        lost = [(group, entry) for entry in group.entries]
        lost += self._take_back({entry.wallet_address for entry in group.entries})
        for its_group, entry in lost:
            its_group.failures[entry.id] = JournalUnavailableError()
        group.is_durable = True
        if is_written:
            self._note_untold(group.entries)
        return lost

    def _note_untold(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.wallet_address in self._streams:
                self._untold.setdefault(entry.wallet_address, []).append(entry)

    async def _recover(
        self, batch: Sequence[Entry], lost: Sequence[tuple[_Group, Entry]], error: Exception
    ) -> None:
        """Ask the journal what became of a failed append, and note it for whoever waits."""
        wallets = {entry.wallet_address for entry in batch}
        known = {
            wallet: stream.durable for wallet in wallets if (stream := self._streams.get(wallet)) is not None
        }
        log.warning(
            "ledger.append_rejected", entries=len(batch), wallets=len(wallets), error=type(error).__name__
        )
        written: frozenset[EntryId] = frozenset()
        fenced = error if isinstance(error, NotTheEngineError) else None
        conflict = isinstance(error, JournalConflictError)
        reachable = conflict
        try:
            if not conflict and fenced is None:
                written = frozenset(entry.id for entry in await self._journal.find(batch))
                reachable = True
                for wallet in wallets:
                    self._untold.pop(wallet, None)
            # Whoever trades now will have changed them again by the time they are needed.
            if fenced is None:
                await self._reload(list(wallets))
        except UnavailableError:
            self._outages += 1
            # Nobody can say what was written until the journal is back: the wallets stay stale and are read again then.
            log.warning("ledger.unreachable", wallets=len(wallets))
        finally:
            for its_group, entry in lost:
                if entry.id in written:
                    its_group.failures.pop(entry.id, None)
                elif fenced is not None:
                    its_group.failures[entry.id] = fenced
                elif reachable:
                    its_group.failures[entry.id] = StaleWalletError(entry.wallet_address)
            self._tell([entry for entry in batch if entry.id in written], known)

    def _tell(self, recorded: Sequence[Entry], known: dict[WalletAddress, WalletState]) -> None:
        """Announce entries that turned out to be durable. `known` are the last certain states of their wallets before that."""
        recorded = [entry for entry in recorded if entry.wallet_address in known]
        if not recorded:
            return
        before: list[WalletState] = []
        for entry in recorded:
            met = known[entry.wallet_address]
            before.append(met)
            try:
                known[entry.wallet_address] = apply(met, entry)
            except Exception:
                # It is durable, and says itself what it made of a position.
                log.exception("ledger.not_accepted", wallet_address=entry.wallet_address, seq=entry.seq)
        wallets = dict.fromkeys(entry.wallet_address for entry in recorded)
        states = [stream.durable for wallet in wallets if (stream := self._streams.get(wallet)) is not None]
        self._publish(EntriesRecorded(recorded, states, self._journal_position, before))

    async def _reload_in_turn(self, wallets: Sequence[WalletAddress]) -> None:
        """Read wallets again behind whoever writes or reads; an outage that shows meanwhile is not waited for once more.

        What is staged for them is written first: its places would be given away twice otherwise.
        """
        outages, wanted = self._outages, set(wallets)
        while True:
            async with self._appending:
                if self._outages != outages:
                    raise JournalUnavailableError
                if not any(entry.wallet_address in wanted for group in self._line for entry in group.entries):
                    await self._reload(wallets)
                    return
            self.begin()
            await asyncio.sleep(0)

    async def _reload(self, wallets: Sequence[WalletAddress]) -> None:
        async with self._reloading:
            wanted = [w for w in wallets if (stream := self._streams.get(w)) is None or stream.stale]
            if not wanted:
                return
            self._being_read = frozenset(wanted)
            self._touched.clear()
            untold = [entry for wallet in wanted for entry in self._untold.get(wallet, ())]
            try:
                states = await self._journal.load(wanted)
                written = await self._journal.find(untold) if untold else ()
            except UnavailableError as error:
                self._outages += 1
                raise JournalUnavailableError from error
            finally:
                self._being_read = frozenset()
            known = {
                wallet: stream.durable
                for wallet in self._untold.keys() & wanted
                if (stream := self._streams.get(wallet)) is not None
            }
            for state in states:
                stream = self._streams[state.wallet_address] = _Stream(state)
                stream.stale = state.wallet_address in self._touched
                if _is_unfinished(state):
                    self._unfinished.add(state.wallet_address)
            missing = set(wanted) - {state.wallet_address for state in states}
            for wallet in missing:
                self._streams.pop(wallet, None)
            self._publish(WalletsRead(states))
            if untold:
                for wallet in wanted:
                    self._untold.pop(wallet, None)
                found = {entry.id for entry in written}
                self._tell([entry for entry in untold if entry.id in found], known)


def _is_unfinished(state: WalletState) -> bool:
    if state.intents:
        return True
    # Asked of every wallet that traded: a generator takes five times as long.
    return any(map(_pending_exit_of, state.positions.values()))
