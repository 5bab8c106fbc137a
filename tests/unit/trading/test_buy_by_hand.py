"""A purchase by hand: whose agent, which wallet, which error."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.events import AgentSaved
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.errors import JournalUnavailableError
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.errors import QuoteFailedError, SwapUnavailableError, TradeRejectedError
from nexgent.domain.trading.orders.buy_by_hand import BuyByHand, BuyByHandRequest
from nexgent.domain.wallets.close_by_hand import CloseByHand
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, IntentId, UserId, WalletAddress
from tests.builders import TOKEN, USER, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.signals import FakeSignals


async def prepared() -> tuple[FakeEngine, BuyByHand, BuyByHandRequest]:
    engine = FakeEngine()
    config = update_config(TradingConfig(), {"positionCalculator": {"randomization": {"enabled": False}}})
    agent = await engine.add_agent(an_agent(config))
    use_case = BuyByHand(directory=engine.directory, purchases=engine.purchases, signals=FakeSignals())
    request = BuyByHandRequest(agent_id=agent.id, user_id=USER, token_address=TOKEN, size_sol=Decimal(1))
    return engine, use_case, request


async def test_a_purchase_by_hand_tells_what_it_bought() -> None:
    engine, use_case, request = await prepared()

    bought = await use_case.execute(request)

    assert (bought.input_amount, bought.output_amount) == (Decimal(1), Decimal(1000))
    assert bought.purchase_price == Decimal("0.001")
    assert (bought.stop_loss_initialized, bought.stop_loss_pct) == (True, Decimal(-32))
    assert engine.book.get(bought.position_id) is not None


async def test_a_stranger_is_turned_away() -> None:
    engine, use_case, request = await prepared()

    with pytest.raises(AgentNotFoundError):
        await use_case.execute(replace(request, user_id=UserId(new_id())))
    with pytest.raises(AgentNotFoundError):
        await use_case.execute(replace(request, agent_id=AgentId(new_id())))
    assert engine.swaps.requests == []


@pytest.mark.parametrize(
    ("size", "code"),
    [
        (Decimal(0), "INVALID_POSITION_SIZE"),
        (Decimal(11), "POSITION_SIZE_EXCEEDS_BALANCE"),
        (Decimal("9.6"), "VIOLATES_MINIMUM_BALANCE"),
        (Decimal(3), "EXCEEDS_MAX_PURCHASE"),
    ],
)
async def test_a_refused_size_keeps_its_code(size: Decimal, code: str) -> None:
    _, use_case, request = await prepared()

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(replace(request, size_sol=size))
    assert refused.value.code == code


async def test_a_foreign_wallet_is_not_found() -> None:
    _, use_case, request = await prepared()

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(replace(request, wallet_address=WalletAddress("sim_other")))
    assert refused.value.code == "WALLET_NOT_FOUND"
    assert refused.value.message == "Wallet not found: it is not one of the agent's"


async def test_an_agent_without_a_wallet_of_its_mode_buys_nothing() -> None:
    engine, use_case, request = await prepared()
    (agent,) = engine.directory.all()
    engine.bus.publish(AgentSaved(replace(agent, trading_mode=TradingMode.LIVE)))

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(request)
    assert refused.value.message == "Wallet not found: the agent has no live wallet"


async def test_outages_are_told_from_refusals() -> None:
    engine, use_case, request = await prepared()
    engine.swaps.failures += [SwapUnavailableError("busy"), QuoteFailedError("no route")]

    with pytest.raises(SwapUnavailableError):
        await use_case.execute(request)
    with pytest.raises(QuoteFailedError):
        await use_case.execute(request)
    engine.journal.down = True
    with pytest.raises(JournalUnavailableError):
        await use_case.execute(request)


async def test_a_second_purchase_of_the_token_is_refused() -> None:
    _, use_case, request = await prepared()
    once = replace(request, intent_id=IntentId(new_id()))
    await use_case.execute(once)

    with pytest.raises(TradeRejectedError) as refused:
        await use_case.execute(once)
    assert refused.value.code == "POSITION_EXISTS"
    assert refused.value.message == "The agent already holds a position in this token"


async def test_who_hangs_up_neither_stops_a_purchase_nor_a_sale() -> None:
    engine, buying, request = await prepared()
    selling = CloseByHand(directory=engine.directory, book=engine.book, sale=engine.sales)

    async def hang_up_on(call: Coroutine[Any, Any, object]) -> None:
        engine.swaps.gate = asyncio.Event()
        asked = len(engine.swaps.requests)
        caller = asyncio.ensure_future(call)
        while len(engine.swaps.requests) == asked:
            await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        engine.swaps.gate.set()
        assert await buying.drain(5.0) + await selling.drain(5.0) == 0

    await hang_up_on(buying.execute(request))
    (held,) = engine.book.of_agent(request.agent_id)
    await hang_up_on(selling.execute(request.agent_id, held.position.id, USER, CloseReason.MANUAL))
    assert engine.book.of_agent(request.agent_id) == []
    (closed,) = engine.closed_trades()
    assert closed.position_id == held.position.id
