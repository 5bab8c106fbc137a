"""The ledger as its users see it: what is staged gets written, whatever else is going on."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID, uuid5

import pytest

from nexgent.domain.ledger.errors import (
    JournalUnavailableError,
    NotTheEngineError,
    StaleWalletError,
    UnknownWalletError,
)
from nexgent.domain.ledger.events import EntriesRecorded, WalletsRead, WalletsTouched
from nexgent.domain.ledger.lanes import WalletClosedError
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.models import Account, Adjusted, Entry, Posting, TradeFailed, TradeIntended
from nexgent.domain.ledger.state import WalletState
from nexgent.shared.errors import NexgentError, UnavailableError
from nexgent.shared.ids import derived_id, new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, EntryId, PositionId, WalletAddress
from tests.builders import an_intent
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.patience import PATIENCE_SECONDS

ONE, OTHER = WalletAddress("one"), WalletAddress("other")
PAID_IN = (
    Posting(Account.WALLET, SOL_MINT, 5, "SOL", 9),
    Posting(Account.ADJUSTMENT, SOL_MINT, -5, "SOL", 9),
)
BODY = Adjusted(SOL_MINT, "a gift", "SOL")


class SlowJournal(FakeJournal):
    """Reads and writes only when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads = 0
        self.busy = asyncio.Event()
        self.go_on = asyncio.Event()

    async def load(self, wallets: Collection[WalletAddress] | None = None) -> Sequence[WalletState]:
        self.loads += 1
        await self._wait()
        return await super().load(wallets)

    async def append(self, entries: Sequence[Entry]) -> int:
        await self._wait()
        return await super().append(entries)

    async def _wait(self) -> None:
        self.busy.set()
        await self.go_on.wait()


