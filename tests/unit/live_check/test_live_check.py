"""What must be right before real money: each part by itself, and all of it over an engine in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.live_check.check import USUAL_TOKEN, LiveCheck
from nexgent.domain.live_check.judge import (
    judge_balance,
    judge_limits,
    judge_node,
    judge_prices,
    judge_rate,
    token_to_try,
)
from nexgent.domain.live_check.models import LiveWishes, NodeReading, PriceReading, RateTier
from nexgent.domain.live_check.wallet_trial import WalletTrial
from nexgent.domain.protections.events import KillSwitchChanged
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.trading.errors import QuoteFailedError, UnsafeSwapError
from nexgent.shared.errors import UnavailableError
from nexgent.shared.findings import Finding, Verdict
from nexgent.shared.ids import new_id
from nexgent.shared.types import TokenAddress, UserId, WalletAddress
from tests.builders import T0, TOKEN, USER, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.live_market import FakeLiveMarket

OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
ONE_SOL = 1_000_000_000
SAFE = update_config(
    TradingConfig(),
    {
        "signals": {"tokenFilterMode": "whitelist", "tokenList": [TOKEN]},
        "protections": {"maxDailyLossSol": 1, "maxExposurePercent": 50},
    },
)


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.name: finding.verdict for finding in findings}


@pytest.mark.parametrize(
    ("held", "booked", "wishes", "expected"),
    [
        (10, 10, LiveWishes(cap_sol=Decimal(20)), (OK, OK, OK)),
        (10, 10, LiveWishes(), (OK, WARN, OK)),
        (10, 10, LiveWishes(cap_sol=Decimal("9.9")), (OK, FAIL, OK)),
        (10, 9, LiveWishes(cap_sol=Decimal(10)), (OK, OK, FAIL)),
        (0, 0, LiveWishes(cap_sol=Decimal(20)), (FAIL, OK, OK)),
        (10, 10, LiveWishes(cap_sol=Decimal(20), minimum_sol=Decimal(10)), (FAIL, OK, OK)),
    ],
)
def test_the_balance(held: int, booked: int, wishes: LiveWishes, expected: tuple[Verdict, ...]) -> None:
    found = judge_balance(held * ONE_SOL, booked * ONE_SOL, TradingConfig(), wishes)

    assert tuple(verdicts(found).values()) == expected
    assert all(finding.advice for finding in found if finding.verdict is not OK)


def test_limits_have_to_be_set() -> None:
    off = update_config(TradingConfig(), {"stopLoss": {"enabled": False}})

    assert verdicts(judge_limits(SAFE)) == {"stop loss": OK, "daily loss": OK, "exposure": OK}
    assert verdicts(judge_limits(off)) == {"stop loss": FAIL, "daily loss": FAIL, "exposure": FAIL}
    drawdown = update_config(TradingConfig(), {"protections": {"maxDrawdownPercent": 20}})
    assert verdicts(judge_limits(drawdown))["daily loss"] is OK


@pytest.mark.parametrize(
    ("tier", "agents", "verdict"),
    [
        (RateTier(requests_per_minute=60, has_key=True, local=False), 12, OK),
        (RateTier(requests_per_minute=60, has_key=True, local=False), 13, WARN),
        (RateTier(requests_per_minute=60, has_key=True, local=False), 31, FAIL),
        (RateTier(requests_per_minute=0, has_key=True, local=False), 1_000, OK),
        (RateTier(requests_per_minute=0, has_key=False, local=True), 1_000, OK),
        (RateTier(requests_per_minute=600, has_key=False, local=False), 1, FAIL),
    ],
)
def test_the_budget_against_the_number_of_agents(tier: RateTier, agents: int, verdict: Verdict) -> None:
    assert judge_rate(tier, agents).verdict is verdict


def test_the_node() -> None:
    node = NodeReading(genesis="something", first_slot=7, second_slot=7, seconds=4.0)

    assert verdicts(judge_node(node)) == {"slot": FAIL, "chain": WARN}
    assert verdicts(judge_node(replace(node, second_slot=8)))["slot"] is OK


def test_old_prices_and_none() -> None:
    readings = [
        PriceReading("a", T0),
        PriceReading("b", T0 - timedelta(seconds=31)),
        PriceReading("c", None),
    ]

    found = judge_prices(readings, T0, 30)

    assert [finding.verdict for finding in found] == [OK, FAIL, FAIL]


def test_the_token_of_the_trial_order() -> None:
    named = TokenAddress("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")

    assert token_to_try(SAFE, LiveWishes(token=named), "usual") == named
    assert token_to_try(SAFE, LiveWishes(), "usual") == TOKEN
    assert token_to_try(TradingConfig(), LiveWishes(), "usual") == "usual"


class World:
    """A live agent in a market that is as it should be."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.market = FakeLiveMarket()
        self.market.observed_at = self.engine.clock.now()
        self.protections = ProtectionState()
        agent = an_agent(SAFE)
        wallet = Wallet(WalletAddress("live"), agent.id, TradingMode.LIVE, T0, T0)
        self.agent = replace(agent, trading_mode=TradingMode.LIVE, wallets=(wallet,))
        self.engine.keys.loaded.add(wallet.address)
        self.use_case = LiveCheck(
            directory=self.engine.directory,
            wallets=WalletTrial(ledger=self.engine.ledger, keys=self.engine.keys, market=self.market),
            market=self.market,
            sol_price=self.engine.sol_price,
            protections=self.protections,
            clock=self.engine.clock,
            max_price_age_seconds=30,
        )

    async def start(self) -> World:
        await self.engine.add_agent(self.agent)
        return self

    async def look(self) -> dict[str, Finding]:
        wishes = LiveWishes(cap_sol=Decimal(20))
        return {one.name: one for one in await self.use_case.execute(self.agent.id, USER, wishes)}


