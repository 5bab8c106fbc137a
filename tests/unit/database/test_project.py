"""What a batch of the journal means for the tables, before any table is touched."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.models import (
    Account,
    Adjusted,
    BalanceRemoved,
    ClosedTradeEdited,
    ClosedTradeRecorded,
    ClosedTradeRemoved,
    Recorded,
    RentReclaimed,
    TradeIntended,
    TradeSettled,
    TransactionEdited,
    TransactionRemoved,
)
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.orders.purchases import LATE
from nexgent.domain.transactions.models import ClosedTradeRecord, TransactionRecord, TransactionType
from nexgent.infrastructure.database.journal.wallet_states import follow
from nexgent.infrastructure.database.projection.project import project
from nexgent.infrastructure.database.projection.rows import Changes, PositionRow
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, ClosedTradeId
from tests.builders import TOKEN
from tests.integration.database.story import DECIMALS, QUANTITY_RAW, Story, intent_of


def a_transaction(story: Story) -> TransactionRecord:
    return story.transaction(TransactionType.DEPOSIT)


def a_trade(story: Story) -> ClosedTradeRecord:
    return ClosedTradeRecord(
        id=ClosedTradeId(new_id()),
        agent_id=story.agent_id,
        wallet_address=story.wallet,
        token_address=TOKEN,
        token_symbol="TKN",
        amount=Decimal(1),
        purchase_price=Decimal(1),
        sale_price=Decimal(1),
        change_percent=Decimal(0),
        profit_loss_usd=Decimal(0),
        profit_loss_sol=Decimal(0),
        purchase_time=story.now,
        sale_time=story.now,
    )


def test_a_reset_drops_every_row_of_its_wallet_and_none_of_another() -> None:
    one, other = Story(), Story()
    entries = []
    for story in (one, other):
        entries += [
            story.deposit(),
            story.add(Recorded(a_transaction(story))),
            story.add(TransactionEdited(a_transaction(story))),
            story.add(ClosedTradeRecorded(a_trade(story))),
            story.add(ClosedTradeEdited(a_trade(story))),
            *story.buy(),
        ]

    changes = project([*entries, one.reset()])

    assert changes.resets == {one.wallet}
    for rows in (
        changes.transactions,
        changes.transaction_edits,
        changes.closed_trades,
        changes.closed_trade_edits,
        changes.positions,
        changes.balances,
    ):
        assert {row.wallet_address for row in rows.values()} == {other.wallet}
    # What the trades of the wallet were stays on record.
    assert {row.wallet_address for row in changes.intents.values()} == {one.wallet, other.wallet}


def test_a_gap_among_the_entries_of_an_earlier_owner_is_noticed() -> None:
    story = Story()
    entries = [story.deposit(), story.add(Adjusted(SOL_MINT, "x")), story.deposit()]
    state = WalletState(story.wallet, AgentId(new_id()))

    assert follow(state, entries[0]) == replace(state, seq=1)
    with pytest.raises(LedgerInvariantError, match="entry 3 cannot follow 1"):
        follow(follow(state, entries[0]), entries[2])


def _balances(story: Story, changes: Changes) -> dict[str, int]:
    rows = [row for row in changes.balances.values() if row.wallet_address == story.wallet]
    return {row.token_symbol: int(row.delta_raw) for row in rows}


def test_a_reset_closes_the_positions_of_its_wallet_those_of_the_batch_too() -> None:
    one, other = Story(), Story()
    entries = [entry for story in (one, other) for entry in (story.deposit(), *story.buy())]
    held = set(one.state.positions)

    changes = project([*entries, one.reset()])

    assert changes.closed_positions == held
    assert set(changes.positions) == set(other.state.positions)
    # What comes after the reset is there again.
    again = project([*entries, one.reset(), one.deposit(5)])
    assert _balances(one, again) == {"SOL": 5}


def test_a_wallet_whose_agent_goes_holds_nothing_and_keeps_its_history() -> None:
    one, other = Story(), Story()
    entries = [entry for story in (one, other) for entry in (story.deposit(), *story.buy())]
    held = set(one.state.positions)

    changes = project([*entries, one.reset(keep_history=True)])

    assert (changes.vacated, changes.resets) == ({one.wallet}, set())
    assert changes.closed_positions == held
    assert set(changes.positions) == set(other.state.positions)
    assert {row.wallet_address for row in changes.balances.values()} == {other.wallet}
    assert {row.wallet_address for row in changes.transactions.values()} == {one.wallet, other.wallet}


def test_an_edit_of_a_transaction_of_the_batch_changes_its_row_and_not_when_it_was_made() -> None:
    story = Story()
    record = a_transaction(story)
    recorded = story.add(Recorded(record))
    edited = story.add(TransactionEdited(replace(record, value_usd=Decimal(7))))

    changes = project([recorded, edited])

    row = changes.transactions[record.id]
    assert (row.transaction_value_usd, row.created_at, row.updated_at) == (Decimal(7), recorded.at, edited.at)
    assert changes.transaction_edits == {}
    # Alone it is a change of a row that is there already.
    assert project([edited]).transactions == {}
    assert project([edited]).transaction_edits[record.id].transaction_value_usd == 7


def test_a_transaction_that_is_removed_cannot_be_edited_any_more() -> None:
    story = Story()
    record = a_transaction(story)
    recorded, edited = story.add(Recorded(record)), story.add(TransactionEdited(record))
    removed, late = story.add(TransactionRemoved(record.id)), story.add(TransactionEdited(record))

    for entries in ([recorded, removed, late], [edited, removed], [removed, late]):
        changes = project(entries)
        assert changes.removed_transactions == {record.id}
        assert changes.transactions == changes.transaction_edits == {}


def test_an_edit_of_a_closed_trade_of_the_batch_changes_its_row_and_not_when_it_was_made() -> None:
    story = Story()
    trade = a_trade(story)
    recorded = story.add(ClosedTradeRecorded(trade))
    edited = story.add(ClosedTradeEdited(replace(trade, amount=Decimal(7), close_reason=CloseReason.MANUAL)))

    changes = project([recorded, edited])

    row = changes.closed_trades[trade.id]
    assert (row.amount, row.created_at, row.close_reason) == (Decimal(7), recorded.at, "manual")
    assert changes.closed_trade_edits == {}
    assert project([recorded]).closed_trades[trade.id].close_reason is None
    assert project([edited]).closed_trades == {}
    assert project([edited]).closed_trade_edits[trade.id].amount == 7


def test_a_closed_trade_that_is_removed_cannot_be_edited_any_more() -> None:
    story = Story()
    trade = a_trade(story)
    recorded, edited = story.add(ClosedTradeRecorded(trade)), story.add(ClosedTradeEdited(trade))
    removed, late = story.add(ClosedTradeRemoved(trade.id)), story.add(ClosedTradeEdited(trade))

    for entries in ([recorded, removed, late], [edited, removed], [removed, late]):
        changes = project(entries)
        assert changes.removed_closed_trades == {trade.id}
        assert changes.closed_trades == changes.closed_trade_edits == {}


def test_movements_of_a_balance_add_up_and_only_those_of_the_wallet_count() -> None:
    story = Story()
    changes = project([story.deposit(), *story.buy(), story.deposit(3)])

    assert _balances(story, changes) == {"SOL": 10_000_000_000 - 1_000_105_000 + 3, "TKN": QUANTITY_RAW}
    row = changes.balances[story.wallet, SOL_MINT]
    assert (row.decimals, row.last_updated, row.new_symbol) == (
        9,
        story.state.balances[SOL_MINT].updated_at,
        None,
    )


def test_a_balance_that_is_struck_off_has_no_row() -> None:
    story = Story()
    entries = [story.deposit(), *story.buy(), *story.sell()]
    removed = story.add(BalanceRemoved(TOKEN, "empty"))

    changes = project([*entries, removed])

    assert changes.removed_balances == {(story.wallet, TOKEN)}
    assert set(changes.balances) == {(story.wallet, SOL_MINT)}


def test_a_balance_gets_a_new_symbol_only_where_one_was_given() -> None:
    story = Story()
    legs = ((Account.WALLET, SOL_MINT, 1), (Account.ADJUSTMENT, SOL_MINT, -1))

    def renamed(symbol: str | None) -> str | None:
        changes = project([story.add(Adjusted(SOL_MINT, "counted", symbol), *legs)])
        return changes.balances[story.wallet, SOL_MINT].new_symbol

    assert renamed("WSOL") == "WSOL"
    assert renamed(None) is None
    # Of a balance nothing moves in, there is nothing to rename.
    assert project([story.add(Adjusted(TOKEN, "counted", "X"))]).balances == {}


def test_an_intent_is_followed_to_its_end_within_a_batch() -> None:
    story = Story()
    deposit, intended = story.deposit(), story.intend()
    intent_id = intent_of(intended).id
    entries = [deposit, intended, story.submit(intended), story.bought(intended)]

    changes = project(entries)

    assert changes.intent_updates == {}
    row = changes.intents[intent_id]
    assert (row.status, row.updated_at, row.created_at) == (
        "settled",
        entries[-1].at,
        intent_of(intended).created_at,
    )
    assert row.submission is not None
    assert row.transaction_id in changes.transactions
    # Of an intent of an earlier batch it is the last word, with what was sent.
    later = project(entries[2:])
    update = later.intent_updates[intent_id]
    assert later.intents == {}
    assert (update.status, update.submission, update.transaction_id) == (
        "settled",
        row.submission,
        row.transaction_id,
    )


def test_an_intent_that_failed_says_why_and_may_be_tried_again() -> None:
    story = Story()
    story.deposit()
    intended = story.intend(7)
    failed, again = story.failed(intended), story.intend(7)
    intent_id = intent_of(intended).id

    row = project([intended, failed]).intents[intent_id]
    assert (row.status, row.code, row.reason) == ("failed", "NO_ROUTE", "No route")
    changes = project([failed, again])
    assert changes.intent_updates == {}
    assert changes.intents[intent_id].status == "intended"
    expired = project([story.expired(again)]).intent_updates[intent_id]
    assert (expired.status, expired.code, expired.reason) == ("expired", None, "Block height exceeded")


def test_deposits_of_accounts_that_came_back_settle_their_intent() -> None:
    story = Story()
    story.deposit()
    intended = story.intend()
    record = a_transaction(story)

    changes = project([intended, story.add(RentReclaimed(intent_of(intended).id, record))])

    assert set(changes.transactions) == {record.id}
    row = changes.intents[intent_of(intended).id]
    assert (row.status, row.transaction_id) == ("settled", record.id)


@pytest.mark.parametrize(
    ("cause", "selling", "refers"),
    [("signal", False, 7), ("manual", False, None), (LATE, False, None), ("manual", True, 7)],
)
def test_only_the_trade_an_agent_makes_of_a_signal_is_its_trade(
    cause: str, selling: bool, refers: int | None
) -> None:
    story = Story()
    story.deposit()
    story.buy(7)
    position = next(iter(story.state.positions.values())) if selling else None
    entry = story.intend(7, position)
    intent = replace(intent_of(entry), cause=cause)

    changes = project([replace(entry, body=TradeIntended(intent))])

    assert changes.intents[intent.id].signal_id == refers
    assert changes.positions == {}


def test_a_sale_closes_its_position_and_a_purchase_opens_one() -> None:
    story = Story()
    bought = [story.deposit(), *story.buy()]
    (position_id,) = story.state.positions
    (position,) = story.state.positions.values()
    intended, sold = story.sell()

    opened = project(bought)
    assert set(opened.positions) == {position_id}
    assert (opened.closed_positions, opened.closed_trades) == (set(), {})
    under_way = project([intended]).positions[position_id]
    assert under_way.version == position.version + 1
    closed = project([*bought, intended, sold])
    assert closed.positions == {}
    assert closed.closed_positions == {position_id}
    assert [row.close_reason for row in closed.closed_trades.values()] == ["manual"]


def test_what_a_position_keeps_and_has_brought_in_is_in_its_row() -> None:
    story = Story()
    story.deposit()
    *_, settled = story.buy()
    (position,) = story.state.positions.values()

    def row_of(bag_raw: int | None) -> PositionRow:
        moved = replace(position, moon_bag_raw=bag_raw, realized_lamports=1_500_000_000)
        body = settled.body
        assert isinstance(body, TradeSettled)
        return project([replace(settled, body=replace(body, position=moved))]).positions[position.id]

    assert row_of(None).moon_bag_amount is None
    assert row_of(25 * 10**DECIMALS).moon_bag_amount == 25
    assert row_of(None).realized_profit_sol == Decimal("1.5")


def test_foreign_text_is_a_document_or_a_text() -> None:
    story = Story()

    def routes(text: str | None) -> str | None:
        record = replace(a_transaction(story), routes_json=text)
        return project([story.add(Recorded(record))]).transactions[record.id].routes

    assert routes(None) is None
    assert routes('{"a": 1.50}') == '{"a": 1.50}'
    assert routes("no { document") == '"no { document"'


def test_signals_rows_refer_to_are_told() -> None:
    story = Story()
    changes = project([story.deposit(), *story.buy(7)])

    assert changes.signal_ids() == {7}
