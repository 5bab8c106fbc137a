"""What comes along from another installation: what it does to a wallet, to its rows, and what can be done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from nexgent.domain.bookkeeping.booked import booked_transaction
from nexgent.domain.ledger.errors import LedgerInvariantError
from nexgent.domain.ledger.models import Account, Imported, TransactionEdited, TransactionRemoved, WalletReset
from nexgent.domain.positions.models import Position
from nexgent.domain.transactions.models import TransactionType
from nexgent.infrastructure.database.projection.project import project
from nexgent.shared.money import SOL_MINT
from tests.builders import TOKEN, a_position
from tests.integration.database.story import Story

THEN, LATER = datetime(2025, 2, 10, tzinfo=UTC), datetime(2025, 2, 11, tzinfo=UTC)


def opened(story: Story) -> list[object]:
    """Open a wallet with some tokens and SOL."""
    return [
        story.add(
            Imported(origin="reference"),
            (Account.WALLET, TOKEN, 1_000),
            (Account.ADJUSTMENT, TOKEN, -1_000),
            (Account.WALLET, SOL_MINT, 5),
            (Account.ADJUSTMENT, SOL_MINT, -5),
        )
    ]


def held(story: Story, quantity_raw: int) -> Position:
    position = a_position(
        agent_id=story.agent_id, wallet_address=story.wallet, token_address=TOKEN, quantity_raw=quantity_raw
    )
    return replace(position, purchased_raw=max(quantity_raw, 1))


@pytest.mark.parametrize("quantity_raw", [1, 1_000])
def test_balances_and_a_position_that_they_cover(quantity_raw: int) -> None:
    story = Story()
    opened(story)
    position = held(story, quantity_raw)
    story.add(Imported(origin="reference", position=position))

    assert story.state.balance_raw(TOKEN) == 1_000
    assert story.state.positions == {position.id: position}


@pytest.mark.parametrize("quantity_raw", [0, -1, 1_001])
def test_a_position_that_nothing_covers_is_refused(quantity_raw: int) -> None:
    story = Story()
    opened(story)
    with pytest.raises(LedgerInvariantError, match="not covered"):
        story.add(Imported(origin="reference", position=held(story, quantity_raw)))


def test_a_second_position_in_a_token_is_refused() -> None:
    story = Story()
    opened(story)
    story.add(Imported(origin="reference", position=held(story, 400)))
    with pytest.raises(LedgerInvariantError, match="has a position"):
        story.add(Imported(origin="reference", position=held(story, 400)))


def test_rows_keep_the_times_of_there() -> None:
    story = Story()
    record = story.transaction(TransactionType.DEPOSIT)
    kept = Imported(origin="reference", transaction=record, created_at=THEN, updated_at=LATER)
    entry = story.add(kept)
    row = project([entry]).transactions[record.id]

    assert (row.created_at, row.updated_at, row.wallet_address) == (THEN, LATER, story.wallet)
    detached = story.add(replace(kept, detached=True))
    edited = story.add(TransactionEdited(replace(record, value_usd=Decimal(7))))
    row = project([detached, edited]).transactions[record.id]
    assert (row.created_at, row.transaction_value_usd) == (THEN, Decimal(7))
    assert row.wallet_address is None


def test_a_transaction_that_came_along_takes_nothing_back() -> None:
    story = Story()
    record = story.transaction(TransactionType.DEPOSIT)
    entries = [story.add(Imported(origin="reference", transaction=record))]

    booked = booked_transaction(entries, record.id)
    assert booked is not None
    assert (booked.record, booked.effect, booked.by_engine) == (record, (), True)
    entries.append(story.add(TransactionRemoved(record.id)))
    assert booked_transaction(entries, record.id) is None


def test_a_reset_ends_what_came_along() -> None:
    story = Story()
    opened(story)
    record = story.transaction(TransactionType.DEPOSIT)
    entries = [
        story.add(Imported(origin="reference", transaction=record)),
        story.add(Imported(origin="reference", position=held(story, 1_000))),
        story.add(
            WalletReset("by hand"),
            (Account.WALLET, TOKEN, -1_000),
            (Account.ADJUSTMENT, TOKEN, 1_000),
            (Account.WALLET, SOL_MINT, -5),
            (Account.ADJUSTMENT, SOL_MINT, 5),
        ),
    ]
    changes = project(entries)

    assert (changes.transactions, changes.positions, story.state.positions) == ({}, {}, {})
