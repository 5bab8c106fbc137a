"""Token prices of DexScreener: up to 30 tokens a call, from the deepest pool quoted in SOL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from nexgent.domain.prices.models import FetchResult, PriceObservation, PriceSource, SolPrice
from nexgent.infrastructure.external.budget import Priority, RateBudget
from nexgent.infrastructure.external.errors import UpstreamCallError
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.price_batches import fetch_in_batches
from nexgent.infrastructure.external.upstream import Upstream
from nexgent.shared.clock import Clock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress

DEXSCREENER = PriceSource("dexscreener")
DEFAULT_BASE_URL = "https://api.dexscreener.com"
REQUESTS_PER_MINUTE = 300
MAX_TOKENS = 30
PRICE_TIMEOUT_SECONDS = 3.0
_PARALLEL_CALLS = 8
_KNOWN_SUFFIXES = ("/tokens/v1/solana", "/tokens/v1", "/latest/dex/tokens", "/latest/dex")
_CHAIN = "solana"
_NOTHING = Decimal(-1)


class _Token(msgspec.Struct):
    address: str


class _Liquidity(msgspec.Struct):
    usd: Decimal | None = None
    quote: Decimal | None = None


class _Pair(msgspec.Struct, rename="camel"):
    """The few fields of a pair that matter."""

    base_token: _Token
    quote_token: _Token
    chain_id: str = _CHAIN
    price_native: Decimal | None = None
    price_usd: Decimal | None = None
    liquidity: _Liquidity | None = None


_PAIRS = msgspec.json.Decoder(list[_Pair])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_PAIR = msgspec.json.Decoder(_Pair)


class DexScreenerPriceFeed:
    """`TokenPriceFeed` of DexScreener."""

    def __init__(
        self,
        *,
        http: HttpClient,
        clock: Clock,
        base_url: str = DEFAULT_BASE_URL,
        requests_per_minute: int = REQUESTS_PER_MINUTE,
    ) -> None:
        """A limit of 0 is unlimited. Raises `ValueError` when the base URL cannot be used."""
        self._clock = clock
        self._upstream = Upstream(
            name="DexScreener",
            http=http,
            base_url=base_url or DEFAULT_BASE_URL,
            budget=RateBudget("DexScreener", limit=requests_per_minute, clock=clock),
            known_suffixes=_KNOWN_SUFFIXES,
        )
        self._parallel = asyncio.Semaphore(_PARALLEL_CALLS)

    @property
    def upstream(self) -> Upstream:
        """The service with its budget, for other questions to it."""
        return self._upstream

    @property
    def source(self) -> PriceSource:
        """DexScreener."""
        return DEXSCREENER

    @property
    def tokens_per_call(self) -> int:
        """What the endpoint takes."""
        return MAX_TOKENS

    @property
    def calls_per_second(self) -> float:
        """Calls within the rate limit; 0 is unlimited."""
        budget = self._upstream.budget
        return budget.limit / budget.window_seconds

    async def fetch(self, tokens: Sequence[TokenAddress]) -> FetchResult:
        """Ask for the tokens in batches of 30, a few at once."""
        return await fetch_in_batches(tokens, MAX_TOKENS, self._fetch_batch)

    async def sol_price(self) -> SolPrice | None:
        """Return USD per SOL from its deepest pool, or None when it cannot be had."""
        result = await self._fetch_batch([SOL_MINT])
        for observation in result.observations:
            usd = observation.price_usd
            if usd is not None and usd.is_finite() and usd > 0:
                return SolPrice(price_usd=usd, published_at=observation.observed_at, source=DEXSCREENER)
        return None

    async def _fetch_batch(self, batch: Sequence[TokenAddress]) -> FetchResult:
        try:
            async with self._parallel:
                answer = await self._upstream.get(
                    f"/tokens/v1/{_CHAIN}/{','.join(batch)}",
                    operation="price",
                    priority=Priority.PRICE,
                    timeout_seconds=PRICE_TIMEOUT_SECONDS,
                )
            return read_pairs(answer.body, batch, self._clock.now())
        except (UpstreamCallError, msgspec.DecodeError):
            return FetchResult((), frozenset(), frozenset(batch))


def read_pairs(body: bytes, wanted: Sequence[TokenAddress], now: datetime) -> FetchResult:
    """Return the observations in an answer. Raises `msgspec.DecodeError` when it is not an array."""
    best_sol: dict[str, _Pair] = {}
    best_other: dict[str, _Pair] = {}
    tokens = set(wanted)
    for pair in _pairs(body):
        # A wanted token can also be the quote side of a pair; addresses are compared as they are.
        token = pair.base_token.address
        if token not in tokens or pair.chain_id != _CHAIN:
            continue
        if pair.quote_token.address == SOL_MINT and pair.price_native is not None:
            _keep_deeper(best_sol, token, pair, pair.price_native)
        elif pair.price_usd is not None:
            _keep_deeper(best_other, token, pair, pair.price_usd)
    observations = []
    for token in wanted:
        sol_pair = best_sol.get(token)
        pair_or_none = sol_pair or best_other.get(token)
        if pair_or_none is not None:
            observations.append(_observation(token, pair_or_none, now, in_sol=sol_pair is not None))
    known = {observation.token_address for observation in observations}
    return FetchResult(tuple(observations), frozenset(tokens - known), frozenset())


def _pairs(body: bytes) -> list[_Pair]:
    """Decode at once; when one pair is malformed, one by one, so that it does not cost the others."""
    try:
        return _PAIRS.decode(body)
    except msgspec.ValidationError:
        pairs = []
        for element in _ELEMENTS.decode(body):
            try:
                pairs.append(_PAIR.decode(element))
            except msgspec.ValidationError:
                continue
        return pairs


def _keep_deeper(best: dict[str, _Pair], token: str, pair: _Pair, price: Decimal) -> None:
    """Keep the pair with the most liquidity; one with an unusable price only as long as there is no other."""
    held = best.get(token)
    if held is None or _rank(pair, price) > _rank(held, _price_like(held, pair)):
        best[token] = pair


def _price_like(held: _Pair, pair: _Pair) -> Decimal:
    in_sol = pair.quote_token.address == SOL_MINT
    price = held.price_native if in_sol else held.price_usd
    return price if price is not None else _NOTHING


def _rank(pair: _Pair, price: Decimal) -> tuple[bool, Decimal]:
    usd = pair.liquidity.usd if pair.liquidity is not None else None
    depth = usd if usd is not None and usd.is_finite() else _NOTHING
    return (price.is_finite() and price > 0, depth)


def _observation(token: TokenAddress, pair: _Pair, now: datetime, *, in_sol: bool) -> PriceObservation:
    liquidity = pair.liquidity or _Liquidity()
    return PriceObservation(
        token_address=token,
        source=DEXSCREENER,
        price_sol=pair.price_native if in_sol else None,
        price_usd=pair.price_usd,
        observed_at=now,
        liquidity_usd=liquidity.usd,
        liquidity_sol=liquidity.quote if in_sol else None,
    )
