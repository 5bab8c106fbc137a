"""A quote far from the price that somebody else says is refused, on paper as with real money."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from nexgent.domain.prices.models import FetchResult, PriceObservation, PriceSource, SolPrice
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.orders.judged_quotes import (
    QUOTE_IMPLAUSIBLE,
    JudgedSwapGateway,
    PriceJudge,
    newest_price,
)
from nexgent.domain.trading.rules.quote_plausibility import STUBBORN, is_plausible
from nexgent.infrastructure.external.jupiter.simulation import SimulationSwapGateway
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import T0, TOKEN, a_price, a_quote, an_observation, some_fees
from tests.fakes.clock import FakeClock

PRICE = Decimal("0.001")
DECIMALS = 6


class Provider:
    """Quotes at a price of its own."""

    def __init__(self, price: Decimal, impact: str = "0") -> None:
        self.price, self.impact = price, Decimal(impact)
        self.urgent: list[bool] = []

    async def order(self, request: QuoteRequest, *, urgent: bool) -> Quote:
        self.urgent.append(urgent)
        buying = request.input_mint == SOL_MINT
        whole = Decimal(request.amount_raw)
        out = (
            whole / 10**9 / self.price * 10**DECIMALS if buying else whole / 10**DECIMALS * self.price * 10**9
        )
        fees = some_fees(network_fee_lamports=5_000)
        return a_quote(request, int(out), price_impact_ratio=self.impact, fees=fees)


class Witness:
    """Another source; it knows a price, or nothing."""

    source = PriceSource("dexscreener")
    tokens_per_call = 30
    calls_per_second = 5.0

    def __init__(self, clock: FakeClock, price: Decimal | None) -> None:
        self.clock, self.price, self.asked = clock, price, 0

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        self.asked += 1
        if self.price is None:
            return FetchResult((), frozenset(tokens), frozenset())
        found = an_observation(self.price, self.clock.now(), tokens[0])
        return FetchResult((found,), frozenset(), frozenset())


class NoDecimals:
    async def decimals(self, token: TokenAddress) -> int:
        del token
        return DECIMALS


class NoSolPrice:
    def current(self, now: object) -> None:
        del now

    def latest(self) -> None:
        return None


class Desk:
    """A paper gateway behind a judge."""

    def __init__(
        self, quoted: str, *, newest: str | None = "0.001", witness: str | None = "0.001", impact: str = "0"
    ) -> None:
        self.clock = FakeClock()
        self.witness = Witness(self.clock, Decimal(witness) if witness is not None else None)
        price = Decimal(newest) if newest is not None else None
        held = a_price(price, self.clock.now()) if price is not None else None
        self.provider = Provider(Decimal(quoted), impact)
        self.gateway = JudgedSwapGateway(
            SimulationSwapGateway(self.provider),  # type: ignore[arg-type]  # only asked for orders
            judge=PriceJudge(
                newest=newest_price(lambda _: held, self.clock, 10),
                witness=self.witness,
                sol_price=NoSolPrice(),
                clock=self.clock,
            ),
            decimals=NoDecimals(),
            clock=self.clock,
            tolerance=Decimal("0.25"),
        )

    async def buy(self) -> Quote:
        request = QuoteRequest(input_mint=SOL_MINT, output_mint=TOKEN, amount_raw=10**9)
        return await self.gateway.quote(request)

    async def sell(self) -> Quote:
        request = QuoteRequest(input_mint=TOKEN, output_mint=SOL_MINT, amount_raw=10**9)
        return await self.gateway.quote(request)


@pytest.mark.parametrize("quoted", ["0.1", "0.00001"], ids=["x 100", "x 0.01"])
@pytest.mark.parametrize("newest", ["0.001", None], ids=["held", "not held"])
@pytest.mark.parametrize("impact", ["0", "-0.99"])
async def test_absurd_quotes_are_refused(quoted: str, newest: str | None, impact: str) -> None:
    desk = Desk(quoted, newest=newest, impact=impact)

    for trade in (desk.buy, desk.sell):
        with pytest.raises(TradeRejectedError) as refused:
            await trade()
        assert refused.value.code == QUOTE_IMPLAUSIBLE
        assert "0.001 SOL" in refused.value.message
        assert "more than 25 % beyond" in refused.value.message


@pytest.mark.parametrize("quoted", ["0.001", "0.00085", "0.0012"])
async def test_quotes_near_the_price_are_taken_without_asking_anybody(quoted: str) -> None:
    desk = Desk(quoted)

    assert (await desk.buy()).out_amount_raw > 0
    assert (await desk.sell()).out_amount_raw > 0
    assert desk.witness.asked == 0


async def test_an_old_price_is_doubted_before_the_quote_is() -> None:
    desk = Desk("0.0005", witness="0.0005")

    assert (await desk.sell()).out_amount_raw > 0
    assert desk.witness.asked == 1


async def test_a_price_that_is_too_old_judges_nothing() -> None:
    desk = Desk("0.0005", witness=None)
    desk.clock.advance(timedelta(seconds=11).total_seconds())

    assert (await desk.sell()).out_amount_raw > 0


async def test_without_any_price_nothing_can_be_judged() -> None:
    desk = Desk("0.1", newest=None, witness=None)

    assert (await desk.buy()).out_amount_raw > 0


async def test_quotes_of_one_moment_share_the_question() -> None:
    desk = Desk("0.001", newest=None)

    await asyncio.gather(*(desk.buy() for _ in range(20)))

    assert desk.witness.asked == 1


async def test_a_sale_does_not_wait_for_ever_for_a_slow_source() -> None:
    """A crash of 40 % that the other source has not seen yet is sold at the second attempt, a hundredth is not."""
    desk = Desk("0.0006")
    with pytest.raises(TradeRejectedError):
        await desk.sell()
    assert (await desk.sell()).out_amount_raw > 0

    worthless = Desk("0.00001")
    for _ in range(20):
        with pytest.raises(TradeRejectedError):
            await worthless.sell()


async def test_a_token_that_really_has_no_buyers_can_be_left() -> None:
    desk = Desk("0.00001", impact="-0.99")
    for _ in range(STUBBORN):
        with pytest.raises(TradeRejectedError):
            await desk.sell()

    assert (await desk.sell()).out_amount_raw > 0


@pytest.mark.parametrize(
    ("value", "impact", "believed"),
    [
        ("1", "0", True),
        ("0.75", "0", True),
        ("0.74", "0", False),
        ("1.33", "0", True),
        ("1.34", "0", False),
        ("0.68", "-0.1", True),
        ("0.67", "0.1", False),
        ("1.34", "-0.4", False),
        ("0.3", "-0.99", False),
        ("0", "0", False),
        ("NaN", "0", False),
        ("0.5", "NaN", False),
    ],
)
def test_the_edges(value: str, impact: str, believed: bool) -> None:
    assert is_plausible(Decimal(value), Decimal(impact), Decimal("0.25")) is believed


@pytest.mark.parametrize(("refusals", "least"), [(0, "0.75"), (1, "0.5"), (2, "0.1"), (9, "0.1")])
def test_a_sale_that_was_refused_is_believed_within_more(refusals: int, least: str) -> None:
    def believed(value: str, impact: str = "0") -> bool:
        return is_plausible(Decimal(value), Decimal(impact), Decimal("0.25"), refusals=refusals)

    assert believed(least)
    assert not believed(str(Decimal(least) - Decimal("0.001")))
    # What the quote says of its own impact explains half at most, until nobody else will buy.
    stubborn = refusals >= STUBBORN
    assert believed(str(Decimal(least) / 2), "1")
    assert believed("0.0001", "1") is stubborn
    assert not believed("-0.0001", "1")


async def test_an_answer_serves_quotes_for_a_second() -> None:
    desk = Desk("0.001", newest=None)
    await desk.buy()
    desk.clock.advance(0.999)
    await desk.buy()
    assert desk.witness.asked == 1

    desk.clock.advance(0.001)
    await desk.buy()
    assert desk.witness.asked == 2


async def test_a_price_judges_up_to_its_age_and_not_beyond() -> None:
    for seconds, believed in ((10, False), (10.001, True)):
        desk = Desk("0.0001", witness=None)
        desk.clock.advance(seconds)
        if believed:
            assert (await desk.sell()).out_amount_raw > 0
        else:
            with pytest.raises(TradeRejectedError):
                await desk.sell()


async def test_refusals_in_a_row_are_forgotten_after_a_minute_or_a_sale_that_was_believed() -> None:
    """At 0.0006 the first attempt is refused, and the second one right after is believed."""
    desk = Desk("0.0006")

    async def refused() -> bool:
        try:
            await desk.sell()
        except TradeRejectedError:
            return True
        return False

    assert await refused()
    desk.clock.advance(60)
    assert await refused()
    desk.clock.advance(59.9)
    assert not await refused()
    assert await refused()


async def test_looking_makes_no_sale_more_believable() -> None:
    """At 0.0006 a first attempt is refused; however often somebody looked before it, it still is."""
    desk = Desk("0.0006")
    look = QuoteRequest(input_mint=TOKEN, output_mint=SOL_MINT, amount_raw=10**9, only_looked_at=True)
    for _ in range(STUBBORN):
        with pytest.raises(TradeRejectedError):
            await desk.gateway.quote(look)

    with pytest.raises(TradeRejectedError):
        await desk.sell()
    # As the sale would be quoted now; and it is the sale that is believed, not the look before it that ends the row.
    assert (await desk.gateway.quote(look)).out_amount_raw > 0
    assert (await desk.sell()).out_amount_raw > 0


async def test_purchases_that_were_refused_make_no_sale_more_believable() -> None:
    desk = Desk("0.0006")
    for _ in range(3):
        with pytest.raises(TradeRejectedError):
            await desk.buy()

    with pytest.raises(TradeRejectedError):
        await desk.sell()


class Teller(Witness):
    """Tells what the test wants it to."""

    def __init__(self, *found: PriceObservation) -> None:
        super().__init__(FakeClock(), None)
        self.found = found

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        return FetchResult(self.found, frozenset(), frozenset())


class SolPriceOf150(NoSolPrice):
    def current(self, now: object) -> SolPrice:  # type: ignore[override]
        return SolPrice(Decimal(150), T0, PriceSource("pyth"))


@pytest.mark.parametrize(
    ("observation", "sol_price", "price"),
    [
        (an_observation(Decimal("0.001")), NoSolPrice(), "0.001"),
        (an_observation(None, price_usd=Decimal("0.3")), SolPriceOf150(), "0.002"),
        (an_observation(Decimal("0.001"), price_usd=Decimal("0.3")), SolPriceOf150(), "0.001"),
        (an_observation(None, price_usd=Decimal("0.3")), NoSolPrice(), None),
        (an_observation(None), SolPriceOf150(), None),
        (an_observation(Decimal(0)), NoSolPrice(), None),
        (an_observation(Decimal(-1)), NoSolPrice(), None),
        (an_observation(Decimal("NaN")), NoSolPrice(), None),
        (an_observation(Decimal(1), token=TokenAddress("another")), NoSolPrice(), None),
    ],
)
async def test_what_the_other_source_says_is_a_price_in_sol_or_nothing(
    observation: PriceObservation, sol_price: NoSolPrice, price: str | None
) -> None:
    judge = PriceJudge(
        newest=lambda _: None, witness=Teller(observation), sol_price=sol_price, clock=FakeClock()
    )

    assert await judge.ask(TOKEN) == (Decimal(price) if price is not None else None)


async def test_a_source_that_does_not_answer_knows_no_price() -> None:
    class Away(Witness):
        async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
            raise ZeroDivisionError

    judge = PriceJudge(
        newest=lambda _: None, witness=Away(FakeClock(), None), sol_price=NoSolPrice(), clock=FakeClock()
    )

    assert await judge.ask(TOKEN) is None


async def test_what_was_asked_and_refused_is_forgotten_when_it_serves_nobody_any_more() -> None:
    desk = Desk("0.0001")
    judge = desk.gateway._judge
    tokens = [TokenAddress(f"{number:044d}") for number in range(50)]
    for token in tokens:
        await judge.ask(token)
        request = QuoteRequest(input_mint=token, output_mint=SOL_MINT, amount_raw=10**9)
        with pytest.raises(TradeRejectedError):
            await desk.gateway.quote(request)
        desk.clock.advance(10)

    assert list(judge._asked) == tokens[-1:]
    assert list(desk.gateway._refused) == tokens[-6:]


async def test_a_quote_is_in_a_hurry_only_for_whoever_says_so() -> None:
    desk = Desk("0.001")
    request = QuoteRequest(input_mint=TOKEN, output_mint=SOL_MINT, amount_raw=10**9)

    await desk.sell()
    await desk.gateway.quote(request, urgent=True)

    assert desk.provider.urgent == [False, True]
