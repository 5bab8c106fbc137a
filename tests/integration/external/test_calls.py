"""How calls fail, wait and are tried again."""

from __future__ import annotations

import asyncio
import traceback

import pytest
from aiohttp import web

from nexgent.domain.trading.errors import (
    NO_MARKET_CODES,
    OrderNotBuiltError,
    QuoteFailedError,
    SwapUnavailableError,
)
from nexgent.domain.trading.models import QuoteRequest
from nexgent.infrastructure.external.errors import FailureKind, UpstreamCallError
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.simulation import SimulationSwapGateway
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.infrastructure.external.solana.rpc import RpcError, SolanaRpc
from nexgent.sandbox.control import SandboxControl
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.integration.external.conftest import API_KEY
from tests.integration.external.servers import serve
from tests.patience import PATIENCE_SECONDS

SECRET = "s3cr3t-rpc-key"


def _request(mint: TokenAddress, amount_raw: int = 100_000_000) -> QuoteRequest:
    return QuoteRequest(input_mint=SOL_MINT, output_mint=mint, amount_raw=amount_raw)


@pytest.fixture
def swaps(api: JupiterApi) -> JupiterSwapClient:
    return JupiterSwapClient(api, SystemClock())


async def test_a_429_is_waited_for_and_tried_again(
    control: SandboxControl, swaps: JupiterSwapClient, mint: TokenAddress
) -> None:
    await control.fault("rate_limit", "order", times=1, seconds=0.2)

    quote = await swaps.order(_request(mint), urgent=True)

    assert quote.out_amount_raw > 0
    assert (await control.requests())["counts"]["order"] == 2


async def test_a_failing_server_is_tried_again(
    control: SandboxControl, swaps: JupiterSwapClient, mint: TokenAddress
) -> None:
    await control.fault("status", "order", times=1, status=503)
    await control.fault("drop_before", "order", times=1)

    assert (await swaps.order(_request(mint), urgent=False)).out_amount_raw > 0


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("html_error", {"status": 200}),
        ("html_error", {"status": 502}),
        ("status", {"status": 401}),
        ("status", {"status": 403}),
        ("status", {"status": 500}),
    ],
)
async def test_no_error_shows_the_key(
    control: SandboxControl,
    swaps: JupiterSwapClient,
    mint: TokenAddress,
    kind: str,
    details: dict[str, object],
) -> None:
    await control.fault(kind, "order", **details)

    with pytest.raises(SwapUnavailableError) as caught:
        await swaps.order(_request(mint), urgent=True)

    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.details)
    assert API_KEY not in shown
    assert "<html" not in caught.value.message


async def test_a_foreign_text_that_repeats_the_key_is_masked(http: HttpClient) -> None:
    async def handler(_: web.Request) -> web.Response:
        body = {"error": f"bad key {API_KEY}\nsecond line", "errorCode": "NO_ROUTES_FOUND"}
        return web.json_response(body, status=400, headers={"x-api-gateway-request-id": "abc-1"})

    async with serve(handler) as url:
        api = JupiterApi(http=http, clock=SystemClock(), base_url=url, api_key=API_KEY, requests_per_minute=0)
        with pytest.raises(QuoteFailedError) as caught:
            await JupiterSwapClient(api, SystemClock()).order(_request(TokenAddress("x")), urgent=True)

    assert API_KEY not in str(caught.value)
    assert "\n" not in caught.value.message
    assert caught.value.details["requestId"] == "abc-1"
    assert caught.value.details["reason"] == "NO_ROUTES_FOUND"


async def test_the_key_goes_out_in_its_header_and_only_when_there_is_one(http: HttpClient) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("x-api-key"))
        return web.json_response({}, status=400)

    async with serve(handler) as url:
        for key in (API_KEY, None, ""):
            api = JupiterApi(http=http, clock=SystemClock(), base_url=url, api_key=key, requests_per_minute=0)
            with pytest.raises(QuoteFailedError):
                await JupiterSwapClient(api, SystemClock()).order(_request(TokenAddress("x")), urgent=True)

    assert seen == [API_KEY, None, None]


