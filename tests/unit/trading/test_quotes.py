"""Quotes for purchases: who shares one, what a share costs, and how an order is made smaller."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.models import FIRST_VENUE, Intent, TradeKind
from nexgent.domain.trading.errors import SwapUnavailableError, TradeRejectedError
from nexgent.domain.trading.models import Quote, QuoteRequest
from nexgent.domain.trading.orders.quotes import Offer, PurchaseOffers, PurchaseQuotes, sale_quote
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.builders import TOKEN, an_intent
from tests.fakes.market import FakeSwaps

LIMIT = Decimal("0.05")


class Venues(FakeSwaps):
    """Quotes as changed by the test."""

    changes: dict[str, object]

    def __init__(self, **changes: object) -> None:
        super().__init__()
        self.changes = changes

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        return replace(await super().quote(request, urgent=urgent), **self.changes)  # type: ignore[arg-type]


def _intents(*amounts: int) -> list[Intent]:
    return [an_intent(amount_raw=amount) for amount in amounts]


async def _offers(
    swaps: FakeSwaps,
    intents: Sequence[Intent],
    limit: Decimal | None = None,
    mode: TradingMode = TradingMode.SIMULATION,
) -> list[Offer]:
    quotes = PurchaseQuotes(Venue(FIRST_VENUE, mode, swaps))
    offers = await quotes.fetch([(intent, limit) for intent in intents])
    return [offers[intent.id] for intent in intents]


def _asked(swaps: FakeSwaps) -> list[int]:
    return [request.amount_raw for request in swaps.requests]


async def test_equal_amounts_share_a_call_and_a_few_different_ones_do_not() -> None:
    swaps = FakeSwaps()

    offers = await _offers(swaps, _intents(100, 97, 98, 99, 100, 99))

    assert _asked(swaps) == [100, 99, 98, 97]
    assert [offer.in_amount_raw for offer in offers if isinstance(offer, Quote)] == [100, 97, 98, 99, 100, 99]
    assert all(request.taker is None for request in swaps.requests)


async def test_the_only_quote_is_asked_for_at_once() -> None:
    swaps = FakeSwaps()

    asking = asyncio.ensure_future(_offers(swaps, _intents(100, 100)))
    await asyncio.sleep(0)

    assert _asked(swaps) == [100]
    await asking


async def test_who_gives_up_on_offers_leaves_no_question_behind() -> None:
    swaps, decimals = FakeSwaps(), _SilentDecimals()
    swaps.gate = asyncio.Event()
    offers = PurchaseOffers(SwapVenues([Venue(FIRST_VENUE, TradingMode.SIMULATION, swaps)]), decimals)

    asking = asyncio.ensure_future(offers.fetch(TradingMode.SIMULATION, [(an_intent(), None)]))
    await decimals.asked.wait()
    asking.cancel()
    await asyncio.wait([asking])

    assert asking.cancelled()
    assert decimals.given_up


class _SilentDecimals:
    """Nobody answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.given_up = False

    async def decimals(self, token: TokenAddress) -> int:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up = True
        raise AssertionError("unreachable")


async def test_many_amounts_share_the_quote_of_the_largest_down_to_four_fifths_of_it() -> None:
    swaps = FakeSwaps()

    await _offers(swaps, _intents(80, 60, 100, 79, 90, 63))

    # 63.2 is four fifths of 79.
    assert _asked(swaps) == [100, 79, 63]


async def test_real_money_never_shares_and_says_who_takes() -> None:
    swaps = FakeSwaps()

    await _offers(swaps, _intents(104, 103, 102, 101, 100), mode=TradingMode.LIVE)

    assert _asked(swaps) == [104, 103, 102, 101, 100]
    assert {request.taker for request in swaps.requests} == {"sim_W"}


@pytest.mark.parametrize("usd", [None, Decimal(10)])
async def test_a_share_of_a_quote_is_rounded_against_the_buyer(usd: Decimal | None) -> None:
    whole = Venues(out_amount_raw=1_001, swap_usd_value=usd)
    amounts = (1_000, 900, 899, 898, 897)

    first, share, *_ = await _offers(whole, _intents(*amounts))

    assert isinstance(first, Quote)
    assert isinstance(share, Quote)
    assert _asked(whole) == [1_000]
    assert (share.in_amount_raw, share.out_amount_raw) == (900, 900)
    assert first.fees.protocol_fee_lamports == 1
    assert share.fees == replace(first.fees, protocol_fee_lamports=0)
    assert share.swap_usd_value == (Decimal(9) if usd is not None else None)
    unknown = replace(first.fees, protocol_fee_lamports=None)
    _, bare, *_ = await _offers(Venues(fees=unknown), _intents(*amounts))
    assert isinstance(bare, Quote)
    assert bare.fees == unknown


