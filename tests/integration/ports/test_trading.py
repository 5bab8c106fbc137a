"""The journal, trails, and what protections are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.ledger.ports import JournalConflictError
from nexgent.domain.positions.models import PositionTrail
from nexgent.domain.protections.models import KillSwitch
from nexgent.shared.ids import new_id
from nexgent.shared.types import EntryId, PositionId, WalletAddress
from tests.builders import T0
from tests.integration.ports.conftest import Stores

ID = PositionId(new_id())


def a_trail(version: int, peak: str, low: str, stop: str | None, minutes: int = 0) -> PositionTrail:
    return PositionTrail(
        ID,
        version,
        Decimal(peak),
        Decimal(low),
        Decimal(stop) if stop is not None else None,
        T0 + timedelta(minutes=minutes) if stop is not None else None,
    )


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ([a_trail(1, "1E-30", "1E-30", "-32.125")], a_trail(1, "1E-30", "1E-30", "-32.125")),
        ([a_trail(1, "2", "1", "-5", 2), a_trail(1, "1.5", "0.5", "-9", 1)], a_trail(1, "2", "0.5", "-5", 2)),
        ([a_trail(2, "1", "1", "-30"), a_trail(1, "9", "0.1", "80")], a_trail(2, "1", "1", "-30")),
        ([a_trail(1, "9", "0.1", "80"), a_trail(2, "1", "1", "-30", 3)], a_trail(2, "1", "1", "-30", 3)),
        ([a_trail(1, "1", "1", None), a_trail(1, "1", "1", "-30")], a_trail(1, "1", "1", "-30")),
        ([a_trail(1, "1", "1", "-30"), a_trail(1, "1", "1", None)], a_trail(1, "1", "1", "-30")),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_stop_never_loosens_within_a_version(
    stores: Stores, saved: list[PositionTrail], expected: PositionTrail, at_once: bool
) -> None:
    for trails in [saved] if at_once else [[trail] for trail in saved]:
        await stores.trails.save(trails)

    assert list(await stores.trails.load()) == [expected]


async def test_a_place_in_a_stream_is_taken_once_and_a_batch_is_all_or_nothing(stores: Stores) -> None:
    story, other = await stores.story(), await stores.story()
    first, *others = [story.deposit(), *story.buy()]
    before = await stores.journal.append([first])

    with pytest.raises(JournalConflictError):
        await stores.journal.append([other.deposit(), replace(first, id=EntryId(new_id()))])

    assert await stores.journal.append(others) >= before + len(others)
    states = {state.wallet_address: state for state in await stores.journal.load()}
    assert states[story.wallet] == story.state
    assert states[other.wallet].seq == 0


async def test_wallets_are_loaded_as_their_entries_make_them(stores: Stores) -> None:
    story, empty = await stores.story(), await stores.story()
    await stores.journal.append([story.deposit(), *story.buy(), *story.sell()])
    unknown = WalletAddress("nobody's")

    loaded = await stores.journal.load([story.wallet, empty.wallet, unknown])

    assert {state.wallet_address for state in loaded} == {story.wallet, empty.wallet}
    assert story.state in loaded
    assert [state.wallet_address for state in await stores.journal.load([empty.wallet])] == [empty.wallet]
    assert list(await stores.journal.load([])) == []


async def test_the_journal_tells_what_of_an_ambiguous_append_is_there(stores: Stores) -> None:
    story = await stores.story()
    written, other = story.deposit(), story.deposit()
    await stores.journal.append([written])

    assert await stores.journal.find([written, other]) == {written}


async def test_switches_are_kept_and_the_newest_wins(stores: Stores) -> None:
    user = await stores.user()
    mine = KillSwitch(user_id=user, engaged=True, reason="news", changed_at=T0, changed_by=user)
    system = replace(mine, user_id=None)

    await stores.protections.set_switch(mine)
    await stores.protections.set_switch(system)
    await stores.protections.set_switch(replace(mine, engaged=False, changed_at=T0 - timedelta(seconds=1)))
    assert set((await stores.protections.controls()).switches) == {mine, system}

    released = replace(mine, engaged=False, reason=None, changed_at=T0 + timedelta(seconds=1))
    await stores.protections.set_switch(released)
    assert set((await stores.protections.controls()).switches) == {released, system}


async def test_a_reset_never_goes_back(stores: Stores) -> None:
    story, user = await stores.story(), await stores.user()

    await stores.protections.reset(story.agent_id, T0, user)
    await stores.protections.reset(story.agent_id, T0 - timedelta(hours=1), user)

    assert dict((await stores.protections.controls()).resets) == {story.agent_id: T0}
