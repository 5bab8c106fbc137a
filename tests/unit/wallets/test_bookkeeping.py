"""Whatever people record, correct and remove: the books stay balanced, and nothing is spent twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nexgent.domain.agents.models import Agent
from nexgent.domain.bookkeeping.booked import booked_transaction
from nexgent.domain.bookkeeping.errors import BalanceExistsError, UnknownBalanceError, UnknownTransactionError
from nexgent.domain.bookkeeping.ports import OwnedBalance, balance_id
from nexgent.domain.bookkeeping.record_transaction import RecordTransaction
from nexgent.domain.bookkeeping.use_cases import Bookkeeping, bookkeeping
from nexgent.domain.ledger.errors import InsufficientBalanceError, LedgerInvariantError
from nexgent.domain.ledger.models import (
    Account,
    Adjusted,
    BalanceRemoved,
    Entry,
    Posting,
    TransactionEdited,
    WalletReset,
)
from nexgent.domain.ledger.state import check_postings
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.transactions.models import TransactionRecord, TransactionType
from nexgent.domain.wallets.errors import WalletBusyError
from nexgent.shared.errors import NexgentError, UnavailableError
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import EntryId, TokenAddress, TransactionId, UserId
from tests.builders import T0, TOKEN, USER, an_agent
from tests.fakes.api import FakeClosedTrades, FakeProjections, FakeTransactions
from tests.fakes.bookkeeping import FakeEmptyBalances, FakeHandEntries
from tests.fakes.engine import FakeEngine
from tests.fakes.market import FakeDecimals

OTHER = TokenAddress("Mint111111111111111111111111111111111111111")
MINTS = (SOL_MINT, TOKEN, OTHER)


class Desk:
    """One agent with 10 SOL, and somebody who keeps its books by hand."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.entries = FakeHandEntries(self.engine.journal)
        self.empty = FakeEmptyBalances(self.engine.journal)
        transactions, trades = FakeTransactions(), FakeClosedTrades()
        transactions.journal = trades.journal = self.engine.journal
        self.books: Bookkeeping = bookkeeping(
            directory=self.engine.directory,
            ledger=self.engine.ledger,
            decimals=FakeDecimals(),
            entries=self.entries,
            empty_balances=self.empty,
            transactions=transactions,
            closed_trades=trades,
            projections=FakeProjections(),
        )
        self.recording = RecordTransaction(ledger=self.engine.ledger, decimals=FakeDecimals())

    async def open(self) -> Agent:
        self.agent = await self.engine.add_agent(an_agent())
        self.wallet = self.agent.wallets[0].address
        return self.agent

    async def record(
        self, kind: TransactionType, amount: Decimal, mint: TokenAddress = SOL_MINT
    ) -> TransactionId:
        record = TransactionRecord(
            id=TransactionId(new_id()),
            agent_id=self.agent.id,
            wallet_address=self.wallet,
            type=kind,
            value_usd=Decimal(1),
            time=T0,
            input_mint=mint,
            input_symbol="IN",
            input_amount=amount,
            output_mint=OTHER if mint != OTHER else TOKEN,
            output_symbol="OUT",
            output_amount=amount * 2,
        )
        await self.recording.execute(record)
        return record.id

    def balance(self, mint: TokenAddress = SOL_MINT) -> int:
        return self.engine.ledger.head(self.wallet).balance_raw(mint)

    def check(self) -> None:
        """Every entry sums to zero, and the balances are the sums of the postings, never below zero."""
        sums: dict[TokenAddress, int] = {}
        for entry in self.engine.journal.entries:
            check_postings(entry.postings)
            for posting in entry.postings:
                if posting.account is Account.WALLET:
                    sums[posting.mint] = sums.get(posting.mint, 0) + posting.amount_raw
                    assert sums[posting.mint] >= 0
        state = self.engine.journal.replay(self.wallet)
        assert {mint: total for mint, total in sums.items() if total} == {
            mint: held.amount_raw for mint, held in state.balances.items() if held.amount_raw
        }
        assert state.balances == self.engine.ledger.head(self.wallet).balances