async def test_all_is_well_and_the_order_is_the_agents_own() -> None:
    world = await World().start()

    found = await world.look()

    assert {name for name, one in found.items() if one.verdict is not OK} == set()
    assert list(found) == [
        "agent", "wallet key", "balance", "cap", "books", "stop loss", "daily loss", "exposure", "kill switch", "SOL/USD",
        "price of dexscreener", "clock", "slot", "chain", "rate budget", "quote", "order",
    ]  # fmt: skip
    (request,) = world.market.asked
    # The largest size of the range for ten SOL.
    assert (request.amount_raw // 1_000_000, request.output_mint, request.taker) == (1_999, TOKEN, "live")
    assert world.engine.swaps.requests == []


async def test_what_is_wrong_is_said_with_what_to_do() -> None:
    world = await World().start()
    world.engine.keys.loaded.clear()
    world.market.node_failure = UnavailableError("no answer")
    world.market.refusal = UnsafeSwapError("FOREIGN_TRANSFER", "sends SOL to a stranger")
    world.engine.sol_price.price_usd = None
    switch = KillSwitch(user_id=USER, engaged=True, reason=None, changed_at=T0)
    world.protections.on_kill_switch(KillSwitchChanged(switch))

    found = await world.look()

    assert {name: one.verdict for name, one in found.items() if one.verdict is not OK} == {
        "wallet key": FAIL,
        "balance": FAIL,
        "kill switch": WARN,
        "SOL/USD": FAIL,
        "slot": FAIL,
        "order": FAIL,
    }
    assert "FOREIGN_TRANSFER" in found["order"].found
    assert all(one.advice for one in found.values() if one.verdict is not OK)


async def test_no_offer_no_size_no_wallet() -> None:
    world = await World().start()
    world.market.swaps.failures.append(QuoteFailedError("no route"))
    assert "no route" in (await world.look())["quote"].found

    poor = await World().start()
    poor.engine.journal.entries.clear()
    bare = replace(poor.agent, wallets=())
    poor.agent = await poor.engine.add_agent(bare)
    found = await poor.look()
    assert found["wallet key"].verdict is FAIL
    assert {"balance", "quote", "order"}.isdisjoint(found)


async def test_a_foreign_agent_looks_like_none() -> None:
    world = await World().start()
    with pytest.raises(AgentNotFoundError):
        await world.use_case.execute(world.agent.id, UserId(new_id()), LiveWishes())
    assert USUAL_TOKEN.startswith("EPj")
