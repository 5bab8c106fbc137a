"""Price feeds, token figures and decimals against the sandbox."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from aiohttp import web

from nexgent.domain.prices.models import PriceSource
from nexgent.domain.trading.errors import InvalidTokenError, TokenUnavailableError
from nexgent.infrastructure.external.dexscreener.feed import DexScreenerPriceFeed
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.price import JupiterPriceFeed
from nexgent.infrastructure.external.jupiter.tokens import JupiterTokenMetrics
from nexgent.infrastructure.external.solana.decimals import SolanaTokenDecimals
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.sandbox.control import SandboxControl
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress
from tests.integration.external.servers import serve

UNKNOWN = TokenAddress("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")


@pytest.fixture
def dexscreener(http: HttpClient, base_url: str) -> DexScreenerPriceFeed:
    return DexScreenerPriceFeed(http=http, clock=SystemClock(), base_url=base_url, requests_per_minute=0)


@pytest.fixture
def jupiter(api: JupiterApi) -> JupiterPriceFeed:
    return JupiterPriceFeed(api, SystemClock())


async def test_both_sources_agree_on_a_price(
    dexscreener: DexScreenerPriceFeed, jupiter: JupiterPriceFeed, mint: TokenAddress
) -> None:
    for feed in (dexscreener, jupiter):
        result = await feed.fetch([mint, mint, UNKNOWN])

        (observation,) = result.observations
        assert observation.token_address == mint
        assert observation.source is feed.source
        assert observation.price_sol is not None
        assert abs(observation.price_sol / Decimal("0.00001") - 1) < Decimal("0.000001")
        assert result.absent == {UNKNOWN}
        assert result.failed == frozenset()


async def test_a_lower_case_mint_is_not_the_token(
    dexscreener: DexScreenerPriceFeed, jupiter: JupiterPriceFeed, mint: TokenAddress
) -> None:
    lower = TokenAddress(mint.lower())
    for feed in (dexscreener, jupiter):
        result = await feed.fetch([mint, lower])

        assert [observation.token_address for observation in result.observations] == [mint]
        assert lower in result.absent | result.failed


async def test_missing_and_failed_are_different(
    control: SandboxControl, dexscreener: DexScreenerPriceFeed, jupiter: JupiterPriceFeed, mint: TokenAddress
) -> None:
    await control.fault("missing_token", "*", mint=mint)
    for feed in (dexscreener, jupiter):
        result = await feed.fetch([mint])
        assert result.absent == {mint}
        assert not result.failed
    await control.clear_faults()
    for kind, details in (("html_error", {"status": 200}), ("status", {"status": 500}), ("rate_limit", {})):
        await control.fault(kind, "*", **details, times=2)
        for feed in (dexscreener, jupiter):
            result = await feed.fetch([mint])
            assert result.failed == {mint}
            assert not result.absent


async def test_many_tokens_are_asked_for_in_batches_that_fail_apart(
    control: SandboxControl, dexscreener: DexScreenerPriceFeed
) -> None:
    tokens = [TokenAddress(token["mint"]) for token in await control.add_tokens(generate=70)]
    await control.fault("status", "dexscreener", times=1, status=500)

    result = await dexscreener.fetch(tokens)

    assert (await control.requests())["counts"]["dexscreener"] == 3
    assert len(result.failed) in (10, 30)
    assert len(result.observations) == 70 - len(result.failed)


async def test_sol_is_in_every_jupiter_batch_and_prices_are_ratios_of_one_answer(http: HttpClient) -> None:
    asked: list[list[str]] = []

    async def handler(request: web.Request) -> web.Response:
        ids = request.query["ids"].split(",")
        asked.append(ids)
        # The second answer comes after SOL has doubled.
        sol = "1e2" if len(asked) == 1 else "200.0"
        entries = ",".join(
            f'"{token}":{{"usdPrice":1.2e-9,"decimals":6}}' for token in ids if token != SOL_MINT
        )
        body = f'{{"{SOL_MINT}":{{"usdPrice":{sol},"decimals":9}},{entries}}}'
        return web.Response(text=body, content_type="application/json")

    tokens = [TokenAddress(f"Token{index}") for index in range(60)]
    async with serve(handler) as url:
        api = JupiterApi(http=http, clock=SystemClock(), base_url=url, requests_per_minute=0)
        result = await JupiterPriceFeed(api, SystemClock()).fetch(tokens)

    assert sorted(len(ids) for ids in asked) == [12, 50]
    assert all(ids[0] == SOL_MINT for ids in asked)
    assert len(result.observations) == 60
    first, second = ({Decimal("1.2e-11")}, {Decimal("6e-12")})
    by_batch = [
        {o.price_sol for o in result.observations[:49]},
        {o.price_sol for o in result.observations[49:]},
    ]
    assert by_batch in ([first, second], [second, first])
    assert result.observations[0].price_usd == Decimal("1.2e-9")


async def test_without_sol_in_the_answer_there_is_only_a_price_in_dollars(http: HttpClient) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"T": {"usdPrice": 0.5}, "N": {"usdPrice": None}, "X": None})

    async with serve(handler) as url:
        api = JupiterApi(http=http, clock=SystemClock(), base_url="http://127.0.0.1:9", requests_per_minute=0)
        # The whole endpoint is given, as the reference does.
        feed = JupiterPriceFeed(api, SystemClock(), price_url=f"{url}/price/v3/")
        result = await feed.fetch([TokenAddress("T"), TokenAddress("N"), TokenAddress("X")])

    (observation,) = result.observations
    assert observation.price_sol is None
    assert observation.price_usd == Decimal("0.5")
    assert result.absent == {"N", "X"}


async def test_a_price_address_of_another_host_does_not_get_the_key(http: HttpClient) -> None:
    seen: list[tuple[str, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("x-api-key")))
        return web.json_response({})

    async with serve(handler) as url, serve(handler) as other:
        api = JupiterApi(http=http, clock=SystemClock(), base_url=url, api_key="k", requests_per_minute=0)
        for price_url in (f"{url}/price/v3", f"{other}/price/v3"):
            await JupiterPriceFeed(api, SystemClock(), price_url=price_url).fetch([UNKNOWN])

    assert seen == [("/price/v3", "k"), ("/price/v3", None)]


async def test_sol_in_dollars_for_the_fallback(
    control: SandboxControl, jupiter: JupiterPriceFeed, mint: TokenAddress
) -> None:
    await control.set_sol_usd("123.5")

    price = await jupiter.sol_price()

    assert price is not None
    assert price.price_usd == Decimal("123.5")
    assert price.source == PriceSource("jupiter")
    before = (await control.requests())["counts"]["price"]
    assert await jupiter.sol_price() == price
    assert (await control.requests())["counts"]["price"] == before


async def test_capacity_follows_the_limit(http: HttpClient, base_url: str) -> None:
    assert DexScreenerPriceFeed(http=http, clock=SystemClock(), base_url=base_url).calls_per_second == 5
    api = JupiterApi(http=http, clock=SystemClock(), base_url=base_url, requests_per_minute=60)
    assert JupiterPriceFeed(api, SystemClock()).calls_per_second == 0.6
    free = JupiterApi(http=http, clock=SystemClock(), base_url=base_url, requests_per_minute=0)
    assert JupiterPriceFeed(free, SystemClock()).calls_per_second == 0


async def test_figures_of_a_token_are_cached_and_teach_its_decimals(
    control: SandboxControl, api: JupiterApi, rpc: SolanaRpc, mint: TokenAddress
) -> None:
    decimals = SolanaTokenDecimals(rpc)
    source = JupiterTokenMetrics(api, SystemClock(), decimals=decimals)

    metrics = await source.metrics(mint)

    assert metrics is not None
    assert metrics.holder_count is not None
    assert metrics.holder_count > 0
    assert metrics.market_cap_usd is not None
    assert await source.metrics(mint) == metrics
    assert await decimals.decimals(mint) == 6
    counts = (await control.requests())["counts"]
    assert counts["tokens"] == 1
    assert "rpc" not in counts


@pytest.mark.parametrize(
    "body", [[], [{"id": "Another", "mcap": 5}], {"error": "x"}, [None, 5], [{"id": UNKNOWN.lower()}]]
)
async def test_figures_of_another_token_are_not_taken(http: HttpClient, body: object) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps(body), content_type="application/json")

    async with serve(handler) as url:
        api = JupiterApi(http=http, clock=SystemClock(), base_url=url, requests_per_minute=0)
        assert await JupiterTokenMetrics(api, SystemClock()).metrics(UNKNOWN) is None


async def test_null_figures_are_unknown(control: SandboxControl, api: JupiterApi, mint: TokenAddress) -> None:
    await control.fault("null_fields", "tokens")

    metrics = await JupiterTokenMetrics(api, SystemClock()).metrics(mint)

    assert metrics is None or metrics.market_cap_usd is None


async def test_decimals_come_from_the_mint(
    control: SandboxControl, rpc: SolanaRpc, mint: TokenAddress
) -> None:
    decimals = SolanaTokenDecimals(rpc)

    assert await decimals.decimals(SOL_MINT) == 9
    assert await decimals.decimals(mint) == 6
    assert await decimals.decimals(mint) == 6
    assert (await control.requests())["counts"]["rpc"] == 1


async def test_what_is_no_mint_has_no_decimals(
    control: SandboxControl, rpc: SolanaRpc, mint: TokenAddress
) -> None:
    decimals = SolanaTokenDecimals(rpc)
    await control.fund(UNKNOWN, lamports=5)

    for address in (UNKNOWN, "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB264", "nonsense", mint.lower()):
        with pytest.raises(InvalidTokenError):
            await decimals.decimals(TokenAddress(address))


async def test_a_node_that_cannot_tell_is_not_a_default(
    control: SandboxControl, rpc: SolanaRpc, mint: TokenAddress
) -> None:
    await control.fault("status", "rpc", status=503)
    decimals = SolanaTokenDecimals(rpc)

    with pytest.raises(TokenUnavailableError):
        await decimals.decimals(mint)

    await control.clear_faults()
    assert await decimals.decimals(mint) == 6


async def test_decimals_learned_never_replace_known_ones(rpc: SolanaRpc, mint: TokenAddress) -> None:
    decimals = SolanaTokenDecimals(rpc, capacity=2)
    assert await decimals.decimals(mint) == 6

    decimals.remember(mint, 9)
    decimals.remember(SOL_MINT, 3)

    assert await decimals.decimals(mint) == 6
    assert await decimals.decimals(SOL_MINT) == 9
