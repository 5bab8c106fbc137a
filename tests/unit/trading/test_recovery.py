"""Recovery side by side: what hangs or breaks concerns its own intent, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.events import RecoveryPostponed
from nexgent.domain.trading.models import Landed, Quote, QuoteRequest, StillUnknown, SwapOutcome
from nexgent.domain.trading.ports import fill_from_quote
from nexgent.domain.trading.watch.recovery import SIDE_BY_SIDE
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import WalletAddress
from tests.builders import an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.market import FakeSwaps
from tests.passes import recovered
from tests.patience import until

A_SUBMISSION = Submission(
    request_id="r",
    signature="s",
    signed_transaction="t",
    last_valid_block_height=1,
    in_amount_raw=1,
    out_amount_raw=1,
)


class UnclearSwaps(FakeSwaps):
    """Every swap is in doubt until `resolve` is asked by recovery; what that does is the test's business."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[WalletAddress] = []
        self.at_once = 0
        self.most_at_once = 0
        self.hang: set[WalletAddress] = set()
        self.broken: dict[WalletAddress, Exception] = {}
        self.open = asyncio.Event()
        self.open.set()

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        return replace(A_SUBMISSION, signature=f"of {wallet}")

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        return StillUnknown(reason="nobody knows")

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        self.asked.append(wallet)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
            if wallet in self.hang:
                await asyncio.Event().wait()
            if wallet in self.broken:
                raise self.broken[wallet]
            return Landed(fill=fill_from_quote(await super().quote(request)))
        finally:
            self.at_once -= 1


@pytest.fixture
def swaps() -> UnclearSwaps:
    return UnclearSwaps()


