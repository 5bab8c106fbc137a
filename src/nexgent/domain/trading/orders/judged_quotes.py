"""Quotes are believed only near the price that somebody else says, on paper as with real money.

Who sells the swap must not be the only one who knows what it is worth. The judged price of a token that is held is the
newest accepted one. It is doubted before a quote is: when they differ, and for tokens nobody holds, a source that is not the
swap provider is asked. Without any such price nothing can be judged, and the quote is taken as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import structlog

from nexgent.domain.ledger.models import Submission
from nexgent.domain.prices.models import TokenPrice
from nexgent.domain.prices.ports import SolPriceFeed, TokenPriceFeed
from nexgent.domain.trading.errors import TradeRejectedError, named
from nexgent.domain.trading.models import Quote, QuoteRequest, SwapOutcome
from nexgent.domain.trading.ports import SwapGateway, TokenDecimals
from nexgent.domain.trading.rules.quote_plausibility import is_plausible
from nexgent.shared.clock import Clock
from nexgent.shared.money import CONTEXT, SOL_MINT, plain, unit_price_sol
from nexgent.shared.types import TokenAddress, WalletAddress

log = structlog.get_logger(__name__)

QUOTE_IMPLAUSIBLE = "QUOTE_IMPLAUSIBLE"
PATIENCE_SECONDS = 0.75
"""How long a quote waits for the other source's price, once it is there itself."""
SHARED_SECONDS = 1.0
"""How long an answer of the other source serves further quotes of the same token."""
FORGET_SECONDS = 60.0


class PriceJudge:
    """Prices of tokens that do not come from who sells the swap."""

    def __init__(
        self,
        *,
        newest: Callable[[TokenAddress], Decimal | None],
        witness: TokenPriceFeed,
        sol_price: SolPriceFeed,
        clock: Clock,
    ) -> None:
        """`newest` gives the accepted price of a token that is watched, None when there is none or it is old."""
        self.newest = newest
        self._witness = witness
        self._sol_price = sol_price
        self._clock = clock
        # The longest ago comes first.
        self._asked: dict[TokenAddress, tuple[float, asyncio.Task[Decimal | None]]] = {}

    def ask(self, token: TokenAddress) -> asyncio.Task[Decimal | None]:
        """Ask the other source for a token's price; quotes of the same moment share the question."""
        now = self._clock.monotonic()
        known = self._asked.get(token)
        if known is not None and now - known[0] < SHARED_SECONDS:
            return known[1]
        while self._asked:
            oldest = next(iter(self._asked))
            if now - self._asked[oldest][0] < SHARED_SECONDS:
                break
            del self._asked[oldest]
        task = asyncio.ensure_future(self._read(token))
        self._asked[token] = (now, task)
        return task

    def ask_unless_known(self, token: TokenAddress) -> None:
        """Ask for a price that quotes will be judged by, unless there is one."""
        if self.newest(token) is None:
            self.ask(token)

    async def _read(self, token: TokenAddress) -> Decimal | None:
        try:
            found = (await self._witness.fetch([token])).observations
        except Exception as error:
            log.warning("quote.no_witness", token=token, code=named(error).code)
            return None
        for observation in found:
            if observation.token_address != token:
                continue
            price = observation.price_sol
            sol_usd = self._sol_price.current(self._clock.now())
            if price is None and observation.price_usd is not None and sol_usd is not None:
                price = observation.price_usd / sol_usd.price_usd
            if price is not None and price.is_finite() and price > 0:
                return price
        return None


