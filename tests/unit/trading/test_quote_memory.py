"""What judging quotes remembers and for how long, and what it makes of amounts and answers at their limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.prices.models import FetchResult
from nexgent.domain.trading.errors import TradeRejectedError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.orders.judged_quotes import JudgedSwapGateway
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN
from tests.fakes.market import FakeSwaps
from tests.unit.trading.test_judged_quotes import Desk

ONE, OTHER, THIRD = (TokenAddress(f"{number:044d}") for number in range(3))


async def _refused(desk: Desk, token: TokenAddress) -> bool:
    try:
        await desk.gateway.quote(QuoteRequest(input_mint=token, output_mint=SOL_MINT, amount_raw=10**9))
    except TradeRejectedError:
        return True
    return False


async def test_answers_are_forgotten_when_they_are_a_second_old_whoever_was_asked_for_again() -> None:
    desk = Desk("0.001")
    judge = desk.gateway._judge
    for seconds, token in ((0, ONE), (0.5, OTHER), (0.5, ONE), (0.5, THIRD)):
        desk.clock.advance(seconds)
        await judge.ask(token)

    assert list(judge._asked) == [ONE, THIRD]
    assert desk.witness.asked == 4


async def test_refusals_are_forgotten_after_a_minute_however_often_others_were_refused_again() -> None:
    desk = Desk("0.00001")
    for seconds, token in ((0, ONE), (10, OTHER), (10, ONE), (50, THIRD)):
        desk.clock.advance(seconds)
        assert await _refused(desk, token)

    assert list(desk.gateway._refused) == [ONE, THIRD]


async def test_a_machine_that_has_just_been_started_counts_refusals_from_none() -> None:
    desk = Desk("0.0006")
    desk.clock._monotonic = 0.0

    assert await _refused(desk, ONE)
    assert not await _refused(desk, ONE)


class Fixed(FakeSwaps):
    """Offers amounts the test wants."""

    def __init__(self, in_raw: int, out_raw: int) -> None:
        super().__init__()
        self._amounts = {"in_amount_raw": in_raw, "out_amount_raw": out_raw}

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        return replace(await super().quote(request, urgent=urgent), **self._amounts)  # type: ignore[arg-type]


@pytest.mark.parametrize("buying", [True, False])
@pytest.mark.parametrize(
    ("in_raw", "out_raw", "judged"),
    [(1, 1, True), (0, 1, False), (1, 0, False), (-1, 1, False), (1, -1, False), (0, 0, False)],
)
async def test_a_single_unit_has_a_price_and_an_empty_swap_none(
    in_raw: int, out_raw: int, judged: bool, buying: bool
) -> None:
    # A lamport for a millionth of a token: a thousandth of what it is worth, or a thousand times.
    desk = Desk("1", newest="1" if buying else "0.000001", witness=None)
    judging = desk.gateway
    gateway = JudgedSwapGateway(
        Fixed(in_raw, out_raw),
        judge=judging._judge,
        decimals=judging._decimals,
        clock=desk.clock,
        tolerance=Decimal("0.25"),
    )
    mints = (SOL_MINT, TOKEN) if buying else (TOKEN, SOL_MINT)
    request = QuoteRequest(input_mint=mints[0], output_mint=mints[1], amount_raw=1)

    if judged:
        with pytest.raises(TradeRejectedError):
            await gateway.quote(request)
    else:
        # What is empty is refused elsewhere.
        assert (await gateway.quote(request)).out_amount_raw == out_raw


@pytest.mark.parametrize(("newest", "refused"), [("0.001", True), (None, False)])
@pytest.mark.parametrize("ends", ["never", "cancelled"])
async def test_a_source_that_is_not_heard_in_time_knows_nothing(
    newest: str | None, refused: bool, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexgent.domain.trading.orders.judged_quotes.PATIENCE_SECONDS", 0.0)
    desk = Desk("0.0001", newest=newest)
    answer = asyncio.Event()

    async def fetch(tokens: Sequence[TokenAddress]) -> FetchResult:
        await answer.wait()
        return FetchResult((), frozenset(tokens), frozenset())

    desk.witness.fetch = fetch  # type: ignore[method-assign]
    asked = desk.gateway._judge.ask(ONE)
    if ends == "cancelled":
        asked.cancel()
        await asyncio.wait([asked])

    assert await _refused(desk, ONE) is refused
    answer.set()
    await asyncio.wait([asked])
