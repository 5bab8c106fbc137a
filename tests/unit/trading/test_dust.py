"""What is left when nearly all was sold: it is sold along where that is seen before, and closed where nobody buys it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import PriceEvidence, TradeIntended, TradeKind
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.signals.models import DecisionOutcome, Signal, SignalAction
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.events import ExitAttemptFailed, ExitOverdue
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.sell_part import SellPart, SellPartRequest
from nexgent.domain.trading.rules.dust import DUST_LAMPORTS, is_dust, part_raw
from nexgent.domain.wallets.close_by_hand import CloseByHand
from tests.builders import TOKEN, USER, a_config, a_draft, a_position, a_signal, an_agent
from tests.fakes.engine import FakeEngine
from tests.patience import until

NEARLY_ALL = Decimal("99.9999999999")
QUIET = a_config(
    {"stopLoss": {"enabled": False}, "takeProfit": {"enabled": False}, "staleTrade": {"enabled": False}}
)


async def a_holding() -> tuple[FakeEngine, Agent, Position]:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(QUIET))
    (bought,) = await engine.buy([agent], size_sol=Decimal(1))
    assert bought.position is not None
    return engine, agent, bought.position


async def dust() -> tuple[FakeEngine, Agent, Position]:
    """A position of one base unit, which is worth half a lamport and which nobody buys."""
    engine, agent, held = await a_holding()
    await SellPart(operations=engine.sales.operations).execute(
        SellPartRequest(wallet_address=held.wallet_address, position_id=held.id, percent=NEARLY_ALL)
    )
    (left,) = engine.positions(agent)
    assert left.quantity_raw == 1
    engine.swaps.price_sol = Decimal("0.0005")
    return engine, agent, left


def to_reduce(engine: FakeEngine, percent: Decimal) -> Signal:
    return a_signal(7, created_at=engine.clock.now(), action=SignalAction.REDUCE, percent=percent)


async def test_a_signal_that_would_leave_dust_sells_all_and_says_so() -> None:
    engine, agent, held = await a_holding()
    engine.price(Decimal("0.001"), TOKEN)

    (decision,) = await engine.parts.process_signal.execute(to_reduce(engine, NEARLY_ALL), 0.0)

    assert engine.positions(agent) == []
    assert decision.outcome is DecisionOutcome.EXECUTED
    remainder = decision.gates[-1]
    assert (remainder.name, remainder.limit, remainder.passed) == ("remainder", "all is sold", True)
    assert remainder.value == f"0.000001 {held.token_symbol} would cost more to sell than it brings"
    (closed,) = engine.closed_trades()
    assert closed.close_reason is CloseReason.SIGNAL


async def test_a_look_at_such_a_signal_says_that_all_would_be_sold() -> None:
    engine, _, held = await a_holding()
    engine.price(Decimal("0.001"), TOKEN)

    draft = a_draft(USER, TOKEN, action=SignalAction.REDUCE, percent=NEARLY_ALL)
    (decision,) = await engine.parts.preview_signal.execute(draft)

    assert decision.gates[-1].name == "remainder"
    assert engine.swaps.requests[-1].amount_raw == held.quantity_raw


@pytest.mark.parametrize("percent", [Decimal(50), Decimal("99.99")])
async def test_what_is_worth_selling_is_left(percent: Decimal) -> None:
    engine, agent, held = await a_holding()
    engine.price(Decimal("0.001"), TOKEN)

    (decision,) = await engine.parts.process_signal.execute(to_reduce(engine, percent), 0.0)

    (left,) = engine.positions(agent)
    assert left.quantity_raw == held.quantity_raw - part_raw(held.quantity_raw, percent)
    assert "remainder" not in {gate.name for gate in decision.gates}


async def test_without_a_fresh_price_nothing_is_called_dust() -> None:
    engine, agent, _ = await a_holding()
    engine.price(Decimal("0.001"), TOKEN)
    engine.clock.advance(11)

    await engine.parts.process_signal.execute(to_reduce(engine, NEARLY_ALL), 0.0)

    (left,) = engine.positions(agent)
    assert left.quantity_raw == 1


async def test_an_exit_of_dust_ends_with_the_first_refusal_and_alarms_nobody() -> None:
    engine, agent, left = await dust()
    engine.price(Decimal("0.0005"), TOKEN)

    engine.exits.start(left, CloseReason.SIGNAL, None)
    await until(lambda: not engine.positions(agent))
    await engine.settle(50)

    (closed,) = engine.closed_trades()
    assert closed.close_reason is CloseReason.WRITE_OFF
    assert not [event for event in engine.events if isinstance(event, ExitAttemptFailed | ExitOverdue)]
    assert len(engine.exits) == 0
    assert engine.balance_raw(agent, TOKEN) == 0
    (written_off,) = [
        entry.body.intent
        for entry in engine.journal.entries
        if isinstance(entry.body, TradeIntended) and entry.body.intent.kind is TradeKind.WRITE_OFF
    ]
    assert written_off.evidence == PriceEvidence(price_sol=Decimal("0.0005"), source="dexscreener", age_ms=0)


async def test_its_owner_closes_dust() -> None:
    engine, agent, left = await dust()
    engine.price(Decimal("0.0005"), TOKEN)
    by_hand = CloseByHand(directory=engine.directory, book=engine.book, sale=engine.sales, keys=engine.keys)

    result = await by_hand.execute(agent.id, left.id, USER, CloseReason.MANUAL)

    assert (result.input_amount, result.output_amount) == (Decimal("0.000001"), Decimal(0))
    assert engine.positions(agent) == []


async def test_dust_that_somebody_buys_is_sold() -> None:
    engine, agent, left = await dust()
    engine.price(Decimal("0.001"), TOKEN)
    engine.swaps.price_sol = Decimal("0.001")

    await engine.sales.execute(
        ClosePositionRequest(
            wallet_address=left.wallet_address, position_id=left.id, reason=CloseReason.MANUAL
        )
    )

    (closed,) = engine.closed_trades()
    assert closed.close_reason is CloseReason.MANUAL
    assert engine.positions(agent) == []


async def test_the_price_of_a_moment_ago_is_no_reason_to_write_off() -> None:
    engine, agent, left = await dust()
    engine.price(Decimal("0.0005"), TOKEN)
    engine.clock.advance(11)

    with pytest.raises(TradeRejectedError, match="offers nothing"):
        await engine.sales.execute(
            ClosePositionRequest(
                wallet_address=left.wallet_address, position_id=left.id, reason=CloseReason.MANUAL
            )
        )

    assert [position.id for position in engine.positions(agent)] == [left.id]


async def test_what_has_crashed_is_no_dust_whatever_its_price_says() -> None:
    engine, agent, held = await a_holding()
    nothing = Decimal("1e-18")
    engine.swaps.price_sol = nothing
    engine.price(nothing, TOKEN)
    assert engine.latest_prices.get(TOKEN) is not None

    with pytest.raises(TradeRejectedError):
        await engine.sales.execute(
            ClosePositionRequest(
                wallet_address=held.wallet_address, position_id=held.id, reason=CloseReason.MANUAL
            )
        )

    assert [position.id for position in engine.positions(agent)] == [held.id]


def a_price(price: str) -> PriceEvidence:
    return PriceEvidence(price_sol=Decimal(price), source="test", age_ms=0)


def test_dust_is_less_than_the_fee_of_a_signature_in_worth_and_in_cost() -> None:
    position = replace(a_position(), decimals=6, quantity_raw=1_000_000, cost_basis_lamports=DUST_LAMPORTS)
    cheap = replace(position, cost_basis_lamports=DUST_LAMPORTS - 1)

    assert is_dust(cheap, 1_000_000, a_price("0.000004999"))
    assert not is_dust(cheap, 1_000_000, a_price("0.000005"))
    assert not is_dust(position, 1_000_000, a_price("0.000004999"))
    assert is_dust(position, 999_999, a_price("0.000004999"))
    assert not is_dust(cheap, 1_000_000, None)
    assert not is_dust(cheap, 0, a_price("0.000004999"))
