"""How often it was tried to leave a position, and what is said of a sale that sold too little."""

from __future__ import annotations

import pytest

from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.orders.errors import ExitPendingError, NotDueError, PartiallySoldError
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.shared.ids import new_id
from nexgent.shared.types import PositionId
from tests.unit.trading.test_exits import an_engine


async def test_an_exit_that_is_asked_for_again_counts_on_from_the_last_attempt() -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    engine.swaps.unsellable = TradeRejectedError("NO_ROUTE", "No route")
    request = ClosePositionRequest(
        wallet_address=position.wallet_address,
        position_id=position.id,
        reason=CloseReason.STOP_LOSS,
        persistent=True,
    )

    recorded = []
    for _ in range(3):
        with pytest.raises(TradeRejectedError):
            await engine.sales.execute(request)
        (kept,) = engine.positions(agent)
        assert kept.pending_exit is not None
        recorded.append(kept.pending_exit.attempts)

    assert recorded == [1, 2, 3]


async def test_a_sale_that_failed_is_not_tried_again_unless_that_was_asked_for() -> None:
    engine, agent = await an_engine()
    (position,) = engine.positions(agent)
    engine.swaps.unsellable = TradeRejectedError("NO_ROUTE", "No route")

    with pytest.raises(TradeRejectedError):
        await engine.sales.execute(
            ClosePositionRequest(
                wallet_address=position.wallet_address, position_id=position.id, reason=CloseReason.MANUAL
            )
        )

    (kept,) = engine.positions(agent)
    assert kept.pending_exit is None


def test_what_is_not_done_says_why_and_to_which_position() -> None:
    position_id = PositionId(new_id())

    leaving, not_due = ExitPendingError(position_id), NotDueError(position_id, "COOLDOWN")

    assert (leaving.message, leaving.details) == (
        "The position is being sold",
        {"positionId": str(position_id)},
    )
    assert (not_due.message, not_due.details) == (
        "Nothing to do: COOLDOWN",
        {"positionId": str(position_id), "reason": "COOLDOWN"},
    )


def test_a_sale_of_a_part_says_that_there_is_a_rest() -> None:
    position_id = PositionId(new_id())

    error = PartiallySoldError(position_id)

    assert "close it again to sell the rest" in error.message
    assert error.details == {"positionId": str(position_id)}
