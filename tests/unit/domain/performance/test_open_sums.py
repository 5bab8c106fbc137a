"""Sums over many positions are those of the plain way, digit by digit, and nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.performance.models import PeriodTotals, position_figures
from nexgent.domain.performance.open_sums import OpenPositionSums
from nexgent.domain.performance.overview import SHARE, DescribeOverview
from nexgent.domain.performance.summary import ClosedTradeTotals, summarise_sums, summarise_totals
from nexgent.domain.positions.models import Position
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.latest import LatestPrices
from nexgent.shared.money import CONTEXT
from nexgent.shared.types import TokenAddress, UserId
from tests.builders import T0, USER, a_position, a_price, an_agent
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal

TOKENS = [TokenAddress(f"{number:044d}") for number in range(4)]
raws = st.integers(0, 2**64 - 1)
lamports = st.one_of(st.just(0), st.integers(0, 10**15))
# As many digits as numbers are computed with: products and sums are rounded, and the order of a sum shows.
prices_sol = st.builds(
    lambda a, b: CONTEXT.divide(Decimal(a), Decimal(b)), st.integers(1, 2**64), st.integers(1, 2**64)
)
positions = st.builds(
    lambda token, decimals, entry, purchased, quantity, invested, received, realized, in_part: a_position(
        token_address=token,
        decimals=decimals,
        entry_price_sol=entry,
        purchased_raw=purchased,
        quantity_raw=quantity,
        invested_lamports=invested,
        received_lamports=received,
        realized_lamports=realized,
        partially_sold=in_part,
    ),
    st.sampled_from(TOKENS),
    st.integers(0, 18),
    prices_sol,
    raws,
    raws,
    lamports,
    lamports,
    st.integers(-(10**15), 10**15),
    st.booleans(),
)


def told(prices: Mapping[TokenAddress, Decimal]) -> LatestPrices:
    latest = LatestPrices()
    latest.on_prices(
        PricesChanged(
            [
                replace(a_price(Decimal(1)), token_address=token, price_sol=price)
                for token, price in prices.items()
            ],
            T0,
        )
    )
    return latest


@given(
    st.lists(st.lists(positions, max_size=4), max_size=5),
    st.dictionaries(st.sampled_from(TOKENS), prices_sol),
)
def test_they_are_those_of_the_plain_way(
    wallets: Sequence[Sequence[Position]], prices: Mapping[TokenAddress, Decimal]
) -> None:
    sums, closed = OpenPositionSums(), ClosedTradeTotals(3, 1, Decimal("0.25"), Decimal(7))
    for wallet in wallets:
        sums.add(wallet, told(prices))

    plain = summarise_totals(
        Decimal("1.5"),
        closed,
        [position_figures(one, prices.get(one.token_address)) for wallet in wallets for one in wallet],
    )
    assert summarise_sums(Decimal("1.5"), closed, sums.totals()) == plain


class NothingClosed:
    """No closed trades."""

    async def totals_by_period(
        self, user_id: UserId, mode: TradingMode, starts: Mapping[str, datetime | None]
    ) -> Sequence[PeriodTotals]:
        return []


async def test_others_get_their_turn_while_many_wallets_are_summed_up() -> None:
    agents = [an_agent() for _ in range(4 * SHARE)]
    directory, journal = AgentDirectory(), FakeJournal()
    directory.load(agents)
    ledger = Ledger(journal=journal, clock=FakeClock(), publish=lambda _: None)
    held = a_position()
    ledger.load(
        [WalletState(agent.wallets[0].address, agent.id, positions={held.id: held}) for agent in agents],
        0,
    )
    queries: object = NothingClosed()
    overview = DescribeOverview(
        directory=directory,
        ledger=ledger,
        latest_prices=LatestPrices(),
        queries=queries,  # type: ignore[arg-type]  # what nobody asks for here is left out
        clock=FakeClock(),
    )
    asking = asyncio.create_task(overview.execute(USER, TradingMode.SIMULATION, UTC))
    turns = 0
    while not asking.done():
        await asyncio.sleep(0)
        turns += 1

    assert (await asking).summary.total_open_positions == len(agents)
    assert turns >= 4
