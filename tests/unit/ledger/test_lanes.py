"""Who may write to a wallet: everybody together, or one alone."""

from __future__ import annotations

import asyncio

import pytest

from nexgent.domain.ledger.lanes import LaneBusyError, WalletClosedError, WalletLanes
from nexgent.shared.types import WalletAddress
from tests.patience import PATIENCE_SECONDS

ONE, TWO = WalletAddress("one"), WalletAddress("two")


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_nothing_is_refused_where_nobody_is_alone() -> None:
    lanes = WalletLanes()
    assert not lanes.refuses(ONE, None)
    with lanes.enter([ONE, TWO]):
        assert not lanes.refuses(ONE, None)


async def test_who_is_alone_is_refused_nothing_and_others_only_there() -> None:
    lanes = WalletLanes()
    async with lanes.alone([ONE]) as right:
        assert lanes.refuses(ONE, None)
        assert not lanes.refuses(ONE, right)
        assert not lanes.refuses(TWO, None)
        async with lanes.alone([TWO]) as other:
            assert lanes.refuses(TWO, right)
            assert lanes.refuses(ONE, other)
    assert not lanes.refuses(ONE, None)


async def test_who_wants_to_be_alone_waits_for_the_last_who_is_inside() -> None:
    lanes = WalletLanes()
    entered = asyncio.Event()

    async def alone() -> None:
        async with lanes.alone([ONE, TWO], patience_seconds=PATIENCE_SECONDS):
            entered.set()

    with lanes.enter([ONE]):
        with lanes.enter([ONE]):
            with lanes.enter([ONE, TWO]):
                task = asyncio.create_task(alone())
                await settled()
                # Closed at once: nothing new begins while it waits.
                assert lanes.refuses(ONE, None)
            await settled()
            assert not entered.is_set()
        await settled()
        assert not entered.is_set()
    await task
    assert entered.is_set()


async def test_two_are_never_alone_in_one_wallet() -> None:
    lanes = WalletLanes()
    inside: list[str] = []

    async def alone(name: str, go_on: asyncio.Event) -> None:
        async with lanes.alone([ONE], patience_seconds=PATIENCE_SECONDS):
            inside.append(name)
            await go_on.wait()
            inside.remove(name)

    first, second = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(alone("first", first)), asyncio.create_task(alone("second", second))]
    await settled()
    assert inside == ["first"]
    first.set()
    await settled()
    assert inside == ["second"]
    second.set()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_who_waits_in_vain_leaves_the_wallets_open(cancelled: bool) -> None:
    lanes = WalletLanes()

    async def alone() -> None:
        async with lanes.alone([ONE, TWO], patience_seconds=PATIENCE_SECONDS if cancelled else 0.001):
            pytest.fail("somebody is inside")

    with lanes.enter([ONE]):
        task = asyncio.create_task(alone())
        if cancelled:
            await settled()
            assert lanes.refuses(TWO, None)
            task.cancel()
        with pytest.raises(asyncio.CancelledError if cancelled else LaneBusyError):
            await task
        assert not lanes.refuses(ONE, None)
        assert not lanes.refuses(TWO, None)


async def test_who_waits_in_vain_does_not_open_what_is_another_ones() -> None:
    lanes = WalletLanes()
    async with lanes.alone([ONE]) as right:
        with pytest.raises(LaneBusyError):
            async with lanes.alone([ONE, TWO], patience_seconds=0.001):
                pytest.fail("somebody is alone there")
        assert lanes.refuses(ONE, None)
        assert not lanes.refuses(ONE, right)
        assert not lanes.refuses(TWO, None)


async def test_a_mistake_of_whoever_is_alone_opens_the_wallets() -> None:
    lanes = WalletLanes()
    with pytest.raises(WalletClosedError, match="reset, replaced or removed") as error:
        async with lanes.alone([ONE]):
            raise WalletClosedError(ONE)
    assert error.value.details == {"walletAddress": ONE}
    assert not lanes.refuses(ONE, None)
    assert "trade is in progress" in LaneBusyError().message
