"""Whatever was going on when the process died: the next start finds the same books and finishes what was open."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import Account
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.errors import SwapUnavailableError
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.journal import FakeJournal
from tests.passes import recovered

TOKENS = [TokenAddress(f"Mint{number}") for number in range(3)]
STEPS = st.lists(
    st.tuples(st.sampled_from(["buy", "sell", "fail"]), st.integers(0, 2), st.integers(1, 9)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_a_restart_at_any_point_of_any_sequence_gives_the_same_state(
    steps: list[tuple[str, int, int]],
) -> None:
    asyncio.run(play(steps))


async def play(steps: list[tuple[str, int, int]]) -> None:
    engine = FakeEngine()
    config = update_config(TradingConfig(), {"positionCalculator": {"randomization": {"enabled": False}}})
    agent = await engine.add_agent(an_agent(config), Decimal(5))
    for kind, token, tenths in steps:
        await one_step(engine, agent, kind, TOKENS[token], Decimal(tenths) / 10)
    wallet = agent.wallets[0].address
    assert engine.journal.replay(wallet) == engine.ledger.head(wallet)

    for length in range(len(engine.journal.entries) + 1):
        await check_restart(engine, agent, length)


async def one_step(engine: FakeEngine, agent: Agent, kind: str, token: TokenAddress, size: Decimal) -> None:
    held = engine.ledger.head(agent.wallets[0].address).position_of(token)
    if kind == "buy" or held is None:
        await engine.buy([agent], token=token, size_sol=size)
        return
    if kind == "fail":
        engine.swaps.failures.append(SwapUnavailableError("busy"))
    request = ClosePositionRequest(
        wallet_address=held.wallet_address,
        position_id=held.id,
        reason=CloseReason.STOP_LOSS,
        persistent=True,
    )
    try:
        await engine.sales.execute(request)
    except NexgentError:
        assert kind == "fail"


async def check_restart(engine: FakeEngine, agent: Agent, length: int) -> None:
    """Start again from the first `length` entries, as if the process had died right after writing them."""
    journal = FakeJournal()
    journal.wallets = dict(engine.journal.wallets)
    journal.entries = list(engine.journal.entries[:length])
    after = FakeEngine(journal, engine.swaps)
    engine.swaps.failures.clear()
    after.directory.load([agent])
    states = await journal.load()
    after.ledger.load(states, length)
    for state in states:
        for position in state.positions.values():
            after.keeper.watch(position, position.base_trail)

    await recovered(after.recovery)
    await after.exits.drain(5.0)

    wallet = agent.wallets[0].address
    state = after.ledger.head(wallet)
    assert state == journal.replay(wallet)
    assert not state.intents
    assert state.available_raw(SOL_MINT) == state.balance_raw(SOL_MINT) >= 0
    for entry in journal.entries:
        for mint in {posting.mint for posting in entry.postings}:
            assert sum(p.amount_raw for p in entry.postings if p.mint == mint) == 0
    totals = sum(
        p.amount_raw
        for entry in journal.entries
        for p in entry.postings
        if p.account is Account.WALLET and p.mint == SOL_MINT
    )
    assert totals == state.balance_raw(SOL_MINT)
