"""The rate budget: its window with a clock of the test, its queue with short real windows."""

from __future__ import annotations

import asyncio
import time

import pytest

from nexgent.infrastructure.external.budget import (
    TRADING_RESERVES,
    BudgetExhaustedError,
    Priority,
    RateBudget,
    RateWindow,
)
from nexgent.shared.clock import SystemClock
from tests.fakes.clock import FakeClock
from tests.patience import PATIENCE_SECONDS

EPOCH = 1_800_000_000.0


def _ratelimit(remaining: int, current: int, reset_in: float = 5.0) -> dict[str, str]:
    return {
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-current": str(current),
        "x-ratelimit-reset": str(EPOCH + reset_in),
    }


def test_a_slot_frees_when_the_oldest_call_leaves_the_window() -> None:
    window = RateWindow(2, 60.0)
    assert window.take(0.0, Priority.PRICE) == 0
    assert window.take(10.0, Priority.PRICE) == 0

    assert window.take(20.0, Priority.EXIT) == pytest.approx(40.0, abs=0.01)
    assert window.take(60.0, Priority.PRICE) == 0


def test_a_process_uses_its_share_and_minds_what_others_have_used_besides() -> None:
    window = RateWindow(100, 60.0, TRADING_RESERVES)
    window.share = 0.2
    taken = dict.fromkeys(Priority, 0)
    for priority in (Priority.PRICE, Priority.ENTRY, Priority.EXIT):
        while window.take(1.0, priority) == 0:
            taken[priority] += 1
    assert sum(taken.values()) == 20
    assert taken[Priority.PRICE] == 12
    assert window.take(1.0, Priority.EXIT) == pytest.approx(60.0, abs=0.01)

    # The others have used more than their part: the limit is everybody's.
    window = RateWindow(100, 60.0)
    window.share = 0.2
    window.observe(1.0, EPOCH, 200, _ratelimit(remaining=5, current=95))
    assert [window.take(1.0, Priority.EXIT) for _ in range(5)] == [0.0] * 5
    assert window.take(1.0, Priority.EXIT) > 0


async def test_a_share_that_grows_is_used_at_once() -> None:
    share = 0.1
    budget = RateBudget("Jupiter", limit=10, clock=FakeClock(), share=lambda: share)
    await budget.acquire(Priority.ENTRY, timeout_seconds=0.0)
    assert budget.own_limit == 1
    with pytest.raises(BudgetExhaustedError):
        await budget.acquire(Priority.ENTRY, timeout_seconds=0.0)
    share = 0.5
    for _ in range(4):
        await budget.acquire(Priority.ENTRY, timeout_seconds=0.0)
    with pytest.raises(BudgetExhaustedError):
        await budget.acquire(Priority.ENTRY, timeout_seconds=0.0)


def test_prices_and_entries_leave_capacity_to_exits() -> None:
    window = RateWindow(10, 60.0, TRADING_RESERVES)
    taken = dict.fromkeys(Priority, 0)

    for priority in (Priority.PRICE, Priority.ENTRY, Priority.EXIT):
        while window.take(1.0, priority) == 0:
            taken[priority] += 1

    assert taken[Priority.PRICE] == 6
    assert taken[Priority.ENTRY] == 3
    assert taken[Priority.EXIT] == 1


def test_the_time_to_wait_is_the_time_until_the_own_share_is_free() -> None:
    window = RateWindow(10, 60.0, TRADING_RESERVES)
    for second in range(6):
        assert window.take(float(second), Priority.PRICE) == 0
    assert window.take(6.0, Priority.EXIT) == 0

    # Seven calls are out and prices may use six: two have to leave.
    wait = window.take(7.0, Priority.PRICE)

    assert wait == pytest.approx(54.0, abs=0.01)
    assert window.take(7.0 + wait, Priority.PRICE) == 0


def test_even_a_tiny_limit_lets_every_priority_go() -> None:
    assert RateWindow(1, 60.0, TRADING_RESERVES).take(0.0, Priority.PRICE) == 0


def test_no_limit_means_no_waiting_but_a_pause_asked_for_is_kept() -> None:
    window = RateWindow(0, 60.0)
    assert all(window.take(0.0, Priority.PRICE) == 0 for _ in range(10_000))

    window.observe(1.0, EPOCH, 429, {"retry-after": "7"})

    assert window.take(1.0, Priority.EXIT) == pytest.approx(7.0, abs=0.01)
    assert window.take(8.1, Priority.EXIT) == 0


def test_calls_of_others_with_the_same_key_count() -> None:
    window = RateWindow(60, 60.0)
    window.take(0.0, Priority.PRICE)

    window.observe(0.1, EPOCH, 200, _ratelimit(remaining=2, current=58))

    assert [window.take(0.2, Priority.EXIT) for _ in range(2)] == [0, 0]
    assert window.take(0.2, Priority.EXIT) > 0


def test_what_is_left_counts_calls_of_others_and_pauses() -> None:
    window = RateWindow(10, 60.0)
    assert (window.left(0.0), window.paused_seconds(0.0)) == (10, 0.0)
    window.take(0.0, Priority.EXIT)
    window.take(30.0, Priority.EXIT)
    assert window.left(30.0) == 8
    assert window.left(60.0) == 9, "the oldest call has left the window"
    window.observe(60.0, EPOCH, 200, _ratelimit(3, 7))
    assert window.left(60.0) == 3
    assert window.left(500.0) == 10
    window.observe(500.0, EPOCH, 429, {"retry-after": "4"})
    assert window.paused_seconds(502.0) == pytest.approx(2.0, abs=0.01)
    assert RateWindow(0, 60.0).left(0.0) is None


