"""Quotes for a burst of purchases: equal amounts share one call, nearly equal ones share one on paper.

Sharing between different amounts is for paper trades only. The largest of a bucket is quoted and the others get their share
of its output, so nobody gets a better price than an order of its own would have given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.models import Intent, PriceEvidence
from nexgent.domain.positions.models import Position
from nexgent.domain.trading.errors import QuoteFailedError, TradeRejectedError, named
from nexgent.domain.trading.models import Fees, Fill, Quote, QuoteRequest
from nexgent.domain.trading.orders.errors import PriceMovedError
from nexgent.domain.trading.orders.own_time import at_the_market
from nexgent.domain.trading.ports import TokenDecimals
from nexgent.domain.trading.rules.price_impact import ImpactAccepted, ImpactTooHigh, decide_price_impact
from nexgent.domain.trading.rules.quote_plausibility import is_plausible
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.shared.errors import NexgentError
from nexgent.shared.loops import cancel_all
from nexgent.shared.money import CONTEXT, SOL_MINT, lamports, sol, unit_price_sol
from nexgent.shared.structs import replace
from nexgent.shared.types import IntentId, TokenAddress, WalletAddress

SHARE_ABOVE = 4
"""Up to this many different amounts are quoted exactly; only a larger burst shares quotes between amounts."""
BUCKET_WIDTH = Decimal("0.8")
"""The smallest amount of a bucket, as a share of its largest."""

Offer = Quote | NexgentError


class Offers(NamedTuple):
    """What a purchase is carried out with: an offer per intent, and the decimals of their token or why they are not known."""

    quotes: Mapping[IntentId, Offer]
    decimals: int | NexgentError


NO_OFFERS = Offers({}, 0)
"""Nobody wants any."""


class PurchaseOffers:
    """Asks the venue of a mode, and for the token's decimals beside it."""

    def __init__(self, venues: SwapVenues, decimals: TokenDecimals) -> None:
        self._venues = venues
        self._decimals = decimals

    async def fetch(self, mode: TradingMode, wanted: Sequence[tuple[Intent, Decimal | None]]) -> Offers:
        """Return the offers for intents of one token and their limits of price impact."""
        quotes = PurchaseQuotes(self._venues.of_mode(mode))
        with at_the_market():
            knowing = asyncio.ensure_future(self._known(wanted[0][0].token_address))
            try:
                return Offers(await quotes.fetch(wanted), await knowing)
            finally:
                await cancel_all([knowing])

    def expected(self, mode: TradingMode, quote: Quote) -> Fill:
        """Return what carrying out an offer of that mode would bring."""
        return self._venues.of_mode(mode).expected(quote)

    async def decimals(self, token: TokenAddress) -> int:
        """Return the decimals of a token. Raises as `TokenDecimals` does."""
        return await self._decimals.decimals(token)

    async def _known(self, token: TokenAddress) -> int | NexgentError:
        try:
            return await self._decimals.decimals(token)
        except Exception as error:
            return named(error)


class PurchaseQuotes:
    """Fetch one offer per intent, with the price-impact guard of its buyer."""

    def __init__(self, venue: Venue) -> None:
        self._gateway = venue.gateway
        self._live = venue.live

    async def fetch(self, wanted: Sequence[tuple[Intent, Decimal | None]]) -> dict[IntentId, Offer]:
        """Return an offer, or the reason why there is none, for every intent and its limit of price impact."""
        buckets = self._buckets(sorted({intent.amount_raw for intent, _ in wanted}, reverse=True))
        keys = {amount: bucket[0] for bucket in buckets for amount in bucket}
        answers = await self._ask_all(wanted[0][0], [bucket[0] for bucket in buckets])
        offers: dict[IntentId, Offer] = {}
        for intent, limit in wanted:
            answer = answers[keys[intent.amount_raw]]
            if isinstance(answer, Quote):
                try:
                    answer = await self._guard(intent, limit, _share(answer, intent.amount_raw))
                except Exception as error:
                    answer = named(error)
            offers[intent.id] = answer
        return offers

    def _buckets(self, amounts: Sequence[int]) -> list[list[int]]:
        """Group amounts, largest first; each group's first is the one to quote."""
        if self._live or len(amounts) <= SHARE_ABOVE:
            return [[amount] for amount in amounts]
        buckets: list[list[int]] = []
        for amount in amounts:
            if buckets and amount >= buckets[-1][0] * BUCKET_WIDTH:
                buckets[-1].append(amount)
            else:
                buckets.append([amount])
        return buckets

    async def _ask_all(self, intent: Intent, amounts: Sequence[int]) -> dict[int, Offer]:
        # A task is begun, and its end heard of, turns of the event loop later, behind whatever else has come in. One needs none.
        if len(amounts) == 1:
            return {amounts[0]: await self._ask(intent, amounts[0])}
        offers = await asyncio.gather(*(self._ask(intent, amount) for amount in amounts))
        return dict(zip(amounts, offers, strict=True))

    async def _ask(self, intent: Intent, amount_raw: int) -> Offer:
        taker: WalletAddress | None = intent.wallet_address if self._live else None
        request = QuoteRequest(
            input_mint=intent.input_mint, output_mint=intent.token_address, amount_raw=amount_raw, taker=taker
        )
        try:
            quote = await self._gateway.quote(request)
        except Exception as error:
            return named(error)
        if quote.in_amount_raw <= 0 or quote.out_amount_raw <= 0:
            return QuoteFailedError("The swap provider quoted an empty swap")
        return quote

    async def _guard(self, intent: Intent, limit: Decimal | None, quote: Quote) -> Offer:
        """Take a smaller size while the quote moves the price too far, as often as the rule allows."""
        size = sol(intent.amount_raw)
        attempt = 0
        while True:
            verdict = decide_price_impact(size, attempt, quote.price_impact_ratio, limit)
            if isinstance(verdict, ImpactAccepted):
                return quote
            if isinstance(verdict, ImpactTooHigh):
                impact, most = CONTEXT.abs(verdict.price_impact) * 100, verdict.max_price_impact * 100
                return TradeRejectedError(
                    verdict.code,
                    f"The purchase would move the price by {impact:.2f} %; at most {most:f} % is allowed",
                )
            attempt = verdict.attempt
            answer = await self._ask(intent, lamports(verdict.size_sol))
            if not isinstance(answer, Quote):
                return answer
            quote = answer


