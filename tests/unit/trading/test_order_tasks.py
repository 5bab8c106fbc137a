"""Orders that rules call for: one at a time on a position, and a growing rest after each failure of its kind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.ledger.errors import InsufficientBalanceError, UnknownWalletError
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.errors import PositionLockedError, PositionNotFoundError
from nexgent.domain.positions.models import Position
from nexgent.domain.trading.errors import QuoteFailedError, SwapUnavailableError
from nexgent.domain.trading.orders.errors import ExitPendingError, NotDueError
from nexgent.domain.trading.orders.order_tasks import PositionOrderPolicy, PositionOrderTasks
from nexgent.domain.trading.rules.rule import PositionOrderKind
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import PositionId
from tests.builders import a_position
from tests.fakes.clock import FakeClock
from tests.patience import PATIENCE_SECONDS

SEEN = PriceEvidence(price_sol=Decimal(1), source="dexscreener", age_ms=0)
SALE, DCA = PositionOrderKind.TAKE_PROFIT, PositionOrderKind.DCA


@dataclass
class UseCase:
    """Raises what the test wants, after `gate`."""

    outcome: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[Any] = field(default_factory=list)
    ended: int = 0

    async def execute(self, request: Any) -> None:
        self.requests.append(request)
        await self.gate.wait()
        self.ended += 1
        if self.outcome is not None:
            raise self.outcome


class Desk:
    """The tasks, and what became of them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sale, self.more = UseCase(), UseCase()
        self.sale.gate.set()
        self.more.gate.set()
        self.idle: list[PositionId] = []
        take_profit: Any = self.sale
        average_down: Any = self.more
        self.tasks = PositionOrderTasks(
            take_profit=take_profit, average_down=average_down, policy=PositionOrderPolicy(), clock=self.clock
        )
        self.tasks.when_idle(self.idle.append)
        self.position = a_position()

    def rests(self, kind: PositionOrderKind = SALE, position: Position | None = None) -> float | None:
        """Return for how many seconds a kind of order rests."""
        now = self.clock.now()
        until = self.tasks.resting_until((position or self.position).id, kind, now)
        return (until - now) / timedelta(seconds=1) if until is not None else None

    async def run(
        self, outcome: Exception | None, kind: PositionOrderKind = SALE, position: Position | None = None
    ) -> float | None:
        """Carry one order out; return for how long its kind rests after it."""
        position = position or self.position
        (self.sale if kind is SALE else self.more).outcome = outcome
        assert self.tasks.start(position, kind, SEEN)
        before = len(self.idle)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.idle) == before:
                await asyncio.sleep(0)
        return self.rests(kind, position)

    async def again(self, outcome: Exception) -> float | None:
        """Carry an order out as soon as its kind has rested."""
        self.clock.advance(self.rests() or 0)
        return await self.run(outcome)


async def test_the_order_of_a_kind_is_carried_out_at_the_price_that_was_seen() -> None:
    desk = Desk()

    assert await desk.run(None) is None
    assert await desk.run(None, DCA) is None

    ((sale,), (more,)) = desk.sale.requests, desk.more.requests
    for request in (sale, more):
        assert (request.wallet_address, request.position_id, request.evidence) == (
            desk.position.wallet_address,
            desk.position.id,
            SEEN,
        )
    assert desk.idle == [desk.position.id] * 2


async def test_one_order_at_a_time_on_a_position() -> None:
    desk, other = Desk(), a_position()
    desk.sale.gate.clear()

    assert desk.tasks.start(desk.position, SALE, SEEN)
    assert not desk.tasks.start(desk.position, SALE, SEEN)
    assert not desk.tasks.start(desk.position, DCA, SEEN)
    assert (desk.rests(SALE), desk.rests(DCA), desk.rests(SALE, other)) == (1, 1, None)
    assert desk.tasks.start(other, DCA, SEEN)
    assert len(desk.tasks) == 2

    desk.sale.gate.set()
    assert await desk.tasks.drain(PATIENCE_SECONDS) == 0
    assert len(desk.tasks) == 0
    # Nothing new is started at the end.
    assert not desk.tasks.start(desk.position, SALE, SEEN)


