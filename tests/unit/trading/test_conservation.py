"""Whatever a position goes through, the books hold: nothing appears, nothing vanishes, nothing is spent twice."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.ledger.state import WalletState, check_postings
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.errors import QuoteFailedError
from nexgent.domain.trading.orders.average_down import AverageDownRequest
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitRequest
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT, lamports
from nexgent.shared.types import TokenAddress
from tests.builders import an_agent
from tests.fakes.engine import FakeEngine

TOKENS = [TokenAddress("MintOne"), TokenAddress("MintTwo")]
CONFIG = update_config(
    TradingConfig(),
    {
        "takeProfit": {
            "enabled": True,
            "mode": "custom",
            "levels": [
                {"targetPercent": 10, "sellPercent": Decimal("33.3")},
                {"targetPercent": 60, "sellPercent": Decimal("16.7")},
                {"targetPercent": 90, "sellPercent": 50},
            ],
            "moonBag": {"enabled": False},
        },
        "dca": {
            "enabled": True,
            "mode": "custom",
            "maxDCACount": 10,
            "levels": [{"dropPercent": -5, "buyPercent": 90}] * 10,
            "cooldownSeconds": 10,
        },
    },
)
DEPOSIT = Decimal(6)

steps = st.lists(
    st.tuples(
        st.sampled_from(["buy", "dca", "force_dca", "take_profit", "close", "write_off", "fail", "price"]),
        st.integers(0, 1),
        # Price of the market for this step, in percent of the first.
        st.integers(20, 300),
        st.integers(1, 1_500_000_007),
    ),
    min_size=1,
    max_size=25,
)


async def _step(engine: FakeEngine, agent: Agent, kind: str, token: TokenAddress, amount: int) -> None:
    wallet = agent.wallets[0].address
    position = engine.ledger.head(wallet).position_of(token)
    evidence = PriceEvidence(price_sol=engine.swaps.price_sol, source="dexscreener", age_ms=0)
    if kind == "price":
        engine.price(engine.swaps.price_sol, token)
        await engine.settle(60)
    elif kind == "fail":
        engine.swaps.failures.append(QuoteFailedError("no route"))
    elif position is None:
        await engine.buy([agent], token=token, size_sol=Decimal(amount).scaleb(-9))
    elif kind == "take_profit":
        await engine.take_profit.execute(
            TakeProfitRequest(wallet_address=wallet, position_id=position.id, evidence=evidence)
        )
    elif kind in ("dca", "force_dca"):
        size = Decimal(amount).scaleb(-9) if kind == "force_dca" else None
        engine.clock.advance(11)
        await engine.average_down.execute(
            AverageDownRequest(
                wallet_address=wallet, position_id=position.id, evidence=evidence, amount_sol=size
            )
        )
    elif kind == "write_off":
        await engine.sales.operations.write_off(wallet, position.id)
    else:
        await engine.sales.execute(
            ClosePositionRequest(wallet_address=wallet, position_id=position.id, reason=CloseReason.MANUAL)
        )


def _check(engine: FakeEngine, agent: Agent) -> None:
    wallet = agent.wallets[0].address
    state = engine.ledger.head(wallet)
    for balance in state.balances.values():
        assert balance.amount_raw >= 0
        assert state.available_raw(balance.mint) >= 0
    for entry in engine.journal.entries:
        check_postings(entry.postings)
    # What the wallet has won or lost is what closed trades and partial sales say, and what is still held at its cost.
    realized = sum(lamports(trade.profit_loss_sol) for trade in engine.closed_trades())
    realized += sum(position.realized_lamports for position in state.positions.values())
    at_cost = sum(position.cost_basis_lamports for position in state.positions.values())
    assert state.balance_raw(SOL_MINT) + at_cost == lamports(DEPOSIT) + realized
    for position in state.positions.values():
        assert state.balance_raw(position.token_address) == position.quantity_raw
        assert 0 < position.quantity_raw <= position.purchased_raw
        assert position.cost_basis_lamports >= 0
        assert position.invested_lamports == (
            position.cost_basis_lamports + position.received_lamports - position.realized_lamports
        )
        held = engine.book.get(position.id)
        assert held is not None
        assert (held.position.quantity_raw, held.position.entry_price_sol) == (
            position.quantity_raw,
            position.entry_price_sol,
        )


async def _story(sequence: list[tuple[str, int, int, int]]) -> tuple[FakeEngine, Agent, WalletState]:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(CONFIG), DEPOSIT)
    for kind, token, percent, amount in sequence:
        engine.swaps.price_sol = Decimal("0.001") * percent / 100
        with contextlib.suppress(NexgentError):
            await _step(engine, agent, kind, TOKENS[token], amount)
        await engine.settle(40)
        _check(engine, agent)
    await engine.exits.drain(1)
    await engine.operations.drain(1)
    await engine.parts.trails.drain(1)
    return engine, agent, engine.ledger.head(agent.wallets[0].address)


@settings(max_examples=80, deadline=None)
@given(steps)
def test_realized_and_unrealized_equal_the_change_of_wealth(
    sequence: list[tuple[str, int, int, int]],
) -> None:
    engine, agent, state = asyncio.run(_story(sequence))

    assert engine.journal.replay(agent.wallets[0].address) == state


@settings(max_examples=40, deadline=None)
@given(steps)
def test_any_interleaving_reserves_no_more_than_there_is(sequence: list[tuple[str, int, int, int]]) -> None:
    async def story() -> None:
        engine = FakeEngine()
        agent = await engine.add_agent(an_agent(CONFIG), DEPOSIT)
        for token in TOKENS:
            await engine.buy([agent], token=token, size_sol=Decimal(1))
        tasks = [
            asyncio.create_task(_step(engine, agent, kind, TOKENS[token], amount))
            for kind, token, _, amount in sequence
        ]
        for task in tasks:
            await asyncio.gather(task, return_exceptions=True)
            state = engine.ledger.head(agent.wallets[0].address)
            assert all(state.available_raw(mint) >= 0 for mint in state.balances)
        await engine.settle()
        _check(engine, agent)
        assert not engine.ledger.head(agent.wallets[0].address).intents
        await engine.exits.drain(1)
        await engine.parts.trails.drain(1)

    asyncio.run(story())
