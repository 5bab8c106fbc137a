"""What counts as healthy."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from nexgent.bootstrap.health import (
    WORKER_START_SECONDS,
    EngineHealth,
    PriceHealth,
    ServerHealth,
    WorkerSilentError,
)
from nexgent.infrastructure.database.lease import LeaseStatus
from tests.fakes.clock import FakeClock


class SilentRedis:
    """Holds the worker's sign of life, or none."""

    def __init__(self) -> None:
        self.sign: bytes | None = None

    async def get(self, _name: str) -> bytes | None:
        return self.sign


class Settled:
    """A role that has been taken."""

    active = False

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.settled.set()


def servers(redis: SilentRedis, clock: FakeClock) -> ServerHealth:
    nothing: Any = None
    return ServerHealth(pool=nothing, redis=redis, clock=clock)  # type: ignore[arg-type]


async def test_a_worker_that_is_just_starting_is_no_problem_yet() -> None:
    redis, clock = SilentRedis(), FakeClock()
    health = servers(redis, clock)

    await health.check_queue()
    clock.advance(WORKER_START_SECONDS + 1)
    with pytest.raises(WorkerSilentError):
        await health.check_queue()


async def test_a_worker_that_falls_silent_is_a_problem_at_once() -> None:
    redis, clock = SilentRedis(), FakeClock()
    health = servers(redis, clock)
    redis.sign = b"alive"
    await health.check_queue()

    redis.sign = None

    with pytest.raises(WorkerSilentError):
        await health.check_queue()


def an_engine(trouble: list[str], *, older_engine: bool = False) -> EngineHealth:
    nothing: Any = None
    lease: Any = SimpleNamespace(status=LeaseStatus(False, "other:1", 1, None, older_engine))
    return EngineHealth(
        role=Settled(),  # type: ignore[arg-type]
        lease=lease,
        recovery=nothing,
        prices=nothing,
        reconciliation=nothing,
        problem=lambda: trouble[0] if trouble else None,
        stopping=lambda: False,
    )


async def test_a_loop_that_keeps_failing_is_what_health_says() -> None:
    trouble: list[str] = []
    health = an_engine(trouble)

    assert health.late() is None
    trouble.append("recovery has failed 3 times in a row (TypeError)")
    assert health.late() == "recovery has failed 3 times in a row (TypeError)"


@pytest.mark.parametrize(
    ("active", "in_time", "role"),
    [(True, True, "engine"), (True, False, "unknown"), (False, False, "replica")],
)
async def test_an_engine_whose_lease_has_ended_unheard_does_not_say_that_it_is_one(
    active: bool, in_time: bool, role: str
) -> None:
    lease: Any = SimpleNamespace(status=LeaseStatus(active, "here:1", 1, 2.0), in_time=in_time)
    state: Any = Settled()
    state.active = active
    nothing: Any = None
    health = EngineHealth(
        role=state,
        lease=lease,
        recovery=SimpleNamespace(unresolved={}),  # type: ignore[arg-type]
        prices=nothing,
        reconciliation=nothing,
        problem=lambda: None,
        stopping=lambda: False,
    )

    said = health.engine()

    assert said.role == role
    assert (said.reason is not None) is (role == "unknown")
    assert said.holder == "here:1"


async def test_a_replica_says_that_it_waits_for_an_engine_of_an_older_version() -> None:
    said = an_engine([], older_engine=True).late()

    assert said is not None
    assert "older version" in said


@pytest.mark.parametrize(
    ("active", "age", "holds", "late", "not_ready"),
    [
        (True, 9.0, True, False, False),
        (True, 12.0, True, True, False),
        (True, 12.0, False, False, False),
        (True, None, True, False, False),
        (False, 12.0, True, False, False),
        # From here on it is said once: nothing can be sent here.
        (True, 31.0, True, False, True),
    ],
)
async def test_positions_without_a_price_to_decide_on_are_no_good_health(
    active: bool, age: float | None, holds: bool, late: bool, not_ready: bool
) -> None:
    state: Any = Settled()
    state.active = active
    health = EngineHealth(
        role=state,
        lease=SimpleNamespace(status=LeaseStatus(active, "here:1", 1, 2.0)),  # type: ignore[arg-type]
        recovery=None,  # type: ignore[arg-type]
        prices=PriceHealth(
            poller=SimpleNamespace(last_good_age_seconds=age),  # type: ignore[arg-type]
            holds=lambda: holds,
            max_age_seconds=10.0,
        ),
        reconciliation=SimpleNamespace(problem=lambda: None),  # type: ignore[arg-type]
        problem=lambda: None,
        stopping=lambda: False,
    )

    said = health.late()

    assert (said is not None) is late
    assert said is None or said.startswith("no price was accepted for 12 s")
    assert (health.not_ready() is not None) is not_ready