async def test_a_share_pays_its_part_of_the_protocols_fee() -> None:
    amounts = (1_000_000, 900_000, 899_999, 899_998, 899_997)

    offers = await _offers(FakeSwaps(), _intents(*amounts))

    quotes = [offer for offer in offers if isinstance(offer, Quote)]
    assert [quote.fees.protocol_fee_lamports for quote in quotes] == [1_000, 900, 899, 899, 899]
    assert [quote.out_amount_raw for quote in quotes] == [1_000_000, 900_000, 899_999, 899_998, 899_997]


@pytest.mark.parametrize(("taken", "given"), [(1_000, 0), (0, 1_000), (0, 0), (1_000, -1)])
async def test_an_empty_swap_is_no_offer(taken: int, given: int) -> None:
    (offer,) = await _offers(Venues(in_amount_raw=taken, out_amount_raw=given), _intents(1_000))

    assert not isinstance(offer, Quote)
    assert offer.code == "QUOTE_FAILED"


async def test_an_offer_of_one_unit_is_one() -> None:
    (offer,) = await _offers(Venues(in_amount_raw=1, out_amount_raw=1), _intents(1))

    assert isinstance(offer, Quote)


async def test_an_order_that_moves_the_price_is_made_smaller() -> None:
    swaps = FakeSwaps()
    swaps.impact_above = (800_000_000, Decimal("-0.2"))

    (offer,) = await _offers(swaps, _intents(1_000_000_000), LIMIT)

    assert isinstance(offer, Quote)
    assert offer.in_amount_raw == 800_000_000
    assert _asked(swaps) == [1_000_000_000, 900_000_000, 800_000_000]


async def test_an_order_that_moves_the_price_however_small_is_refused_in_words() -> None:
    swaps = FakeSwaps()
    swaps.impact = Decimal("-0.0612")

    (offer,) = await _offers(swaps, _intents(1_000_000_000), LIMIT)

    assert isinstance(offer, TradeRejectedError)
    assert offer.code == "PRICE_IMPACT_TOO_HIGH"
    assert offer.message == "The purchase would move the price by 6.12 %; at most 5.00 % is allowed"


async def test_a_quote_that_fails_fails_for_who_shares_it_alone() -> None:
    swaps = FakeSwaps()
    swaps.impact_above = (90, Decimal("-0.2"))
    small = await _offers(swaps, _intents(100_000_000))
    assert isinstance(small[0], Quote)

    swaps.failures = [SwapUnavailableError("busy")]
    failed, fine = await _offers(swaps, _intents(200, 100))
    assert isinstance(failed, SwapUnavailableError)
    assert isinstance(fine, Quote)


async def test_a_smaller_quote_that_fails_is_the_answer() -> None:
    class Twice(FakeSwaps):
        async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
            if self.requests:
                raise SwapUnavailableError("busy")
            return await super().quote(request, urgent=urgent)

    swaps = Twice()
    swaps.impact = Decimal("-0.2")

    (offer,) = await _offers(swaps, _intents(1_000_000_000), LIMIT)

    assert isinstance(offer, SwapUnavailableError)


async def test_a_sale_has_to_bring_something() -> None:
    async def sale(given: int) -> Quote:
        swaps = Venues(out_amount_raw=given)
        venue = Venue(FIRST_VENUE, TradingMode.SIMULATION, swaps)
        intent = an_intent(kind=TradeKind.SALE, input_mint=TOKEN, amount_raw=10)
        quote = await sale_quote(venue, intent, urgent=True, slippage_bps=5, priority_fee_lamports=7)
        assert swaps.urgent == [True]
        return quote

    assert (await sale(1)).out_amount_raw == 1
    for nothing in (0, -1):
        with pytest.raises(TradeRejectedError) as refusal:
            await sale(nothing)
        assert refusal.value.code == "INVALID_SALE_PRICE"


@pytest.mark.parametrize("mode", TradingMode)
async def test_a_live_sale_names_its_wallet_its_slippage_and_its_fee(mode: TradingMode) -> None:
    swaps = FakeSwaps()
    intent = an_intent(kind=TradeKind.SALE, input_mint=TOKEN, amount_raw=1_000_000)

    await sale_quote(
        Venue(FIRST_VENUE, mode, swaps), intent, urgent=False, slippage_bps=5, priority_fee_lamports=7
    )

    live = mode is TradingMode.LIVE
    (request,) = swaps.requests
    assert (request.input_mint, request.output_mint, request.amount_raw) == (TOKEN, SOL_MINT, 1_000_000)
    assert request.taker == (intent.wallet_address if live else None)
    assert (request.slippage_bps, request.priority_fee_lamports) == ((5, 7) if live else (None, None))