@pytest.fixture
async def in_doubt(swaps: UnclearSwaps, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    """Return an engine and the wallets of agents each of whom has bought, and nobody knows whether it landed."""
    monkeypatch.setattr("nexgent.domain.trading.orders.swap_execution.RESOLVE_PAUSES_SECONDS", ())

    async def engine_with(count: int) -> tuple[FakeEngine, list[WalletAddress]]:
        engine = FakeEngine(swaps=swaps)
        agents = [await engine.add_agent(an_agent()) for _ in range(count)]
        await engine.buy(agents)
        wallets = [agent.wallets[0].address for agent in agents]
        assert all(len(engine.ledger.head(wallet).intents) == 1 for wallet in wallets)
        swaps.asked.clear()
        return engine, wallets

    return engine_with


def ended(engine: FakeEngine, wallet: WalletAddress) -> bool:
    return not engine.ledger.head(wallet).intents


async def test_intents_that_hang_hold_no_other_one_up_and_are_given_up_for_now(
    swaps: UnclearSwaps, in_doubt: Callable[[int], Any]
) -> None:
    engine, wallets = await in_doubt(6)
    swaps.hang = set(wallets[:4])

    await engine.recovery.tick()

    # The pass is over at once, and the others are resolved although four hang.
    left = set(wallets[:4])
    await until(lambda: set(engine.recovery.unresolved.values()) == left, "only those that hang are left")
    assert all(ended(engine, wallet) for wallet in wallets[4:])
    assert not any(ended(engine, wallet) for wallet in wallets[:4])
    await engine.recovery.stop()

    engine.recovery._deadline_seconds = 0.01
    assert await recovered(engine.recovery) == 0
    codes = [event.code for event in engine.events if isinstance(event, RecoveryPostponed)]
    assert codes == ["RECOVERY_TIMEOUT"] * 4

    # They are not forgotten: when the upstream answers again, so are they.
    swaps.hang.clear()
    engine.clock.advance(60)
    engine.recovery._deadline_seconds = 60
    assert await recovered(engine.recovery) == 4
    assert engine.recovery.unresolved == {}
    assert all(ended(engine, wallet) for wallet in wallets)


async def test_what_rests_is_tried_again_as_soon_as_another_one_is_ended(
    swaps: UnclearSwaps, in_doubt: Callable[[int], Any]
) -> None:
    """Somebody answers again: nobody has to sit his rest out."""
    engine, wallets = await in_doubt(SIDE_BY_SIDE + 5)
    swaps.broken = {wallet: NexgentError("nobody answers") for wallet in wallets}
    for _ in range(5):
        engine.clock.advance(60)
        assert await recovered(engine.recovery) == 0
    swaps.broken = {wallets[0]: swaps.broken[wallets[0]]}
    swaps.asked.clear()
    assert await recovered(engine.recovery) == 0
    assert swaps.asked == []

    agent = await engine.add_agent(an_agent())
    await engine.buy([agent])
    assert await recovered(engine.recovery) == 1
    assert ended(engine, agent.wallets[0].address)

    assert await recovered(engine.recovery) == len(wallets) - 1
    # When nobody else is ended any more, whoever fails rests.
    await recovered(engine.recovery)
    swaps.asked.clear()
    assert await recovered(engine.recovery) == 0
    assert swaps.asked == []
    assert not ended(engine, wallets[0])


async def test_a_trade_whose_booking_failed_with_the_journal_is_ended_though_nobody_touches_its_wallet() -> (
    None
):
    class Unlucky(FakeSwaps):
        lucky = False

        async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
            engine.journal.down, self.lucky = not self.lucky, True
            return await super().execute(quote, submission)

    engine = FakeEngine(swaps=Unlucky())
    agent = await engine.add_agent(an_agent())
    (result,) = await engine.buy([agent])
    assert result.code == "JOURNAL_UNAVAILABLE"
    assert await recovered(engine.recovery) == 0

    engine.journal.down = False
    assert await recovered(engine.recovery) == 1

    assert ended(engine, agent.wallets[0].address)
    assert not engine.journal.replay(agent.wallets[0].address).intents
    assert len(engine.positions(agent)) == 1


async def test_so_many_at_once_and_no_more(swaps: UnclearSwaps, in_doubt: Callable[[int], Any]) -> None:
    engine, wallets = await in_doubt(SIDE_BY_SIDE + 5)
    swaps.open.clear()

    running = asyncio.create_task(recovered(engine.recovery))
    await until(lambda: swaps.at_once == SIDE_BY_SIDE, "as many as may are under way")
    # A second pass does not begin what the first is at.
    await engine.recovery.tick()
    assert len(engine.recovery.unresolved) == len(wallets)
    swaps.open.set()

    assert await running == len(wallets)
    assert swaps.most_at_once == SIDE_BY_SIDE
    assert sorted(swaps.asked) == sorted(wallets)


@pytest.mark.parametrize(
    "error",
    [
        TypeError("refuse() got multiple values for argument 'reason'"),
        KeyError("postTokenBalances"),
        TimeoutError(),
        RecursionError(),
        NexgentError("of ours"),
        NotTheEngineError(),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_whatever_a_resolution_raises_it_is_open_until_it_is_resolved_and_alone(
    swaps: UnclearSwaps, in_doubt: Callable[[int], Any], error: Exception
) -> None:
    engine, wallets = await in_doubt(3)
    swaps.broken = {wallets[1]: error}

    assert await recovered(engine.recovery) == 2

    assert [ended(engine, wallet) for wallet in wallets] == [True, False, True]
    assert any(isinstance(event, RecoveryPostponed) for event in engine.events)
    swaps.broken.clear()
    engine.clock.advance(60)
    assert await recovered(engine.recovery) == 1
    assert ended(engine, wallets[1])


async def test_an_engine_that_steps_down_lets_go_of_everything(
    swaps: UnclearSwaps, in_doubt: Callable[[int], Any]
) -> None:
    engine, wallets = await in_doubt(2)
    swaps.open.clear()
    await engine.recovery.tick()
    await until(lambda: swaps.at_once == 2, "both are asked about")

    await engine.parts.step_down()

    assert (swaps.at_once, dict(engine.recovery.unresolved)) == (0, {})
    assert not any(ended(engine, wallet) for wallet in wallets)
    # Should it become the engine again, it begins anew.
    swaps.open.set()
    assert await recovered(engine.recovery) == 2


async def test_a_pass_does_not_begin_again_what_an_earlier_one_is_at(
    swaps: UnclearSwaps, in_doubt: Callable[[int], Any]
) -> None:
    engine, wallets = await in_doubt(2)
    swaps.open.clear()
    await engine.recovery.tick()
    await until(lambda: swaps.at_once == 2, "both are asked about")

    await engine.recovery.tick()
    await engine.settle(50)

    assert sorted(swaps.asked) == sorted(wallets)
    assert set(engine.recovery.unresolved.values()) == set(wallets)
    await engine.recovery.stop()


@pytest.mark.parametrize(("count", "turns"), [(2, 0), (3, 1), (7, 2)])
async def test_others_get_their_turn_after_so_many_wallets(
    in_doubt: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch, count: int, turns: int
) -> None:
    engine, wallets = await in_doubt(count)
    monkeypatch.setattr("nexgent.domain.trading.watch.recovery.BREATH", 3)
    had = 0

    async def another() -> None:
        nonlocal had
        while True:
            had += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(another())
    await asyncio.sleep(0)
    before = had
    await engine.recovery.tick()
    assert had - before == turns
    beside.cancel()
    await engine.recovery.stop()
    assert len(wallets) == count