class LateAnswers(FakeJournal):
    """Answers with what was there when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def load(self, wallets: Collection[WalletAddress] | None = None) -> Sequence[WalletState]:
        states = await super().load(wallets)
        self.asked.set()
        await self.answer.wait()
        return states


def a_ledger(journal: FakeJournal, events: list[object]) -> Ledger:
    ledger = Ledger(journal=journal, clock=FakeClock(), publish=events.append)
    agent = AgentId(new_id())
    ledger.load([journal.add_wallet(ONE, agent)], 0)
    journal.add_wallet(OTHER, agent)
    return ledger


async def with_both(journal: SlowJournal, events: list[object] | None = None) -> Ledger:
    """Return a ledger that has read both wallets. Nothing is read or written any more."""
    ledger = a_ledger(journal, events if events is not None else [])
    journal.go_on.set()
    await ledger.fresh(OTHER)
    journal.go_on.clear()
    journal.busy.clear()
    return ledger


async def test_a_commit_does_not_depend_on_another_that_comes_after_a_wallet_was_read() -> None:
    journal = SlowJournal()
    ledger = a_ledger(journal, [])
    reading = asyncio.create_task(ledger.fresh(OTHER))
    await journal.busy.wait()

    entry = ledger.stage(ONE, BODY, PAID_IN)
    committing = asyncio.create_task(ledger.commit(entry))
    await asyncio.sleep(0)
    journal.go_on.set()

    async with asyncio.timeout(PATIENCE_SECONDS):
        await reading
        await committing
    assert journal.entries == [entry]


async def test_who_waits_for_a_journal_that_turns_out_to_be_away_hears_of_it_at_once() -> None:
    """Each attempt may take as long as a deadline: a hundred readers do not find out one after the other."""
    journal = SlowJournal()
    ledger = a_ledger(journal, [])
    wallets = [WalletAddress(f"wallet {number}") for number in range(100)]
    for wallet in wallets:
        journal.add_wallet(wallet, AgentId(new_id()))
    journal.down = True
    reading: list[asyncio.Task[object]] = [
        *(asyncio.create_task(ledger.fresh(wallet)) for wallet in wallets[:50]),
        *(asyncio.create_task(ledger.refresh([wallet])) for wallet in wallets[50:]),
    ]
    await journal.busy.wait()
    await asyncio.sleep(0)
    journal.go_on.set()

    async with asyncio.timeout(PATIENCE_SECONDS):
        answers = await asyncio.gather(*reading, return_exceptions=True)
    assert {type(answer) for answer in answers} == {JournalUnavailableError}
    assert journal.loads == 1

    # Whoever comes later asks.
    journal.down = False
    assert (await ledger.fresh(wallets[0])).wallet_address == wallets[0]


async def test_a_failed_append_tells_those_who_wait_to_read() -> None:
    journal = SlowJournal()
    ledger = a_ledger(journal, [])
    journal.down = True
    committing = asyncio.create_task(ledger.commit(ledger.stage(ONE, BODY, PAID_IN)))
    await journal.busy.wait()
    reading = asyncio.create_task(ledger.fresh(OTHER))
    await asyncio.sleep(0)
    journal.go_on.set()

    async with asyncio.timeout(PATIENCE_SECONDS):
        answers = await asyncio.gather(committing, reading, return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalUnavailableError] * 2
    assert journal.loads == 0


async def test_what_is_begun_is_written_while_its_owner_goes_on() -> None:
    journal, events = FakeJournal(), list[object]()
    ledger = a_ledger(journal, events)

    first = ledger.stage(ONE, BODY, PAID_IN)
    ledger.begin()
    ledger.begin()
    while not journal.entries:
        await asyncio.sleep(0)
    second = ledger.stage(ONE, BODY, PAID_IN)
    assert await ledger.commit_each([first, second]) == {}

    assert journal.entries == [first, second]
    assert journal.appends == 2
    recorded = [event for event in events if isinstance(event, EntriesRecorded)]
    assert [event.states[0].balance_raw(SOL_MINT) for event in recorded] == [5, 10]


async def test_a_group_tells_the_state_after_its_own_last_entry_and_not_after_later_ones() -> None:
    journal, events = SlowJournal(), list[object]()
    ledger = a_ledger(journal, events)

    first = ledger.stage(ONE, BODY, PAID_IN)
    writing = asyncio.create_task(ledger.commit(first))
    await journal.busy.wait()
    second = ledger.stage(ONE, BODY, PAID_IN)
    journal.go_on.set()
    await ledger.commit(second)
    await writing

    recorded = [event for event in events if isinstance(event, EntriesRecorded)]
    assert [event.states[0].seq for event in recorded] == [1, 2]
    assert recorded[0].states[0].balance_raw(SOL_MINT) == 5
    assert recorded[1].states[0] == journal.replay(ONE)


async def test_who_waits_until_all_is_written_waits_for_an_append_that_is_under_way() -> None:
    journal = SlowJournal()
    ledger = a_ledger(journal, [])
    ledger.stage(ONE, BODY, PAID_IN)
    ledger.begin()
    await journal.busy.wait()

    waiting = asyncio.create_task(ledger.written())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()

    journal.go_on.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await waiting
    assert len(journal.entries) == 1


async def test_what_was_staged_on_top_of_a_refused_entry_is_never_written() -> None:
    journal = SlowJournal()
    ledger = a_ledger(journal, [])
    first = ledger.stage(ONE, BODY, PAID_IN)
    writing = asyncio.create_task(ledger.commit_each([first]))
    await journal.busy.wait()
    second = ledger.stage(ONE, BODY, PAID_IN)
    # Somebody else takes the place of the first one, so the second was decided on a state that never was.
    theirs = replace(first, id=EntryId(new_id()))
    journal.entries.append(theirs)
    journal.go_on.set()

    failures = {**await writing, **await ledger.commit_each([second])}
    await ledger.written()

    assert {key: type(error) for key, error in failures.items()} == {
        first.id: StaleWalletError,
        second.id: StaleWalletError,
    }
    assert journal.entries == [theirs]
    assert ledger.head(ONE) == journal.replay(ONE)


async def test_what_is_not_being_written_yet_when_another_engine_takes_over_is_never_written() -> None:
    journal = SlowJournal()
    ledger = await with_both(journal)
    writing = asyncio.create_task(ledger.commit(ledger.stage(ONE, BODY, PAID_IN)))
    await journal.busy.wait()
    waiting = asyncio.create_task(ledger.commit(ledger.stage(OTHER, BODY, PAID_IN)))
    ledger.stage(OTHER, BODY, PAID_IN)
    await asyncio.sleep(0)

    leaving = asyncio.create_task(ledger.abandon())
    with pytest.raises(NotTheEngineError):
        await waiting
    assert not leaving.done()
    journal.go_on.set()
    await leaving
    await writing

    assert [entry.wallet_address for entry in journal.entries] == [ONE]
    # The next decision is taken on what is in the journal, and can be written.
    assert (await ledger.fresh(OTHER)).balance_raw(SOL_MINT) == 0
    await ledger.commit(ledger.stage(OTHER, BODY, PAID_IN))
    assert [entry.wallet_address for entry in journal.entries] == [ONE, OTHER]


async def test_what_became_void_is_not_called_durable_when_it_is_given_up_before_anybody_knows_why() -> None:
    journal = SlowJournal()
    ledger = await with_both(journal)
    first = ledger.stage(ONE, BODY, PAID_IN)
    writing = asyncio.create_task(ledger.commit_each([first]))
    await journal.busy.wait()
    second, others = ledger.stage(ONE, BODY, PAID_IN), ledger.stage(OTHER, BODY, PAID_IN)
    waiting = [asyncio.create_task(ledger.commit_each([entry])) for entry in (second, others)]
    # Somebody else takes the place of the first one, and the wallet cannot be read again yet.
    journal.entries.append(replace(first, id=EntryId(new_id())))
    journal.busy.clear()
    journal.go_on.set()
    journal.go_on.clear()
    await journal.busy.wait()
    assert journal.loads == 2

    leaving = asyncio.create_task(ledger.abandon())
    failures = await asyncio.gather(*waiting)
    journal.go_on.set()
    await leaving

    assert [{key: type(error) for key, error in one.items()} for one in failures] == [
        {second.id: JournalUnavailableError},
        {others.id: NotTheEngineError},
    ]
    assert {key: type(error) for key, error in (await writing).items()} == {first.id: StaleWalletError}
    assert [entry.id for entry in journal.entries if entry.id in (first.id, second.id, others.id)] == []


async def test_who_gives_up_waiting_for_a_group_does_not_end_the_wait_of_others_in_it() -> None:
    journal = SlowJournal()
    ledger = await with_both(journal)
    waiting = [
        asyncio.create_task(ledger.commit_each([ledger.stage(wallet, BODY, PAID_IN)]))
        for wallet in (ONE, OTHER)
    ]
    await journal.busy.wait()

    waiting[0].cancel()
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.done() for task in waiting] == [True, False]
    journal.go_on.set()

    assert await waiting[1] == {}
    assert journal.appends == 1


async def test_a_gap_between_what_was_written_and_what_is_known_has_the_wallet_read_again() -> None:
    journal = SlowJournal()
    ledger = a_ledger(journal, [])
    journal.go_on.set()
    old = ledger.head(ONE)
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    journal.go_on.clear()
    journal.busy.clear()
    writing = asyncio.create_task(ledger.commit(ledger.stage(ONE, BODY, PAID_IN)))
    await journal.busy.wait()
    # The states are taken from a snapshot that is older than the entry before the one under way.
    ledger.load([old], 0)
    journal.go_on.set()
    await writing

    with pytest.raises(StaleWalletError):
        ledger.stage(ONE, BODY, PAID_IN)
    assert await ledger.fresh(ONE) == journal.replay(ONE)
    assert ledger.head(ONE).balance_raw(SOL_MINT) == 10


async def test_a_wallet_is_unfinished_while_a_trade_of_it_is_open() -> None:
    journal = FakeJournal()
    ledger = a_ledger(journal, [])
    await ledger.fresh(OTHER)
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    assert ledger.unfinished() == []

    intent = an_intent(wallet_address=ONE, amount_raw=3, reserved_raw=3)
    await ledger.commit(ledger.stage(ONE, TradeIntended(intent)))
    assert [state.wallet_address for state in ledger.unfinished()] == [ONE]
    assert [state.wallet_address for state in ledger.unfinished()] == [ONE]
    restarted = Ledger(journal=journal, clock=FakeClock(), publish=lambda _: None)
    restarted.load(await journal.load(), len(journal.entries))
    assert [state.wallet_address for state in restarted.unfinished()] == [ONE]

    await ledger.commit(ledger.stage(ONE, TradeFailed(intent.id, "X", "")))
    assert ledger.unfinished() == []
    ledger.forget(ONE)
    assert not ledger.knows(ONE)
    assert ledger.unfinished() == []


async def test_a_wallet_that_is_read_again_is_unfinished_as_well() -> None:
    journal = FakeJournal()
    ledger, elsewhere = a_ledger(journal, []), Ledger(journal=journal, clock=FakeClock(), publish=print)
    elsewhere.load(await journal.load(), 0)
    await elsewhere.commit(elsewhere.stage(OTHER, BODY, PAID_IN))
    intent = an_intent(wallet_address=OTHER, amount_raw=3, reserved_raw=3)
    await elsewhere.commit(elsewhere.stage(OTHER, TradeIntended(intent)))
    assert ledger.unfinished() == []

    await ledger.fresh(OTHER)

    assert [state.wallet_address for state in ledger.unfinished()] == [OTHER]


async def test_a_wallet_that_others_write_to_while_it_is_read_is_read_again() -> None:
    journal = LateAnswers()
    ledger, elsewhere = a_ledger(journal, []), Ledger(journal=journal, clock=FakeClock(), publish=print)
    elsewhere.load([journal.replay(OTHER)], 0)
    reading = asyncio.create_task(ledger.fresh(OTHER))
    await journal.asked.wait()

    await elsewhere.commit(elsewhere.stage(OTHER, BODY, PAID_IN))
    ledger.on_touched(WalletsTouched([OTHER]))
    journal.answer.set()
    await reading

    assert (await ledger.fresh(OTHER)).seq == 1


async def test_what_turns_out_to_have_been_written_is_told_with_the_states_around_it() -> None:
    journal, events = FakeJournal(), list[object]()
    ledger = a_ledger(journal, events)
    before = ledger.head(ONE)
    journal.lose_answer = True

    entry = ledger.stage(ONE, BODY, PAID_IN)
    assert await ledger.commit_each([entry]) == {}

    (recorded,) = [event for event in events if isinstance(event, EntriesRecorded)]
    assert list(recorded.entries) == [entry]
    assert (list(recorded.before), list(recorded.states)) == ([before], [journal.replay(ONE)])


async def test_what_may_not_have_been_written_is_not_the_state_of_a_wallet() -> None:
    """Copies are made of it, and recovery looks there for what is open."""
    journal = FakeJournal()
    ledger = a_ledger(journal, [])
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    intent = an_intent(wallet_address=ONE, amount_raw=3, reserved_raw=3)
    await ledger.commit(ledger.stage(ONE, TradeIntended(intent)))

    journal.down = True
    with pytest.raises(JournalUnavailableError):
        await ledger.commit(ledger.stage(ONE, TradeFailed(intent.id, "X", "")))

    assert [list(state.intents) for state in ledger.states()] == [[intent.id]]
    assert [state.wallet_address for state in ledger.unfinished()] == [ONE]
    journal.down = False
    assert list((await ledger.fresh(ONE)).intents) == [intent.id]


async def test_what_another_process_wrote_is_told_to_whoever_keeps_copies() -> None:
    journal, events = FakeJournal(), list[object]()
    ledger = a_ledger(journal, events)
    elsewhere = a_ledger(journal, [])
    elsewhere.load(await journal.load(), 0)
    await elsewhere.commit(elsewhere.stage(ONE, BODY, PAID_IN))

    touched = WalletsTouched([ONE, WalletAddress("of nobody")])
    ledger.on_touched(touched)
    ledger.read_again(touched)
    await ledger.drain(PATIENCE_SECONDS)

    (read,) = [event for event in events if isinstance(event, WalletsRead)]
    assert [(state.wallet_address, state.balance_raw(SOL_MINT)) for state in read.states] == [(ONE, 5)]

    # Without the journal nobody is told, and nobody hears of it.
    journal.down = True
    ledger.on_touched(touched)
    ledger.read_again(touched)
    await ledger.drain(PATIENCE_SECONDS)
    assert len([event for event in events if isinstance(event, WalletsRead)]) == 1


async def test_wallets_that_others_wrote_to_are_read_again_in_one_go() -> None:
    journal = FakeJournal()
    ledger, theirs = a_ledger(journal, []), a_ledger(journal, [])
    await theirs.fresh(OTHER)
    await theirs.commit_each([theirs.stage(wallet, BODY, PAID_IN) for wallet in (ONE, OTHER)])
    assert ledger.position(OTHER, PositionId(new_id())) is None
    assert ledger.head(ONE).seq == 0

    ledger.on_touched(WalletsTouched([ONE, OTHER]))
    await ledger.refresh([ONE, OTHER])

    assert [ledger.head(wallet).seq for wallet in (ONE, OTHER)] == [1, 1]
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    # What is known and fresh is not read again.
    journal.down = True
    await ledger.refresh([ONE, OTHER])
    assert ledger.position(ONE, PositionId(new_id())) is None


async def test_what_is_staged_keeps_its_place_when_the_wallet_is_read_again() -> None:
    journal = FakeJournal()
    ledger = a_ledger(journal, [])
    first = ledger.stage(ONE, BODY, PAID_IN)

    ledger.on_touched(WalletsTouched([ONE]))
    await ledger.fresh(ONE)
    second = ledger.stage(ONE, BODY, PAID_IN)

    assert await ledger.commit_each([first, second]) == {}
    assert (first.seq, second.seq, ledger.head(ONE).balance_raw(SOL_MINT)) == (1, 2, 10)


async def test_a_decision_is_made_anew_three_times_and_not_once_more() -> None:
    for failures, expected in ((0, 1), (3, 4)):
        attempts = list[int]()

        async def step(failures: int = failures, attempts: list[int] = attempts) -> str:
            attempts.append(len(attempts))
            if len(attempts) <= failures:
                raise StaleWalletError(ONE)
            return "decided"

        assert await Ledger.decide(step) == "decided"
        assert len(attempts) == expected
    attempts.clear()

    async def never() -> str:
        attempts.append(0)
        raise StaleWalletError(ONE)

    with pytest.raises(StaleWalletError):
        await Ledger.decide(never)
    assert len(attempts) == 4


async def test_a_decision_that_fails_otherwise_is_not_made_anew() -> None:
    attempts = list[int]()

    async def step() -> None:
        attempts.append(0)
        raise UnknownWalletError(ONE)

    with pytest.raises(UnknownWalletError):
        await Ledger.decide(step)
    assert len(attempts) == 1


async def test_what_is_written_for_a_wallet_that_is_gone_meanwhile_is_told_all_the_same() -> None:
    journal, events = FakeJournal(), list[object]()
    ledger = a_ledger(journal, events)
    await ledger.fresh(OTHER)
    events.clear()
    entries = [ledger.stage(ONE, BODY, PAID_IN), ledger.stage(OTHER, BODY, PAID_IN)]
    before = journal.wallets[ONE]
    ledger.forget(ONE)
    ledger.forget(ONE)

    assert await ledger.commit_each(entries) == {}

    (recorded,) = events
    assert isinstance(recorded, EntriesRecorded)
    assert list(recorded.entries) == entries
    assert [(state.wallet_address, state.seq) for state in recorded.before] == [(ONE, 0), (OTHER, 0)]
    assert recorded.before[0].agent_id == before
    assert [state.wallet_address for state in recorded.states] == [OTHER]
    assert recorded.journal_position == ledger.journal_position() == 2


async def test_a_wallet_nobody_knows_can_neither_be_read_nor_written_to() -> None:
    journal, nowhere = FakeJournal(), WalletAddress("nowhere")
    ledger = a_ledger(journal, [])
    position = PositionId(new_id())

    ledger.on_touched(WalletsTouched([nowhere]))
    assert not ledger.knows(nowhere)
    assert ledger.position(nowhere, position) is None
    assert ledger.position(ONE, position) is None
    for use in (ledger.head, lambda wallet: ledger.stage(wallet, BODY)):
        with pytest.raises(UnknownWalletError):
            use(nowhere)
    with pytest.raises(UnknownWalletError):
        await ledger.fresh(nowhere)


async def test_a_wallet_that_was_removed_elsewhere_is_forgotten_when_it_is_read_again() -> None:
    journal, events = FakeJournal(), list[object]()
    ledger = a_ledger(journal, events)
    await ledger.fresh(OTHER)
    events.clear()
    del journal.wallets[ONE]
    ledger.on_touched(WalletsTouched([ONE]))

    await ledger.refresh([ONE, OTHER])

    assert (ledger.knows(ONE), ledger.knows(OTHER)) == (False, True)
    assert events == [WalletsRead([])]
    # What is known and as it should be is not read.
    await ledger.refresh([OTHER])
    await ledger.fresh(OTHER)
    assert len(events) == 1


async def test_who_has_a_wallet_alone_writes_to_it_and_trades_go_on_to_their_end() -> None:
    journal = FakeJournal()
    ledger = a_ledger(journal, [])
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    intents = [an_intent(wallet_address=ONE, amount_raw=1, reserved_raw=1) for _ in range(2)]
    await ledger.commit(ledger.stage(ONE, TradeIntended(intents[0])))

    async with ledger.lanes.alone([ONE]) as right:
        for body in (BODY, TradeIntended(intents[1])):
            with pytest.raises(WalletClosedError):
                ledger.stage(ONE, body)
        written = [ledger.stage(ONE, TradeFailed(intents[0].id, "X", "")), ledger.stage(ONE, BODY, by=right)]
        await ledger.commit(*written)
    written.append(ledger.stage(ONE, BODY))
    await ledger.commit(written[-1])

    assert journal.entries[2:] == written


async def test_nothing_staged_nothing_written() -> None:
    journal, events = FakeJournal(), list[object]()
    ledger = a_ledger(journal, events)

    ledger.begin()
    await ledger.written()
    await ledger.commit()
    assert await ledger.commit_each([]) == {}

    assert await ledger.drain(PATIENCE_SECONDS) == 0
    assert (journal.appends, events) == (0, [])


async def test_one_burst_is_one_append_and_tells_each_entry_what_it_met() -> None:
    journal, events = FakeJournal(), list[object]()
    ledger = a_ledger(journal, events)
    entries = [ledger.stage(ONE, BODY, PAID_IN) for _ in range(3)]
    assert [entry.seq for entry in entries] == [1, 2, 3]
    ledger.begin()
    ledger.begin()

    await ledger.commit(*entries)

    assert journal.appends == 1
    (recorded,) = events
    assert isinstance(recorded, EntriesRecorded)
    assert [state.balance_raw(SOL_MINT) for state in recorded.before] == [0, 5, 10]
    assert [state.balance_raw(SOL_MINT) for state in recorded.states] == [15]
    # What was committed once is committed.
    await ledger.commit(*entries)


async def test_a_mistake_while_writing_is_an_answer_nobody_has_heard() -> None:
    class Broken(FakeJournal):
        written = True

        async def append(self, entries: Sequence[Entry]) -> int:
            if self.written:
                await super().append(entries)
            raise ValueError("a bug")

    journal, events = Broken(), list[object]()
    ledger = a_ledger(journal, events)
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    assert ledger.head(ONE).balance_raw(SOL_MINT) == 5
    journal.written = False

    with pytest.raises(StaleWalletError):
        await ledger.commit(ledger.stage(ONE, BODY, PAID_IN), ledger.stage(ONE, BODY, PAID_IN))

    assert ledger.head(ONE).balance_raw(SOL_MINT) == 5
    assert sum(isinstance(event, EntriesRecorded) for event in events) == 1


async def test_the_position_in_the_journal_never_goes_back() -> None:
    journal = FakeJournal()
    ledger = Ledger(journal=journal, clock=FakeClock(), publish=lambda _: None)
    assert ledger.journal_position() == 0
    ledger.load([journal.add_wallet(ONE, AgentId(new_id()))], 7)

    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))

    assert ledger.journal_position() == 7


async def test_who_is_fenced_hears_so_and_has_the_last_certain_state() -> None:
    journal = FakeJournal()
    ledger = a_ledger(journal, [])
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    journal.fenced = True

    staged = ledger.stage(ONE, TradeIntended(an_intent(wallet_address=ONE, amount_raw=1, reserved_raw=1)))
    failures = await ledger.commit_each([staged])

    assert [type(error) for error in failures.values()] == [NotTheEngineError]
    assert (ledger.head(ONE).seq, ledger.head(ONE).intents) == (1, {})
    with pytest.raises(StaleWalletError):
        ledger.stage(ONE, BODY)


def test_derived_ids_are_those_of_version_5() -> None:
    """Every release has to derive the same ones: they keep a trade from being made twice."""
    namespace = UUID("6a0cbf0e-54c8-4a0c-9f0e-0a7c0f3f9b11")
    for parts in ((), ("buy", new_id(), 7), ("é", "ü" * 300), ("position", new_id(), "stop_loss", 0)):
        assert derived_id(*parts) == uuid5(namespace, ":".join(map(str, parts)))
        assert derived_id(*parts).version == 5


async def test_whoever_waits_for_an_entry_goes_on_behind_what_those_who_are_told_have_put_in_line() -> None:
    """Frames for clients are put in line when an entry is announced; whoever wrote it has more to do, and that takes longer."""
    order: list[str] = []
    journal = FakeJournal()

    def tell(_: object) -> None:
        asyncio.get_running_loop().call_soon(order.append, "told")

    ledger = Ledger(journal=journal, clock=FakeClock(), publish=tell)
    ledger.load([journal.add_wallet(ONE, AgentId(new_id()))], 0)

    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    order.append("went on")

    assert order == ["told", "went on"]


async def test_an_entry_whose_writer_was_given_up_is_written() -> None:
    journal = SlowJournal()
    events: list[object] = []
    ledger = a_ledger(journal, events)
    writing = asyncio.ensure_future(ledger.commit(ledger.stage(ONE, BODY, PAID_IN)))
    await journal.busy.wait()

    writing.cancel()
    await asyncio.wait([writing])
    journal.go_on.set()
    await ledger.written()

    assert writing.cancelled()
    assert [type(event) for event in events] == [EntriesRecorded]
    assert ledger.head(ONE).balance_raw(SOL_MINT) == 5


class Mistaken(SlowJournal):
    """One append tells nothing of what it did, and looking that up ends in a mistake as long as `broken` names it."""

    def __init__(self, *, writes: bool) -> None:
        super().__init__()
        self.broken = ""
        self._writes = writes
        self._silent = False

    def be_silent_once(self, broken: str) -> None:
        self._silent, self.broken = True, broken

    async def append(self, entries: Sequence[Entry]) -> int:
        if not self._silent:
            return await super().append(entries)
        self._silent = False
        await (super().append(entries) if self._writes else self._wait())
        raise UnavailableError("the connection broke")

    async def find(self, entries: Collection[Entry]) -> frozenset[Entry]:
        assert self.broken != "find"
        return await super().find(entries)

    async def load(self, wallets: Collection[WalletAddress] | None = None) -> Sequence[WalletState]:
        assert self.broken != "load"
        return await super().load(wallets)


def told(events: Sequence[object]) -> list[Entry]:
    return [entry for event in events if isinstance(event, EntriesRecorded) for entry in event.entries]


async def answers(waiting: Sequence[asyncio.Task[dict[EntryId, NexgentError]]]) -> list[type | None]:
    """Return how each of them ended that waits for one entry."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        ended = await asyncio.gather(*waiting)
    return [type(error) if error else None for failures in ended for error in failures.values() or (None,)]