async def test_failures_rest_for_a_growing_while_and_each_kind_for_itself() -> None:
    desk = Desk()

    rests = [await desk.again(QuoteFailedError("no route")) for _ in range(8)]

    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]
    assert desk.rests(DCA) is None
    assert not desk.tasks.start(desk.position, SALE, SEEN)
    desk.clock.advance(59.9)
    assert not desk.tasks.start(desk.position, SALE, SEEN)
    desk.clock.advance(0.1)
    assert await desk.run(None) is None
    assert await desk.run(QuoteFailedError("no route")) == 1


async def test_who_is_asked_to_wait_waits_as_long() -> None:
    desk = Desk()

    assert await desk.again(SwapUnavailableError("429", retry_after_seconds=90)) == 90
    assert await desk.again(SwapUnavailableError("429", retry_after_seconds=0.5)) == 2
    assert await desk.again(SwapUnavailableError("busy")) == 4


async def test_without_funds_a_minute_passes() -> None:
    error = InsufficientBalanceError(SOL_MINT, "SOL", Decimal(0), Decimal(1))

    assert await Desk().run(error, DCA) == 60


@pytest.mark.parametrize(
    "error", [PositionLockedError, ExitPendingError, lambda position_id: NotDueError(position_id, "x")]
)
async def test_waiting_for_somebody_else_is_no_failure(error: Any) -> None:
    desk = Desk()
    await desk.again(QuoteFailedError("no route"))

    assert await desk.again(error(desk.position.id)) == 1
    assert await desk.again(error(desk.position.id)) == 1
    assert await desk.again(QuoteFailedError("no route")) == 2


@pytest.mark.parametrize(
    "gone",
    [
        lambda position: PositionNotFoundError(position.id),
        lambda position: UnknownWalletError(position.wallet_address),
    ],
)
async def test_of_what_is_gone_nothing_is_remembered(gone: Any) -> None:
    desk = Desk()
    await desk.again(QuoteFailedError("no route"))

    assert await desk.again(gone(desk.position)) is None
    assert await desk.run(QuoteFailedError("no route")) == 1


async def test_whatever_nobody_expects_rests_longest_and_counts() -> None:
    desk = Desk()

    assert await desk.run(ZeroDivisionError()) == 60
    assert await desk.again(QuoteFailedError("no route")) == 2


async def test_a_closed_position_leaves_no_rests() -> None:
    desk = Desk()
    await desk.run(QuoteFailedError("no route"))
    await desk.run(QuoteFailedError("no route"), DCA)

    desk.tasks.forget(desk.position.id)

    assert (desk.rests(SALE), desk.rests(DCA)) == (None, None)


async def test_orders_that_are_left_to_another_engine_may_be_started_again() -> None:
    desk = Desk()
    desk.sale.gate.clear()
    assert desk.tasks.start(desk.position, SALE, SEEN)

    await desk.tasks.abandon()

    assert len(desk.tasks) == 0
    assert desk.rests() is None


async def test_an_order_that_is_left_to_another_engine_goes_no_further() -> None:
    desk = Desk()
    desk.sale.gate.clear()
    assert desk.tasks.start(desk.position, SALE, SEEN)
    await asyncio.sleep(0)
    assert len(desk.sale.requests) == 1

    asyncio.get_running_loop().call_soon(desk.sale.gate.set)
    await desk.tasks.abandon()
    for _ in range(5):
        await asyncio.sleep(0)

    assert desk.sale.ended == 0


async def test_of_many_failures_those_are_forgotten_that_rested_ten_minutes_ago() -> None:
    desk, later, closed = Desk(), a_position(), QuoteFailedError("no route")
    await desk.run(closed)
    desk.clock.advance(0.001)
    await desk.run(closed, position=later)
    # The first has rested for a second, and that is ten minutes ago.
    desk.clock.advance(0.999 + 600)
    for _ in range(998):
        await desk.run(closed, position=a_position())
    # A thousand are remembered however old they are.
    assert await desk.run(closed) == 2
    desk.clock.advance(2 + 600)
    assert await desk.run(closed, position=later) == 2

    await desk.run(closed, position=a_position())

    assert await desk.run(closed) == 1
    desk.clock.advance(2)
    assert await desk.run(closed, position=later) == 4
