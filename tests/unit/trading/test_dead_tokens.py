"""Which tokens are asked about at all, and from when on evidence counts."""

from __future__ import annotations

from decimal import Decimal

from nexgent.domain.agents.models import Agent
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.events import ExitAttemptFailed
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.domain.trading.rules.liquidity import MarketVerdict
from tests.builders import TOKEN, a_config, an_agent
from tests.fakes.engine import FakeEngine
from tests.patience import PATIENCE_SECONDS


async def an_engine() -> tuple[FakeEngine, Agent]:
    """Return an engine with one position and a fresh price of its token."""
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent(a_config({"staleTrade": {"enabled": False}})))
    await engine.buy([agent], size_sol=Decimal(1))
    engine.price(Decimal("0.001"))
    return engine, agent


async def _asked(engine: FakeEngine, seconds: float = 0) -> int:
    """Let time pass and look for dead tokens; return how often a source was asked."""
    engine.clock.advance(seconds)
    before = engine.probes[0].asked
    await engine.dead_tokens.tick()
    return engine.probes[0].asked - before


def _refused(engine: FakeEngine, agent: Agent, code: str = "QUOTE_FAILED") -> ExitAttemptFailed:
    position_id = engine.held(agent).position.id
    return ExitAttemptFailed(position_id, CloseReason.STOP_LOSS, 1, code, 1.0)


async def test_a_token_is_suspicious_after_a_minute_of_silence() -> None:
    engine, _ = await an_engine()

    assert await _asked(engine) == 0
    # The newest price may be a minute old; from then on silence counts, and it has to last a minute.
    assert await _asked(engine, 60) == 0
    assert await _asked(engine, 59) == 0
    assert await _asked(engine, 1) == 0
    assert await _asked(engine, 59) == 1
    assert await _asked(engine, 1) == 1


async def test_a_price_ends_the_silence() -> None:
    engine, _ = await an_engine()
    await _asked(engine, 61)
    engine.price(Decimal("0.001"))

    assert await _asked(engine, 60) == 0
    assert await _asked(engine, 1) == 0
    assert await _asked(engine, 59) == 0
    assert await _asked(engine, 1) == 1
    engine.price(Decimal("0.001"))
    assert await _asked(engine) == 0


async def test_a_token_nobody_holds_any_more_is_not_asked_about() -> None:
    engine, agent = await an_engine()
    await _asked(engine, 61)
    assert await _asked(engine, 60) == 1
    engine.dead_tokens.on_exit_attempt_failed(_refused(engine, agent))
    held = engine.held(agent).position
    await engine.sales.execute(
        ClosePositionRequest(
            wallet_address=held.wallet_address, position_id=held.id, reason=CloseReason.MANUAL
        )
    )
    await engine.settle(50)

    assert await _asked(engine, 600) == 0
    # Whoever buys it again waits for a silence of its own.
    await engine.buy([agent], size_sol=Decimal(1))
    assert await _asked(engine) == 0
    assert await _asked(engine, 60) == 1


async def test_a_sale_nobody_quotes_makes_a_token_suspicious_at_once() -> None:
    engine, agent = await an_engine()
    engine.dead_tokens.on_exit_attempt_failed(_refused(engine, agent, "SWAP_UNAVAILABLE"))
    assert await _asked(engine) == 0

    engine.dead_tokens.on_exit_attempt_failed(_refused(engine, agent))
    assert await _asked(engine) == 1


async def test_a_wallet_without_sol_for_fees_is_no_evidence_against_its_token() -> None:
    engine, agent = await an_engine()
    for _ in range(5):
        engine.dead_tokens.on_exit_attempt_failed(_refused(engine, agent, "ORDER_NOT_BUILT"))

    assert await _asked(engine) == 0


async def test_a_refused_sale_of_a_token_that_lives_is_forgotten_once_the_sources_have_said_so() -> None:
    engine, agent = await an_engine()
    engine.dead_tokens.on_exit_attempt_failed(_refused(engine, agent))

    assert await _asked(engine) == 1
    assert await _asked(engine) == 0


async def test_sources_that_are_away_say_nothing() -> None:
    engine, agent = await an_engine()
    for probe in engine.probes:
        probe.reachable = False
    await _asked(engine, 61)

    for _ in range(20):
        assert await _asked(engine, 60) == 1
    assert len(engine.positions(agent)) == 1
    assert not len(engine.exits)
    assert engine.book.is_held(TOKEN)


async def test_two_refused_sales_prove_nothing_and_a_third_one_does() -> None:
    engine, agent = await an_engine()
    for probe in engine.probes:
        probe.verdict = MarketVerdict.DEAD
    # Nobody tries to sell but this test.
    await engine.exits.drain(PATIENCE_SECONDS)
    for _ in range(30):
        await _asked(engine, 30)

    for refusals in (1, 2):
        engine.dead_tokens.on_exit_attempt_failed(_refused(engine, agent))
        assert await engine.dead_tokens.tick() == 0, refusals
    engine.dead_tokens.on_exit_attempt_failed(_refused(engine, agent))
    assert await engine.dead_tokens.tick() == 1
    assert engine.positions(agent) == []
