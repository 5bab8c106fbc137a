"""Signals, their decisions and corrections."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nexgent.domain.signals.models import DecisionOutcome, Signal, SignalDraft
from nexgent.domain.signals.queries import SignalFilter, SignalRow
from nexgent.shared.paging import PageCursor
from nexgent.shared.types import SignalId, TokenAddress, UserId
from tests.builders import T0, a_decision, a_draft
from tests.integration.ports.conftest import Stores


async def stored(stores: Stores, draft: SignalDraft) -> Signal:
    signal = await stores.signals.add(draft, duplicate_window_seconds=60)
    assert signal is not None
    return signal


async def row_of(stores: Stores, signal: Signal) -> SignalRow:
    assert signal.user_id is not None
    row = await stores.queries.get(signal.id, signal.user_id)
    assert row is not None
    return row


async def test_a_signal_waits_for_its_decisions(stores: Stores) -> None:
    user = await stores.user()
    first = await stored(stores, a_draft(user))
    second = await stored(stores, a_draft(user, "Other"))

    assert list(await stores.signals.undecided()) == [first, second]
    await stores.signals.record_decisions(first.id, [])
    assert list(await stores.signals.undecided()) == [second]
    assert (await row_of(stores, first)).processed_at is not None
    assert (await row_of(stores, second)).processed_at is None


async def test_the_same_signal_is_refused_and_another_is_not(stores: Stores) -> None:
    user, other = await stores.user(), await stores.user()
    draft = a_draft(user)
    await stored(stores, draft)

    assert await stores.signals.add(draft, duplicate_window_seconds=60) is None
    await stored(stores, replace(draft, signal_strength=4))
    await stored(stores, replace(draft, signal_type="Other"))
    await stored(stores, replace(draft, user_id=other))
    await stored(stores, replace(draft, token_address=TokenAddress(draft.token_address.lower())))


async def test_decisions_are_recorded_once(stores: Stores) -> None:
    story = await stores.story()
    signal = await stored(stores, a_draft(await stores.user()))
    decision = a_decision(signal.id, story.agent_id, DecisionOutcome.SKIPPED)

    await stores.signals.record_decisions(signal.id, [decision])
    row = await row_of(stores, signal)
    await stores.signals.record_decisions(
        signal.id, [replace(decision, code="Y", decided_at=T0 + timedelta(1))]
    )

    assert list(await stores.queries.decisions(signal.id)) == [decision]
    assert await row_of(stores, signal) == row


async def test_signals_come_newest_first_in_pages_that_do_not_overlap(stores: Stores) -> None:
    user = await stores.user()
    signals = [await stored(stores, a_draft(user, f"T{number % 2}", number)) for number in range(1, 6)]
    await stored(stores, a_draft(await stores.user()))
    mine = SignalFilter(user_id=user)

    rows = await stores.queries.list(mine)
    newest_first = [signal.id for signal in reversed(signals)]
    assert [row.id for row in rows] == newest_first
    assert [row.id for row in await stores.queries.list(mine, limit=2, offset=1)] == newest_first[1:3]
    after = PageCursor(rows[1].created_at, rows[1].id)
    assert [row.id for row in await stores.queries.list(mine, limit=2, after=after)] == newest_first[2:4]
    assert [row.id for row in await stores.queries.export(mine, after=signals[1].id, limit=2)] == [
        signals[2].id,
        signals[3].id,
    ]


async def test_signals_are_filtered(stores: Stores) -> None:
    user = await stores.user()
    first = await stored(stores, a_draft(user, "T1"))
    last = await stored(stores, replace(a_draft(user, "T2"), signal_type="Other"))
    mine = SignalFilter(user_id=user)

    async def ids(wanted: SignalFilter) -> list[SignalId]:
        listed = [row.id for row in await stores.queries.list(wanted)]
        exported = [row.id for row in await stores.queries.export(wanted)]
        assert sorted(listed) == exported
        return exported

    assert await ids(replace(mine, token_address=TokenAddress("T1"))) == [first.id]
    assert await ids(replace(mine, token_address=TokenAddress("t1"))) == []
    assert await ids(replace(mine, signal_type="Other")) == [last.id]
    assert await ids(replace(mine, start_date=last.created_at)) == [last.id]
    assert await ids(replace(mine, end_date=last.created_at)) == [first.id, last.id]
    assert await ids(replace(mine, end_date=first.created_at - timedelta(microseconds=1))) == []


async def test_signals_of_others_look_like_missing_ones(stores: Stores) -> None:
    user, stranger = await stores.user(), await stores.user()
    signal = await stored(stores, a_draft(user))

    assert await stores.queries.get(signal.id, stranger) is None
    assert await stores.edits.update(signal.id, stranger, {"symbol": "X"}) is None
    assert not await stores.edits.delete(signal.id, stranger)
    assert await stores.edits.delete_all(stranger) == 0
    assert (await row_of(stores, signal)).symbol == signal.symbol


async def test_a_signal_is_corrected_and_deleted(stores: Stores) -> None:
    user: UserId = await stores.user()
    signal, other = await stored(stores, a_draft(user)), await stored(stores, a_draft(user, "Other"))

    changed = await stores.edits.update(signal.id, user, {"symbol": "X", "signal_strength": 5})
    assert changed is not None
    assert (changed.symbol, changed.signal_strength) == ("X", 5)
    assert changed == replace(signal, symbol="X", signal_strength=5, updated_at=changed.updated_at)
    assert (await row_of(stores, signal)).symbol == "X"

    assert await stores.edits.delete(signal.id, user)
    assert not await stores.edits.delete(signal.id, user)
    assert await stores.edits.update(signal.id, user, {"symbol": "X"}) is None
    assert await stores.edits.delete_all(user) == 1
    assert await stores.queries.get(other.id, user) is None
