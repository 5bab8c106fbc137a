"""What is heard of positions late, from an engine that stood still, say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.watch import book_keeper
from nexgent.shared.types import TokenAddress
from tests.builders import a_signal, an_agent
from tests.fakes.engine import FakeEngine


async def bought(engine: FakeEngine, number: int) -> PositionOpened:
    signal = a_signal(number, token_address=TokenAddress(f"{number:044d}"))
    await engine.parts.process_signal.execute(signal, 0.0)
    return next(event for event in reversed(engine.events) if isinstance(event, PositionOpened))


async def sold(engine: FakeEngine, opened: PositionOpened) -> None:
    position = opened.position
    await engine.sales.execute(
        ClosePositionRequest(
            wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
        )
    )


@pytest.mark.parametrize("kind", [PositionOpened, PositionUpdated])
async def test_what_is_heard_late_of_a_position_that_was_sold_does_not_bring_it_back(
    kind: type[PositionOpened | PositionUpdated],
) -> None:
    engine = FakeEngine()
    await engine.add_agent(an_agent(), Decimal(100))
    opened = await bought(engine, 1)
    await sold(engine, opened)
    assert any(isinstance(event, PositionClosed) for event in engine.events)

    engine.bus.publish(kind(opened.position, opened.trail))

    assert not list(engine.book.all())


async def test_so_many_positions_that_were_closed_are_known_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(book_keeper, "CLOSED_KNOWN", 2)
    engine = FakeEngine()
    await engine.add_agent(an_agent(), Decimal(100))
    closed = [await bought(engine, number) for number in (1, 2, 3)]
    for opened in closed:
        await sold(engine, opened)

    for opened in closed:
        engine.bus.publish(opened)

    assert [one.position.id for one in engine.book.all()] == [closed[0].position.id]
