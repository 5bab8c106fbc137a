"""How far back the recorder of stops and peaks looks."""

from __future__ import annotations

from nexgent.domain.price_history.line_recorder import FIRST_LOOK_SECONDS, GRACE_SECONDS, LineRecorder
from nexgent.shared.errors import UnavailableError
from tests.fakes.clock import FakeClock


class Lines:
    def __init__(self) -> None:
        self.back: list[float] = []
        self.away = False

    async def add_lines(self, back_seconds: float) -> int:
        if self.away:
            raise UnavailableError("away")
        self.back.append(back_seconds)
        return 3


async def test_each_look_goes_back_to_the_last_one_that_went_well() -> None:
    clock, store = FakeClock(), Lines()
    recorder = LineRecorder(store=store, clock=clock)

    assert await recorder.look() == 3
    clock.advance(20)
    await recorder.look()
    clock.advance(20)
    store.away = True
    assert await recorder.look() == 0
    clock.advance(100)
    store.away = False
    await recorder.look()

    assert store.back == [FIRST_LOOK_SECONDS, 20 + GRACE_SECONDS, 120 + GRACE_SECONDS]
