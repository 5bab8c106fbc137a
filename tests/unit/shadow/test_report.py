"""The gap between real and simulated fills, figure by figure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.config import TradingConfig, update_config
from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.ledger.models import TradeKind
from nexgent.domain.shadow.models import ShadowFill, SwapSide
from nexgent.domain.shadow.report import DescribeShadow, figures, price_gap_pct, price_gap_sol, spread
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, IntentId, TokenAddress, TransactionId, UserId, WalletAddress
from tests.builders import T0, TOKEN, USER, an_agent
from tests.fakes.engine import FakeEngine
from tests.fakes.shadow import FakeShadowFills

OTHER = TokenAddress("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
ONE_SOL = 1_000_000_000


def side(
    in_raw: int, out_raw: int, fees: tuple[int | None, int | None, int | None] = (5_000, 1_000, 0)
) -> SwapSide:
    network, priority, platform = fees
    return SwapSide(
        in_raw=in_raw, out_raw=out_raw, network_fee=network, priority_fee=priority, platform_fee=platform
    )


def a_fill(
    real: SwapSide, paper: SwapSide, *, buying: bool = True, token: TokenAddress = TOKEN
) -> ShadowFill:
    return ShadowFill(
        intent_id=IntentId(new_id()),
        agent_id=AgentId(new_id()),
        wallet_address=WalletAddress("w"),
        kind=TradeKind.PURCHASE if buying else TradeKind.SALE,
        token_address=token,
        token_symbol="EXM",
        buying=buying,
        transaction_id=TransactionId(new_id()),
        real=real,
        paper=paper,
        triggered_at=T0,
        ordered_at=T0 + timedelta(milliseconds=250),
        landed_at=T0 + timedelta(milliseconds=1_250),
        settled_seq=7,
    )


@pytest.mark.parametrize(
    ("buying", "real", "paper", "percent", "lost_sol"),
    [
        # Two percent fewer tokens for the same SOL.
        (True, side(ONE_SOL, 980), side(ONE_SOL, 1_000), "2.040816", "0.02"),
        (True, side(ONE_SOL, 1_010), side(ONE_SOL, 1_000), "-0.990099", "-0.01"),
        # Half of the SOL for half of the tokens is the same price.
        (True, side(ONE_SOL // 2, 500), side(ONE_SOL, 1_000), "0", "0"),
        (False, side(1_000, ONE_SOL * 99 // 100), side(1_000, ONE_SOL), "1", "0.01"),
        (False, side(1_000, ONE_SOL * 2), side(1_000, ONE_SOL), "-100", "-1"),
    ],
)
def test_a_gap_is_positive_where_the_real_fill_is_worse(
    buying: bool, real: SwapSide, paper: SwapSide, percent: str, lost_sol: str
) -> None:
    fill = a_fill(real, paper, buying=buying)

    assert round(price_gap_pct(fill), 6) == Decimal(percent)
    assert round(price_gap_sol(fill), 9) == Decimal(lost_sol)


amounts = st.integers(min_value=1, max_value=10**18)


@given(in_raw=amounts, out_raw=amounts, buying=st.booleans())
def test_equal_fills_have_no_gap(in_raw: int, out_raw: int, buying: bool) -> None:
    fill = a_fill(side(in_raw, out_raw), side(in_raw, out_raw), buying=buying)

    assert price_gap_pct(fill) == 0
    assert abs(price_gap_sol(fill)) < Decimal("1e-9")


def test_mean_median_and_worst() -> None:
    values = [Decimal(value) for value in (1, 10, 2, 3)]

    assert spread([]) is None
    assert spread(values[:1]) == spread([Decimal(1)])
    found = spread(values)
    assert found is not None
    assert (found.mean, found.median, found.worst) == (Decimal(4), Decimal("2.5"), Decimal(10))


def test_fees_count_where_both_are_known() -> None:
    known = a_fill(side(ONE_SOL, 10, (5_000, 3_000, 100)), side(ONE_SOL, 10, (5_000, 1_000, 0)))
    forgotten = a_fill(side(ONE_SOL, 10, (5_000, 3_000, 100)), side(ONE_SOL, 10, (None, None, None)))

    found = figures([known, forgotten])

    assert (found.priority_fee.fills, found.priority_fee.real_sol) == (1, Decimal("0.000003"))
    assert (found.platform_fee.real_sol, found.platform_fee.paper_sol) == (Decimal("0.0000001"), Decimal(0))
    assert found.order_ms is not None
    assert found.landing_ms is not None
    assert (found.order_ms.mean, found.landing_ms.worst) == (Decimal(250), Decimal(1_000))


async def test_a_report_is_per_token_and_in_all_and_says_when_it_is_empty() -> None:
    engine, fills = FakeEngine(), FakeShadowFills()
    agent = await engine.add_agent(an_agent(update_config(TradingConfig(), {"shadow": {"enabled": True}})))
    use_case = DescribeShadow(directory=engine.directory, fills=fills, clock=engine.clock)

    empty = await use_case.execute(agent.id, USER, 30)
    assert (empty.enabled, empty.has_live_wallet, empty.total.fills, empty.tokens) == (True, False, 0, [])
    assert empty.total.price_gap_pct is None
    worse = a_fill(side(ONE_SOL, 900), side(ONE_SOL, 1_000), token=OTHER)
    sale = a_fill(side(1_000, ONE_SOL), side(1_000, ONE_SOL), buying=False)
    now = engine.clock.now()
    fills.fills = [replace(one, agent_id=agent.id, landed_at=now) for one in (sale, worse, sale)]
    fills.fills.append(replace(sale, agent_id=agent.id, landed_at=now - timedelta(days=31)))

    report = await use_case.execute(agent.id, USER, 30)

    assert [(one.token_address, one.buys, one.sales) for one in report.tokens] == [
        (OTHER, 1, 0),
        (TOKEN, 0, 2),
    ]
    assert (report.total.fills, report.total.price_gap_sol, report.complete) == (3, Decimal("0.1"), True)
    with pytest.raises(AgentNotFoundError):
        await use_case.execute(agent.id, UserId(new_id()), 30)
