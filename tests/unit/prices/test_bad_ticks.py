"""The real poll against the sandbox while its prices are nonsense: nothing is traded on a bad tick, and a real fall is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.models import TradeIntended
from nexgent.domain.prices.intake import PriceIntake
from nexgent.domain.prices.models import FetchResult, PriceSource, SolPrice
from nexgent.domain.prices.poller import PricePoller
from nexgent.domain.prices.ports import TokenPriceFeed
from nexgent.domain.prices.sol_validation import SolGateRules, SolPriceValidator
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator
from nexgent.infrastructure.external.dexscreener.feed import DEXSCREENER, DexScreenerPriceFeed
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.price import JUPITER, JupiterPriceFeed
from nexgent.infrastructure.external.pyth.updates import PYTH
from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.server import run_sandbox
from nexgent.shared.clock import SystemClock
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN, an_agent
from tests.fakes.engine import FakeEngine
from tests.unit.prices.test_poller import Observer
from tests.unit.sandbox.market import quiet_settings

# Whatever a price does, some rule would act: up a take profit, down a DCA and then the stop.
EVERYTHING = {
    "positionCalculator": {"randomization": {"enabled": False}},
    "staleTrade": {"enabled": False},
    "takeProfit": {
        "enabled": True,
        "mode": "custom",
        "levels": [{"targetPercent": 10, "sellPercent": 50}],
        "moonBag": {"enabled": False},
    },
    "dca": {"enabled": True, "mode": "custom", "levels": [{"dropPercent": -10, "buyPercent": 50}]},
}
PRICE = Decimal("0.001")


@dataclass
class Market:
    """A position bought at 0.001 SOL, watched by the real poll over the real feeds."""

    engine: FakeEngine
    agent: Agent
    control: SandboxControl
    poller: PricePoller

    async def poll(self, times: int = 1) -> int:
        """Poll and let what it starts come to an end; return how many prices were accepted."""
        accepted = 0
        for _ in range(times):
            accepted += await self.poller.tick()
            await self.engine.settle(30)
        return accepted

    @property
    def operations(self) -> int:
        """Count what was decided on the position."""
        bodies = [entry.body for entry in self.engine.journal.entries]
        return sum(isinstance(b, TradeIntended) and b.intent.position_id is not None for b in bodies)


class UsdOnly:
    """A feed of pairs that are not quoted in SOL."""

    def __init__(self, feed: TokenPriceFeed) -> None:
        self._feed = feed
        self.source = feed.source
        self.tokens_per_call = feed.tokens_per_call
        self.calls_per_second = 0.0

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        result = await self._feed.fetch(tokens)
        return replace(
            result, observations=tuple(replace(one, price_sol=None) for one in result.observations)
        )


class JudgedSolPrice:
    """SOL/USD as the validator lets it through."""

    def __init__(self) -> None:
        self.gate = SolPriceValidator(SolGateRules())
        self.say("150")

    def say(self, usd: str, source: PriceSource = PYTH) -> None:
        now = datetime.now(UTC)
        self.gate.judge(SolPrice(Decimal(usd), now, source), now)

    def current(self, now: datetime) -> SolPrice | None:
        return self.gate.current(now)

    def latest(self) -> SolPrice | None:
        return self.gate.latest()


@asynccontextmanager
async def a_position(
    sol_price: JudgedSolPrice | None = None, *, usd_only: bool = False
) -> AsyncIterator[Market]:
    engine, clock = FakeEngine(), SystemClock()
    agent = await engine.add_agent(an_agent(update_config(TradingConfig(), EVERYTHING)))
    await engine.buy([agent], size_sol=Decimal(1))
    sources = [DEXSCREENER] if usd_only else [DEXSCREENER, JUPITER]
    validator = PriceValidator(PriceValidationRules(), sources)
    validator.seed(TOKEN, PRICE)
    async with (
        run_sandbox(quiet_settings(tokens=0)) as url,
        SandboxControl(url) as control,
        HttpClient() as http,
    ):
        await control.add_tokens([{"mint": TOKEN, "symbol": "EXM", "priceSol": str(PRICE), "decimals": 6}])
        primary: TokenPriceFeed = DexScreenerPriceFeed(
            http=http, clock=clock, base_url=url, requests_per_minute=0
        )
        api = JupiterApi(http=http, clock=clock, base_url=url, requests_per_minute=0)
        poller = PricePoller(
            feeds=[UsdOnly(primary)] if usd_only else [primary, JupiterPriceFeed(api, clock)],
            validator=validator,
            intake=PriceIntake(
                validator=validator,
                sol_price=sol_price or JudgedSolPrice(),
                publish=engine.bus.publish,
                observer=Observer(),
            ),
            tracked=engine.book.tokens,
            clock=clock,
            observer=Observer(),
            patience_seconds=2.0,
        )
        try:
            yield Market(engine, agent, control, poller)
        finally:
            await poller.close()


GARBLED = ["NaN", "-1", "-0.001", "Infinity", "-Infinity", "1e999999999", "", "one", "0x10", "0,001"]


@pytest.mark.parametrize("endpoint", ["dexscreener", "price", "*"])
@pytest.mark.parametrize("text", GARBLED)
async def test_what_is_no_number_moves_nothing(text: str, endpoint: str) -> None:
    async with a_position() as market:
        for name in ("dexscreener", "price") if endpoint == "*" else (endpoint,):
            await market.control.fault("garbled_price", name, message=text)
        accepted = await market.poll(4)

        assert (accepted == 0) == (endpoint == "*")
        assert market.operations == 0


@pytest.mark.parametrize("endpoint", ["dexscreener", "price", "*"])
@pytest.mark.parametrize(
    "kind", ["zero_price", "missing_token", "null_fields", "empty", "html_error", "drop_before"]
)
async def test_no_price_at_all_moves_nothing(kind: str, endpoint: str) -> None:
    async with a_position() as market:
        for name in ("dexscreener", "price") if endpoint == "*" else (endpoint,):
            await market.control.fault(kind, name, mint=TOKEN)
        await market.poll(4)

        assert market.operations == 0


@pytest.mark.parametrize("factor", ["10", "0.1", "1000", "0.001", "1.3", "0.7", "0.82", "0.9", "1.15"])
@pytest.mark.parametrize("endpoint", ["dexscreener", "price"])
async def test_one_lying_source_moves_nothing_however_long_it_lies(endpoint: str, factor: str) -> None:
    async with a_position() as market:
        await market.control.fault("absurd_price", endpoint, factor=factor, mint=TOKEN)
        await market.poll(12)
        assert market.operations == 0

        await market.control.clear_faults()
        await market.poll(3)
        assert market.operations == 0


@pytest.mark.parametrize("factor", ["10", "0.1"])
async def test_a_spike_of_one_poll_moves_nothing_while_the_other_source_is_away(factor: str) -> None:
    async with a_position() as market:
        await market.control.fault("status", "price", status=503)
        await market.control.fault("absurd_price", "dexscreener", factor=factor, mint=TOKEN, times=1)
        await market.poll(4)

        assert market.operations == 0


async def test_a_frozen_source_sells_nothing_and_keeps_nothing_from_being_sold_when_it_thaws() -> None:
    async with a_position() as market:
        # The market halves, and the preferred source goes on saying the price of before.
        await market.control.set_price(TOKEN, PRICE / 2)
        await market.control.fault("absurd_price", "dexscreener", factor="2", mint=TOKEN)
        await market.poll(6)
        assert market.operations == 0

        await market.control.clear_faults()
        await market.poll(2)
        assert market.engine.positions(market.agent) == []


async def test_sources_that_contradict_each_other_wildly_move_nothing() -> None:
    async with a_position() as market:
        for _ in range(4):
            await market.control.fault("absurd_price", "dexscreener", factor="0.1", mint=TOKEN, times=1)
            await market.control.fault("absurd_price", "price", factor="10", mint=TOKEN, times=1)
            await market.poll()

        assert market.operations == 0


@pytest.mark.parametrize("usd", ["195", "105", "1500", "15"])
async def test_a_wrong_sol_price_moves_no_token_that_is_known_in_usd_only(usd: str) -> None:
    sol_price = JudgedSolPrice()
    async with a_position(sol_price, usd_only=True) as market:
        assert await market.poll() == 1
        sol_price.say(usd)
        assert await market.poll() == 0
        for _ in range(6):
            sol_price.say(usd)
            await market.poll()
            sol_price.say("150", JUPITER)
            assert await market.poll() == 1

        assert market.operations == 0


async def test_a_wrong_sol_price_moves_no_token_that_is_quoted_in_sol() -> None:
    sol_price = JudgedSolPrice()
    async with a_position(sol_price) as market:
        sol_price.say("105")
        await market.control.set_sol_usd("105")

        assert await market.poll(4) >= 4
        assert market.operations == 0


async def test_a_real_fall_is_sold_at_the_first_poll_both_sources_see() -> None:
    async with a_position() as market:
        await market.poll()
        await market.control.set_price(TOKEN, PRICE / 2)
        await market.poll()

        assert market.engine.positions(market.agent) == []


_BAD = st.sampled_from(["zero_price", "missing_token", "null_fields", "empty", "html_error", "status"])
_LIES = st.sampled_from(["10", "0.1", "1.3", "0.7", "1000", "0.001", "0.82", "0.9", "1.15"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    liar=st.sampled_from(["dexscreener", "price"]),
    polls=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["dexscreener", "price"]), _BAD.map(lambda kind: (kind, {}))),
            st.tuples(
                st.just("liar"), _LIES.map(lambda factor: ("absurd_price", {"factor": factor, "mint": TOKEN}))
            ),
            st.tuples(
                st.sampled_from(["dexscreener", "price"]),
                st.sampled_from(GARBLED).map(lambda text: ("garbled_price", {"message": text})),
            ),
        ),
        max_size=15,
    ),
)
async def test_any_sequence_of_failing_sources_and_one_that_lies_moves_nothing(
    liar: str, polls: list[tuple[str, tuple[str, dict[str, object]]]]
) -> None:
    async with a_position() as market:
        await market.poll()
        for endpoint, (kind, details) in polls:
            await market.control.fault(kind, liar if endpoint == "liar" else endpoint, times=1, **details)
            await market.poll()
            await market.control.clear_faults()

        assert market.operations == 0