class JudgedSwapGateway:
    """A `SwapGateway` that refuses quotes far from the judged price. Everything else is the other gateway's."""

    def __init__(
        self,
        gateway: SwapGateway,
        *,
        judge: PriceJudge,
        decimals: TokenDecimals,
        clock: Clock,
        tolerance: Decimal,
    ) -> None:
        self._gateway = gateway
        self._judge = judge
        self._decimals = decimals
        self._clock = clock
        self._tolerance = tolerance
        self._refused: dict[TokenAddress, tuple[int, float]] = {}
        """How often in a row sales of a token were refused, and when the last time; the longest ago comes first."""

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        """Return an offer near the judged price.

        Raises `TradeRejectedError` (`QUOTE_IMPLAUSIBLE`), or what the other gateway raises.
        """
        buying = request.input_mint == SOL_MINT
        token = request.output_mint if buying else request.input_mint
        newest = self._judge.newest(token)
        witness = self._judge.ask(token) if newest is None else None
        quote = await self._gateway.quote(request, urgent=urgent)
        price = await self._price_of(quote, token, buying=buying)
        if price is None:
            return quote
        refusals = 0 if buying else self._refusals(token)

        def believed(judged: Decimal) -> bool:
            value = CONTEXT.divide(judged, price) if buying else CONTEXT.divide(price, judged)
            return is_plausible(value, quote.price_impact_ratio, self._tolerance, refusals=refusals)

        judged = newest
        if judged is None or not believed(judged):
            # The price may have moved since it was accepted: it is doubted before the quote is.
            asked = witness if witness is not None else self._judge.ask(token)
            judged = await _within(asked, PATIENCE_SECONDS) or judged
        counts = not request.only_looked_at
        if judged is None or believed(judged):
            if counts:
                self._refused.pop(token, None)
            return quote
        if counts and not buying:
            self._note_refusal(token, refusals + 1)
        log.warning(
            "quote.implausible", token=token, quoted=plain(price), judged=plain(judged), buying=buying
        )
        raise TradeRejectedError(
            QUOTE_IMPLAUSIBLE,
            f"The swap provider quotes {_short(price)} SOL for a token whose price is {_short(judged)} SOL; "
            f"more than {plain(self._tolerance * 100)} % beyond its impact is not believed",
            quotedPriceSol=plain(price),
            judgedPriceSol=plain(judged),
        )

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        """Do what the other gateway does."""
        return await self._gateway.prepare(quote, wallet)

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        """Do what the other gateway does."""
        return await self._gateway.execute(quote, submission)

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        """Do what the other gateway does."""
        return await self._gateway.resolve(submission, wallet, request)

    async def _price_of(self, quote: Quote, token: TokenAddress, *, buying: bool) -> Decimal | None:
        """Return SOL per token, None when it cannot be said: what has no decimals is refused elsewhere."""
        lamports, raw = quote.in_amount_raw, quote.out_amount_raw
        if not buying:
            lamports, raw = raw, lamports
        if lamports <= 0 or raw <= 0:
            return None
        try:
            decimals = await self._decimals.decimals(token)
        except Exception as error:
            log.info("quote.not_judged", token=token, code=named(error).code)
            return None
        return unit_price_sol(lamports, raw, decimals)

    def _note_refusal(self, token: TokenAddress, times: int) -> None:
        now = self._clock.monotonic()
        self._refused.pop(token, None)
        self._refused[token] = (times, now)
        while now - self._refused[oldest := next(iter(self._refused))][1] >= FORGET_SECONDS:
            del self._refused[oldest]

    def _refusals(self, token: TokenAddress) -> int:
        known = self._refused.get(token)
        if known is None or self._clock.monotonic() - known[1] >= FORGET_SECONDS:
            return 0
        return known[0]


def newest_price(
    price_of: Callable[[TokenAddress], TokenPrice | None], clock: Clock, max_age_seconds: float
) -> Callable[[TokenAddress], Decimal | None]:
    """Return a reader of accepted prices that knows none that is too old to be judged by."""
    most = timedelta(seconds=max_age_seconds)

    def read(token: TokenAddress) -> Decimal | None:
        price = price_of(token)
        if price is None:
            return None
        return price.price_sol if clock.now() - price.observed_at <= most else None

    return read


async def _within(task: asyncio.Task[Decimal | None], seconds: float) -> Decimal | None:
    # Looking at one that has ended takes turns of the event loop as well.
    done = {task} if task.done() else (await asyncio.wait([task], timeout=seconds))[0]
    return task.result() if done and not task.cancelled() else None


def _short(price: Decimal) -> str:
    return f"{price:.6g}"