async def sale_quote(
    venue: Venue,
    intent: Intent,
    *,
    urgent: bool,
    slippage_bps: int | None = None,
    priority_fee_lamports: int | None = None,
    only_looked_at: bool = False,
) -> Quote:
    """Return an offer for the tokens of an intent; slippage and fee are for live swaps, None leaves them to the provider.

    `only_looked_at` says that nobody will trade at it.

    Raises as the gateway does, and `TradeRejectedError` when it offers nothing.
    """
    request = QuoteRequest(
        input_mint=intent.input_mint,
        output_mint=SOL_MINT,
        amount_raw=intent.amount_raw,
        taker=intent.wallet_address if venue.live else None,
        slippage_bps=slippage_bps if venue.live else None,
        priority_fee_lamports=priority_fee_lamports if venue.live else None,
        only_looked_at=only_looked_at,
    )
    quote = await venue.gateway.quote(request, urgent=urgent)
    if quote.out_amount_raw <= 0:
        raise TradeRejectedError("INVALID_SALE_PRICE", "The swap provider offers nothing for the token")
    return quote


def check_decided_price(
    quote: Quote, position: Position, evidence: PriceEvidence | None, tolerance: Decimal
) -> None:
    """Raise `PriceMovedError` when a quote is further from the price of the decision than a true quote of that price can be.

    A quote may be true and the decision for another market: what was cheap by a fifth is no dip at half the price, but a fall
    that the stop loss ends. An exit is not asked this: what has to be sold is sold at the price there is. 0 is off.
    """
    if evidence is None or not tolerance:
        return
    buying = quote.request.input_mint == SOL_MINT
    sol_raw, token_raw = quote.in_amount_raw, quote.out_amount_raw
    if not buying:
        sol_raw, token_raw = token_raw, sol_raw
    quoted, decided = unit_price_sol(sol_raw, token_raw, position.decimals), evidence.price_sol
    value = CONTEXT.divide(decided, quoted) if buying else CONTEXT.divide(quoted, decided)
    if not is_plausible(value, quote.price_impact_ratio, tolerance):
        raise PriceMovedError(position.id, decided, quoted)


def _share(quote: Quote, amount_raw: int) -> Quote:
    """Return a smaller order's share of a quote, rounded against the buyer."""
    if amount_raw == quote.in_amount_raw:
        return quote
    protocol = quote.fees.protocol_fee_lamports
    fees = Fees(
        protocol_fee_lamports=protocol * amount_raw // quote.in_amount_raw if protocol is not None else None,
        protocol_fee_bps=quote.fees.protocol_fee_bps,
        network_fee_lamports=quote.fees.network_fee_lamports,
        rent_lamports=quote.fees.rent_lamports,
    )
    usd = quote.swap_usd_value
    return replace(
        quote,
        in_amount_raw=amount_raw,
        out_amount_raw=quote.out_amount_raw * amount_raw // quote.in_amount_raw,
        fees=fees,
        swap_usd_value=usd * amount_raw / quote.in_amount_raw if usd is not None else None,
    )