async def is_well(ledger: Ledger, journal: FakeJournal, events: list[object]) -> None:
    """Each entry in the journal has been told, once, and is what the next decision is taken on."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for wallet in (ONE, OTHER):
            assert await ledger.fresh(wallet) == journal.replay(wallet)
            await ledger.commit(ledger.stage(wallet, BODY, PAID_IN))
            assert ledger.head(wallet) == journal.replay(wallet)
    assert sorted(told(events), key=journal.entries.index) == journal.entries


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize("broken", ["find", "load"])
async def test_a_mistake_while_it_is_looked_up_what_was_written_leaves_nobody_waiting(
    broken: str, writes: bool
) -> None:
    journal, events = Mistaken(writes=writes), list[object]()
    ledger = await with_both(journal, events)
    journal.be_silent_once(broken)
    waiting = [asyncio.create_task(ledger.commit_each([ledger.stage(ONE, BODY, PAID_IN)]))]
    await journal.busy.wait()
    # One stands on the first one, the other has nothing to do with it.
    waiting += [
        asyncio.create_task(ledger.commit_each([ledger.stage(wallet, BODY, PAID_IN)]))
        for wallet in (ONE, OTHER)
    ]
    everything = asyncio.create_task(ledger.written())
    await asyncio.sleep(0)
    journal.go_on.set()

    expected: list[type | None]
    if broken == "find":
        expected = [JournalUnavailableError, JournalUnavailableError, None]
    else:
        expected = [None if writes else StaleWalletError, StaleWalletError, None]
    assert await answers(waiting) == expected
    async with asyncio.timeout(PATIENCE_SECONDS):
        await everything
    # Until the wallet has been read nothing is decided on it.
    with pytest.raises(StaleWalletError):
        ledger.stage(ONE, BODY)
    journal.broken = ""
    await is_well(ledger, journal, events)


async def test_what_is_durable_and_does_not_follow_what_memory_says_is_durable_and_has_the_wallet_read() -> (
    None
):
    """However memory came to be wrong: the intent stands in the journal, and whoever waits for it goes on to swap."""
    journal, events = SlowJournal(), list[object]()
    ledger = await with_both(journal, events)
    journal.go_on.set()
    await ledger.commit(ledger.stage(ONE, BODY, PAID_IN))
    intent = an_intent(wallet_address=ONE, amount_raw=3, reserved_raw=3)
    await ledger.commit(ledger.stage(ONE, TradeIntended(intent)))
    journal.go_on.clear()
    journal.busy.clear()

    staged = [ledger.stage(ONE, TradeFailed(intent.id, "x", "x")), ledger.stage(OTHER, BODY, PAID_IN)]
    waiting = [asyncio.create_task(ledger.commit_each([entry])) for entry in staged]
    await journal.busy.wait()
    waiting.append(asyncio.create_task(ledger.commit_each([ledger.stage(ONE, BODY, PAID_IN)])))
    wrong = replace(journal.replay(ONE), intents={})
    ledger.load([wrong, journal.replay(OTHER)], ledger.journal_position())
    journal.go_on.set()

    # What was decided on top of it is decided again.
    assert await answers(waiting) == [None, None, StaleWalletError]
    assert [entry.id for entry in journal.entries[2:]] == [entry.id for entry in staged]
    (met,) = (
        event.before[0]
        for event in events
        if isinstance(event, EntriesRecorded) and staged[0] in event.entries
    )
    assert met == wrong
    await is_well(ledger, journal, events)


async def test_a_listener_that_raises_leaves_nobody_waiting_and_what_is_durable_durable() -> None:
    journal = SlowJournal()

    def tell(event: object) -> None:
        assert not isinstance(event, EntriesRecorded)

    ledger = Ledger(journal=journal, clock=FakeClock(), publish=tell)
    ledger.load([journal.add_wallet(wallet, AgentId(new_id())) for wallet in (ONE, OTHER)], 0)
    waiting = [asyncio.create_task(ledger.commit_each([ledger.stage(ONE, BODY, PAID_IN)]))]
    await journal.busy.wait()
    waiting.append(asyncio.create_task(ledger.commit_each([ledger.stage(OTHER, BODY, PAID_IN)])))
    await asyncio.sleep(0)
    journal.go_on.set()

    assert await answers(waiting) == [None, None]
    assert ledger.head(ONE) == journal.replay(ONE)


@pytest.mark.parametrize("begun", [True, False])
async def test_an_append_that_is_given_up_leaves_nobody_waiting(begun: bool) -> None:
    journal, events = SlowJournal(), list[object]()
    ledger = await with_both(journal, events)
    waiting = [asyncio.create_task(ledger.commit_each([ledger.stage(ONE, BODY, PAID_IN)]))]
    if begun:
        await journal.busy.wait()
        waiting.append(asyncio.create_task(ledger.commit_each([ledger.stage(OTHER, BODY, PAID_IN)])))
    await asyncio.sleep(0)

    assert await ledger.drain(0) == 1

    assert await answers(waiting) == [JournalUnavailableError] * len(waiting)
    assert not journal.entries
    journal.go_on.set()
    await is_well(ledger, journal, events)


async def test_what_may_have_been_written_to_a_wallet_that_is_gone_is_looked_up_by_nobody() -> None:
    journal, events = Mistaken(writes=True), list[object]()
    ledger = await with_both(journal, events)
    journal.be_silent_once("find")
    waiting = [asyncio.create_task(ledger.commit_each([ledger.stage(ONE, BODY, PAID_IN)]))]
    await journal.busy.wait()
    journal.go_on.set()
    assert await answers(waiting) == [JournalUnavailableError]

    ledger.forget(ONE)
    loads = journal.loads
    ledger.look_up()
    assert await ledger.drain(PATIENCE_SECONDS) == 0

    assert (journal.loads, told(events)) == (loads, [])