AMOUNTS = st.decimals(Decimal("0.000001"), Decimal(20), places=7)
KINDS = st.sampled_from(TransactionType)
STEPS = st.one_of(
    st.tuples(st.just("record"), KINDS, AMOUNTS, st.sampled_from(MINTS)),
    st.tuples(
        st.just("edit"),
        st.integers(0, 5),
        st.fixed_dictionaries(
            {},
            optional={
                "type": KINDS,
                "input_amount": AMOUNTS,
                "input_mint": st.sampled_from(MINTS),
                "output_amount": AMOUNTS,
                "fees": AMOUNTS,
            },
        ),
    ),
    st.tuples(st.just("delete"), st.integers(0, 5)),
    st.tuples(st.just("set"), st.sampled_from(MINTS), AMOUNTS),
    st.tuples(st.just("strike"), st.sampled_from(MINTS)),
    st.tuples(st.just("create"), st.sampled_from(MINTS), AMOUNTS),
)


async def play(desk: Desk, steps: list[tuple[Any, ...]]) -> list[TransactionId]:
    made: list[TransactionId] = []
    for step in steps:
        try:
            match step:
                case ("record", kind, amount, mint):
                    made.append(await desk.record(kind, amount, mint))
                case ("edit", number, changes) if made:
                    await desk.books.edit_transaction.execute(desk.wallet, made[number % len(made)], changes)
                case ("delete", number) if made:
                    chosen = made[number % len(made)]
                    await desk.books.remove_transaction.execute(desk.agent, desk.wallet, chosen)
                    made.remove(chosen)
                case ("set", mint, amount):
                    wanted: UUID = balance_id(desk.wallet, mint)
                    await desk.books.update_balance.execute(wanted, USER, amount=amount, symbol=None)
                case ("strike", mint):
                    await desk.books.remove_balance.execute(balance_id(desk.wallet, mint), USER)
                case ("create", mint, amount):
                    await desk.books.create_balance.execute(desk.agent.wallets[0], mint, "NEW", amount)
        except LedgerInvariantError:
            # A rule let through what the ledger had to stop.
            raise
        except NexgentError:
            pass
        desk.check()
    return made


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=25))
def test_any_sequence_keeps_the_books_balanced(steps: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        desk = Desk()
        await desk.open()
        await play(desk, steps)

    asyncio.run(run())


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("record"), KINDS, AMOUNTS, st.sampled_from(MINTS)),
            st.tuples(
                st.just("edit"),
                st.integers(0, 5),
                st.fixed_dictionaries({}, optional={"type": KINDS, "input_amount": AMOUNTS}),
            ),
        ),
        max_size=12,
    )
)
def test_deleting_everything_gives_everything_back(steps: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        desk = Desk()
        await desk.open()
        made = await play(desk, steps)
        while made:
            before = len(made)
            # What a deposit brought may be spent by a later one: that has to go first.
            for chosen in list(made):
                try:
                    await desk.books.remove_transaction.execute(desk.agent, desk.wallet, chosen)
                    made.remove(chosen)
                except InsufficientBalanceError:
                    pass
            # Of two that were corrected until each spends what the other brought, neither can go first.
            assume(len(made) < before)
        desk.check()
        assert [desk.balance(mint) for mint in MINTS] == [10_000_000_000, 0, 0]

    asyncio.run(run())


async def test_corrections_of_one_moment_both_count() -> None:
    desk = Desk()
    await desk.open()
    first = await desk.record(TransactionType.DEPOSIT, Decimal(1))
    second = await desk.record(TransactionType.DEPOSIT, Decimal(1))
    edit = desk.books.edit_transaction

    await asyncio.gather(
        edit.execute(desk.wallet, first, {"input_amount": Decimal(2)}),
        edit.execute(desk.wallet, first, {"input_amount": Decimal(3)}),
        edit.execute(desk.wallet, second, {"input_amount": Decimal(5)}),
        desk.engine.deposit(desk.agent.wallets[0], Decimal(4)),
    )

    booked = booked_transaction(desk.engine.journal.entries, first)
    assert booked is not None
    assert booked.record.input_amount is not None
    assert desk.balance() == int((10 + 4 + 5 + booked.record.input_amount) * 10**9)
    desk.check()


async def test_two_deletions_take_back_once() -> None:
    desk = Desk()
    await desk.open()
    made = await desk.record(TransactionType.DEPOSIT, Decimal(1))
    remove = desk.books.remove_transaction

    outcomes = await asyncio.gather(
        remove.execute(desk.agent, desk.wallet, made),
        remove.execute(desk.agent, desk.wallet, made),
        return_exceptions=True,
    )

    assert [one for one in outcomes if not isinstance(one, BaseException)] == [True]
    assert [type(one) for one in outcomes if one is not True] == [UnknownTransactionError]
    assert desk.balance() == 10_000_000_000


async def test_a_reset_leaves_nothing_to_take_back() -> None:
    desk = Desk()
    await desk.open()
    made = await desk.record(TransactionType.DEPOSIT, Decimal(1))
    ledger = desk.engine.ledger
    held = desk.balance()
    postings = [
        Posting(Account.WALLET, SOL_MINT, -held, "SOL", 9),
        Posting(Account.ADJUSTMENT, SOL_MINT, held, "SOL", 9),
    ]
    await ledger.commit(ledger.stage(desk.wallet, WalletReset("test"), postings))

    with pytest.raises(UnknownTransactionError):
        await desk.books.edit_transaction.execute(desk.wallet, made, {"input_amount": Decimal(9)})


async def test_a_wallet_whose_journal_never_comes_to_rest_is_busy() -> None:
    desk = Desk()
    await desk.open()
    made = await desk.record(TransactionType.DEPOSIT, Decimal(1))
    desk.entries.behind = 1_000_000

    with pytest.raises(WalletBusyError):
        await desk.books.remove_transaction.execute(desk.agent, desk.wallet, made)
    assert desk.balance() == 11_000_000_000


async def test_another_writer_in_between_makes_the_decision_new() -> None:
    desk = Desk()
    await desk.open()
    made = await desk.record(TransactionType.DEPOSIT, Decimal(1))
    journal, state = desk.engine.journal, desk.engine.ledger.head(desk.wallet)
    record = booked_transaction(journal.entries, made)
    assert record is not None
    theirs = Entry(
        id=EntryId(new_id()),
        wallet_address=desk.wallet,
        agent_id=desk.agent.id,
        seq=state.seq + 1,
        at=T0,
        body=TransactionEdited(replace(record.record, input_amount=Decimal(6))),
        postings=(
            Posting(Account.WALLET, SOL_MINT, 5_000_000_000, "SOL", 9),
            Posting(Account.EXTERNAL, SOL_MINT, -5_000_000_000, "SOL", 9),
        ),
    )
    journal.entries.append(theirs)

    await desk.books.edit_transaction.execute(desk.wallet, made, {"input_amount": Decimal(2)})

    assert desk.balance() == 12_000_000_000
    desk.check()


async def test_the_ledger_itself_keeps_what_backs_a_position() -> None:
    desk = Desk()
    agent = await desk.open()
    await desk.engine.buy([agent], size_sol=Decimal(1))
    held = desk.engine.ledger.head(desk.wallet).balances[TOKEN]
    postings = [
        Posting(Account.WALLET, TOKEN, -held.amount_raw, "T", held.decimals),
        Posting(Account.ADJUSTMENT, TOKEN, held.amount_raw, "T", held.decimals),
    ]

    with pytest.raises(LedgerInvariantError, match="in use"):
        desk.engine.ledger.stage(desk.wallet, BalanceRemoved(TOKEN, "test"), postings)
    with pytest.raises(LedgerInvariantError, match="not empty"):
        desk.engine.ledger.stage(desk.wallet, BalanceRemoved(TOKEN, "test"))


async def test_a_new_symbol_stays_when_the_balance_moves() -> None:
    desk = Desk()
    await desk.open()
    wanted = balance_id(desk.wallet, SOL_MINT)

    renamed = await desk.books.update_balance.execute(wanted, USER, amount=None, symbol="wSOL")
    await desk.record(TransactionType.DEPOSIT, Decimal(1))

    held = desk.engine.ledger.head(desk.wallet).balances[SOL_MINT]
    assert (renamed.balance.symbol, renamed.balance.amount_raw) == ("wSOL", 10_000_000_000)
    assert (held.symbol, held.amount_raw) == ("wSOL", 11_000_000_000)
    assert isinstance(desk.engine.journal.entries[-2].body, Adjusted)


async def desk_that_sold_long_ago() -> tuple[Desk, UUID]:
    """Return a desk whose ledger has forgotten the balance of a token it sold, and the balance's id."""
    desk = Desk()
    agent = await desk.open()
    await desk.engine.buy([agent], size_sol=Decimal(1))
    (position,) = desk.engine.positions(agent)
    await desk.engine.sales.execute(
        ClosePositionRequest(wallet_address=desk.wallet, position_id=position.id, reason=CloseReason.MANUAL)
    )
    desk.engine.clock.advance(120)
    await desk.record(TransactionType.DEPOSIT, Decimal(1))
    assert TOKEN not in desk.engine.ledger.head(desk.wallet).balances
    return desk, balance_id(desk.wallet, TOKEN)


async def test_a_balance_that_was_sold_long_ago_is_listed_and_can_be_changed() -> None:
    desk, wanted = await desk_that_sold_long_ago()
    books = desk.books

    listed = await books.balances.of_agent(desk.agent)
    assert [(one.mint, isinstance(one, OwnedBalance)) for one in listed] == [(SOL_MINT, True), (TOKEN, False)]
    found = await books.balances.owned(wanted, USER)
    with pytest.raises(UnknownBalanceError):
        await books.balances.owned(wanted, UserId(new_id()))
    with pytest.raises(BalanceExistsError):
        await books.create_balance.execute(desk.agent.wallets[0], TOKEN, "EXM", Decimal(1))
    renamed = await books.update_balance.execute(wanted, USER, amount=None, symbol="NEW")
    filled = await books.update_balance.execute(wanted, USER, amount=Decimal(2), symbol=None)

    assert (found.balance.amount_raw, renamed.balance.amount_raw) == (0, 0)
    assert (filled.balance.symbol, filled.balance.amount_raw) == ("NEW", 2_000_000)
    assert desk.balance(TOKEN) == 2_000_000
    desk.check()


async def test_a_balance_that_was_sold_long_ago_can_be_removed() -> None:
    desk, wanted = await desk_that_sold_long_ago()

    await desk.books.remove_balance.execute(wanted, USER)

    assert await desk.empty.find(wanted) is None
    with pytest.raises(UnknownBalanceError):
        await desk.books.remove_balance.execute(wanted, USER)
    await desk.books.create_balance.execute(desk.agent.wallets[0], TOKEN, "EXM", Decimal(1))
    assert desk.balance(TOKEN) == 1_000_000
    desk.check()


async def test_what_is_held_is_listed_without_what_was_sold() -> None:
    desk, _ = await desk_that_sold_long_ago()
    await desk.engine.buy([desk.agent], size_sol=Decimal(1))
    (position,) = desk.engine.positions(desk.agent)
    bought = await desk.books.balances.held_by(desk.agent)
    request = ClosePositionRequest(
        wallet_address=desk.wallet, position_id=position.id, reason=CloseReason.MANUAL
    )
    await desk.engine.sales.execute(request)

    # A moment after the sale the ledger still has the balance, and it is empty.
    sold = await desk.books.balances.held_by(desk.agent)

    assert desk.engine.ledger.head(desk.wallet).balances[TOKEN].amount_raw == 0
    assert {owned.balance.mint for owned in bought} == {SOL_MINT, TOKEN}
    assert [owned.balance.mint for owned in sold] == [SOL_MINT]


async def test_what_is_held_is_listed_without_the_tables() -> None:
    desk, wanted = await desk_that_sold_long_ago()
    desk.empty.away = True

    (held,) = await desk.books.balances.of_agent(desk.agent)

    assert held.mint == SOL_MINT
    with pytest.raises(UnavailableError):
        await desk.books.balances.owned(wanted, USER)