async def test_the_rpc_address_is_never_shown(http: HttpClient) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.query["api-key"] != SECRET:
            return web.Response(status=401)
        body = await request.json()
        return web.json_response(
            {"jsonrpc": "2.0", "id": body["id"], "error": {"code": -32602, "message": "WrongSize"}}
        )

    async with serve(handler) as url:
        rpc = SolanaRpc(http=http, clock=SystemClock(), url=f"{url}/?api-key={SECRET}")
        with pytest.raises(RpcError) as refused:
            await rpc.balance_lamports(WalletAddress("bad"))
    with pytest.raises(UpstreamCallError) as gone:
        await rpc.balance_lamports(WalletAddress("bad"))

    assert refused.value.rpc_code == -32602
    assert gone.value.kind is FailureKind.NOT_CONNECTED
    assert gone.value.nothing_left
    for caught in (refused, gone):
        assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_slow_server_costs_its_deadline_and_no_more(http: HttpClient) -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serve(handler) as url:
        with pytest.raises(UpstreamCallError) as caught:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await http.request("GET", url, upstream="X", operation="y", timeout_seconds=0.1)

    assert caught.value.kind is FailureKind.TIMEOUT
    assert not caught.value.nothing_left


async def test_a_redirect_is_not_followed_with_the_key(http: HttpClient) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"})

    async with serve(handler) as url:
        with pytest.raises(UpstreamCallError) as caught:
            await http.request("GET", url, upstream="X", operation="y", timeout_seconds=PATIENCE_SECONDS)

    assert caught.value.kind is FailureKind.BAD_ANSWER


async def test_every_attempt_is_reported(base_url: str, control: SandboxControl, mint: TokenAddress) -> None:
    seen: list[tuple[str, str, str]] = []
    async with HttpClient(observer=lambda *call: seen.append(call[:3])) as http:
        api = JupiterApi(http=http, clock=SystemClock(), base_url=base_url, requests_per_minute=0)
        await control.fault("status", "order", times=1, status=500)
        await JupiterSwapClient(api, SystemClock()).order(_request(mint), urgent=True)

    assert seen == [("Jupiter", "order", "server_error"), ("Jupiter", "order", "ok")]


async def test_a_closed_client_says_so() -> None:
    http = HttpClient()
    await http.close()

    with pytest.raises(UpstreamCallError) as caught:
        await http.request("GET", "http://127.0.0.1:9", upstream="X", operation="y", timeout_seconds=1)

    assert caught.value.kind is FailureKind.NOT_CONNECTED


async def test_equal_quotes_of_a_burst_share_one_call(
    control: SandboxControl, swaps: JupiterSwapClient, mint: TokenAddress
) -> None:
    gateway = SimulationSwapGateway(swaps)
    await control.fault("delay", "order", seconds=0.05)

    quotes = await asyncio.gather(
        *(gateway.quote(_request(mint)) for _ in range(50)), gateway.quote(_request(mint, 200_000_000))
    )

    assert (await control.requests())["counts"]["order"] == 2
    assert len({quote.request_id for quote in quotes}) == 2
    assert quotes[-1].in_amount_raw == 200_000_000


async def test_one_who_gives_up_does_not_take_the_quote_from_the_others(
    control: SandboxControl, swaps: JupiterSwapClient, mint: TokenAddress
) -> None:
    gateway = SimulationSwapGateway(swaps)
    await control.fault("delay", "order", seconds=0.05)
    first = asyncio.ensure_future(gateway.quote(_request(mint)))
    second = asyncio.ensure_future(gateway.quote(_request(mint)))
    await asyncio.sleep(0)

    first.cancel()

    assert (await second).out_amount_raw > 0


@pytest.mark.parametrize(
    ("code", "said"),
    [(1, "insufficient funds"), (2, "not enough SOL"), (3, "not enough SOL"), (99, "Jupiter order")],
)
async def test_an_order_that_cannot_be_built_is_answered_with_200_and_refused_here(
    control: SandboxControl, swaps: JupiterSwapClient, mint: TokenAddress, code: int, said: str
) -> None:
    await control.fault("order_error", "order", code=code)

    with pytest.raises(OrderNotBuiltError, match=said) as caught:
        await swaps.order(_request(mint), urgent=False)
    # There is a quote, so there is a market: whatever the wallet lacks, the token is not dead for it.
    assert caught.value.code not in NO_MARKET_CODES


async def test_slippage_and_fee_of_the_request_go_along(http: HttpClient) -> None:
    seen: dict[str, str] = {}

    async def handler(request: web.Request) -> web.Response:
        seen.update(request.query)
        return web.json_response({}, status=400)

    request = QuoteRequest(
        input_mint=SOL_MINT,
        output_mint=TokenAddress("T"),
        amount_raw=2**63,
        slippage_bps=300,
        priority_fee_lamports=7,
    )
    async with serve(handler) as url:
        api = JupiterApi(http=http, clock=SystemClock(), base_url=url, requests_per_minute=0)
        with pytest.raises(QuoteFailedError):
            await JupiterSwapClient(api, SystemClock()).order(request, urgent=False)

    assert seen == {
        "inputMint": SOL_MINT,
        "outputMint": "T",
        "amount": str(2**63),
        "slippageBps": "300",
        "priorityFeeLamports": "7",
    }
