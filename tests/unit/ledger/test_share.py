"""Shards of agents, and which of them a process acts for."""

from __future__ import annotations

from uuid import UUID

import pytest

from nexgent.domain.ledger.errors import NotTheEngineError
from nexgent.domain.ledger.models import TradeFailed, TradeIntended
from nexgent.domain.ledger.share import EngineShare
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, SHARDS, highest, is_in, lowest, numbers_of, shard_of
from nexgent.shared.types import AgentId, SignalId
from tests.builders import an_agent, an_intent
from tests.fakes.engine import FakeEngine


@pytest.mark.parametrize(
    ("agent_id", "shard"),
    [
        ("00000000-0000-0000-0000-000000000000", 21),
        ("00000000-0000-4000-8000-000000000001", 57),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", 26),
        ("6a0cbf0e-54c8-4a0c-9f0e-0a7c0f3f9b11", 1),
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", 20),
    ],
)
def test_the_shard_of_an_agent_never_changes(agent_id: str, shard: int) -> None:
    assert shard_of(AgentId(UUID(agent_id))) == shard


def test_agents_are_spread_evenly() -> None:
    counts = [0] * SHARDS
    for number in range(64 * SHARDS):
        counts[shard_of(AgentId(UUID(int=number)))] += 1

    assert (min(counts), max(counts)) == (64, 64)


def test_sets_of_shards() -> None:
    assert list(numbers_of(0b1011)) == [0, 1, 3]
    assert (lowest(0b1011, 2), highest(0b1011, 2)) == (0b0011, 0b1010)
    assert (lowest(0b1011, 9), highest(0b1011, 9)) == (0b1011, 0b1011)
    assert (lowest(0b1011, 0), highest(0b1011, 0)) == (NO_SHARDS, NO_SHARDS)
    assert (lowest(ALL_SHARDS, 64), highest(ALL_SHARDS, 1)) == (ALL_SHARDS, 1 << 63)


def test_a_share_is_everything_unless_it_is_shared() -> None:
    share = EngineShare()

    assert share.leads
    assert share.acts_for(AgentId(UUID(int=5)))
    assert share.told_of(SignalId(1)) == ALL_SHARDS


def test_a_share_grows_and_shrinks_and_says_so() -> None:
    agent_id = AgentId(UUID("6a0cbf0e-54c8-4a0c-9f0e-0a7c0f3f9b11"))
    share, changes = EngineShare(NO_SHARDS), list[int]()
    share.when_changed(lambda: changes.append(share.shards))
    found = [share.acts_for(agent_id)]

    share.take_over(0b11, SignalId(7))
    found.append(share.acts_for(agent_id))
    share.take_over(0b01, SignalId(9))
    share.give_up(0b10)
    found.append(share.acts_for(agent_id))

    assert found == [False, True, False]
    assert changes == [0b11, 0b01]
    assert share.leads


def test_a_signal_from_before_a_takeover_is_no_news() -> None:
    """Whoever had the shard may have decided on it: its announcement may come late, or twice."""
    share = EngineShare(NO_SHARDS)
    share.take_over(0b01, SignalId(0))
    share.take_over(0b10, SignalId(7))

    assert (share.told_of(SignalId(7)), share.told_of(SignalId(8))) == (0b01, 0b11)

    share.give_up(0b10)
    share.take_over(0b10, SignalId(8))
    assert (share.told_of(SignalId(8)), share.told_of(SignalId(9))) == (0b01, 0b11)


async def test_no_trade_begins_for_an_agent_of_another_engine() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent())
    wallet = agent.wallets[0].address
    engine.parts.share.give_up(1 << shard_of(agent.id))
    assert not is_in(engine.parts.share.shards, agent.id)

    intent = TradeIntended(an_intent(wallet_address=wallet, agent_id=agent.id))
    with pytest.raises(NotTheEngineError):
        engine.parts.ledger.stage(wallet, intent)

    # What would end a trade here did not begin here.
    with pytest.raises(NotTheEngineError):
        engine.parts.ledger.stage(wallet, TradeFailed(intent.intent.id, "X", ""))

    engine.parts.share.take_over(1 << shard_of(agent.id), SignalId(0))
    await engine.parts.ledger.commit(engine.parts.ledger.stage(wallet, intent))


async def test_what_has_begun_goes_on_to_its_end() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent())
    wallet, ledger = agent.wallets[0].address, engine.parts.ledger
    intent = an_intent(wallet_address=wallet, agent_id=agent.id)

    with engine.parts.in_flight.hold({intent.id: wallet}):
        await ledger.commit(ledger.stage(wallet, TradeIntended(intent)))
        engine.parts.share.give_up(1 << shard_of(agent.id))
        await ledger.commit(ledger.stage(wallet, TradeFailed(intent.id, "X", "")))

    assert not ledger.head(wallet).intents


def test_the_parts_of_a_limit_that_engines_may_use_are_all_of_it_together() -> None:
    assert EngineShare().budget == 1.0
    shares = [EngineShare(NO_SHARDS) for _ in range(3)]
    for number, share in enumerate(shares):
        share.take_over(sum(1 << shard for shard in range(64) if shard % 3 == number), SignalId(0))
    assert sum(share.budget for share in shares) == pytest.approx(1.0)
    assert shares[0].budget == pytest.approx(0.4 + 0.6 * 22 / 64)
    assert EngineShare(NO_SHARDS).budget > 0
