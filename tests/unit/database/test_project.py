"""What a batch of the journal means for the tables, before any table is touched."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.models import (
    Adjusted,
    ClosedTradeEdited,
    ClosedTradeRecorded,
    Recorded,
    TransactionEdited,
)
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.transactions.models import ClosedTradeRecord, TransactionRecord, TransactionType
from nexgent.infrastructure.database.journal.wallet_states import follow
from nexgent.infrastructure.database.projection.project import project
from nexgent.shared.ids import new_id
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import AgentId, ClosedTradeId
from tests.builders import TOKEN
from tests.integration.database.story import Story


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