async def test_the_state_of_a_budget_names_who_waits() -> None:
    clock = FakeClock()
    budget = RateBudget("Jupiter", limit=1, clock=clock)
    await budget.acquire(Priority.EXIT, timeout_seconds=0)
    waiting = asyncio.create_task(budget.acquire(Priority.PRICE, timeout_seconds=100))
    await asyncio.sleep(0)

    state = budget.state()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    assert (state.name, state.limit, state.window_seconds, state.left) == ("Jupiter", 1, 60.0, 0)
    assert (state.waiting, budget.state().waiting) == (1, 0)


def test_the_limit_follows_what_the_upstream_says() -> None:
    window = RateWindow(60, 60.0)
    window.take(0.0, Priority.PRICE)

    window.observe(0.1, EPOCH, 200, _ratelimit(remaining=599, current=1))

    assert window.limit == 600


def test_an_empty_bucket_is_waited_for_until_its_reset() -> None:
    window = RateWindow(60, 60.0)

    window.observe(0.0, EPOCH, 200, _ratelimit(remaining=-1, current=61, reset_in=12.0))

    assert window.take(0.0, Priority.EXIT) == pytest.approx(12.0, abs=0.01)


def test_a_429_without_a_hint_is_answered_with_growing_pauses() -> None:
    window = RateWindow(0, 60.0)
    window.observe(0.0, EPOCH, 429, {})
    first = window.take(0.0, Priority.EXIT)
    window.observe(10.0, EPOCH, 429, {})
    second = window.take(10.0, Priority.EXIT)

    # Five milliseconds are added, so that nobody comes just too early.
    assert 0.255 <= first <= 0.506
    assert 0.505 <= second <= 1.006


@pytest.mark.parametrize("text", ["soon", "-5", "nan", "", "1e99"])
def test_a_nonsense_retry_after_does_not_stop_anything_for_ever(text: str) -> None:
    window = RateWindow(0, 60.0)

    window.observe(0.0, EPOCH, 429, {"retry-after": text})

    assert 0 <= window.take(0.0, Priority.EXIT) <= 600.1


def test_a_date_is_a_retry_after_too() -> None:
    window = RateWindow(0, 60.0)

    window.observe(0.0, EPOCH, 429, {"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"})

    assert window.take(0.0, Priority.EXIT) == pytest.approx(30.0, abs=0.01)


@pytest.mark.parametrize(("limit", "seconds"), [(-1, 60.0), (5, 0.0)])
def test_nonsense_limits_are_refused(limit: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="rate budget"):
        RateWindow(limit, seconds)


async def test_a_waiting_exit_goes_before_prices_that_came_earlier() -> None:
    clock = FakeClock()
    budget = RateBudget("test", limit=1, window_seconds=0.05, clock=clock)
    await budget.acquire(Priority.PRICE, timeout_seconds=1)
    order: list[Priority] = []

    async def call(priority: Priority) -> None:
        await budget.acquire(priority, timeout_seconds=PATIENCE_SECONDS)
        order.append(priority)

    async with asyncio.TaskGroup() as group:
        for priority in (Priority.PRICE, Priority.ENTRY, Priority.RECONCILE, Priority.EXIT):
            group.create_task(call(priority))
        await asyncio.sleep(0)
        # The window does not end before all of them are in line.
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(order) < 4:
                clock.advance(0.05)
                await asyncio.sleep(0.01)

    assert order == [Priority.EXIT, Priority.RECONCILE, Priority.ENTRY, Priority.PRICE]


async def test_hopeless_waiting_is_refused_at_once() -> None:
    clock = FakeClock()
    budget = RateBudget("test", limit=1, clock=clock)
    await budget.acquire(Priority.PRICE, timeout_seconds=1)

    refused = asyncio.ensure_future(budget.acquire(Priority.EXIT, timeout_seconds=3))
    for _ in range(10):
        await asyncio.sleep(0)
    assert refused.done(), "it waits although that is in vain"
    with pytest.raises(BudgetExhaustedError) as caught:
        await refused

    assert caught.value.retry_after_seconds == pytest.approx(60.0, abs=0.1)


async def test_an_exit_passes_entries_that_wait_for_capacity_reserved_for_it() -> None:
    budget = RateBudget("test", limit=10, clock=FakeClock(), reserves=TRADING_RESERVES)
    for _ in range(9):
        await budget.acquire(Priority.ENTRY, timeout_seconds=1)
    waiting = asyncio.ensure_future(budget.acquire(Priority.ENTRY, timeout_seconds=120))
    await asyncio.sleep(0)

    await budget.acquire(Priority.EXIT, timeout_seconds=PATIENCE_SECONDS)

    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_who_gives_up_blocks_nobody() -> None:
    budget = RateBudget("test", limit=1, window_seconds=0.1, clock=SystemClock())
    await budget.acquire(Priority.PRICE, timeout_seconds=1)
    given_up = asyncio.ensure_future(budget.acquire(Priority.EXIT, timeout_seconds=PATIENCE_SECONDS))
    await asyncio.sleep(0)
    given_up.cancel()

    await budget.acquire(Priority.PRICE, timeout_seconds=PATIENCE_SECONDS)


async def test_without_contention_it_costs_little() -> None:
    budget = RateBudget("test", limit=1_000_000, clock=SystemClock(), reserves=TRADING_RESERVES)
    best = float("inf")
    for _ in range(5):
        started = time.thread_time()
        for _ in range(1_000):
            await budget.acquire(Priority.ENTRY, timeout_seconds=1)
            budget.observe(200, {})
        best = min(best, (time.thread_time() - started) / 1_000)

    # A few µs; the bound is for what grows with the number of calls.
    assert best < 100e-6
