"""Where the swaps of a scenario happen: over a script in memory, which is quick, or at the sandbox, which is the proof.

Both answer with the quote and the fill of the step under way. At the sandbox the quotes are scripted by its control API and
come back through the product's own gateways over HTTP; live swaps are signed, posted, and land on its chain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from solders.keypair import Keypair

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.errors import WalletNotLoadedError
from nexgent.domain.trading.models import Fees, Fill, Landed, Quote, QuoteRequest, SwapOutcome
from nexgent.domain.trading.ports import SwapGateway, fill_from_quote
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.live import LiveSwapGateway
from nexgent.infrastructure.external.jupiter.simulation import SimulationSwapGateway
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.server import run_sandbox
from nexgent.shared.clock import SystemClock
from nexgent.shared.money import SOL_MINT, lamports
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.fakes.market import FakeSwaps
from tests.unit.sandbox.market import quiet_settings

SIGNATURE = "SIG"
_SCRIPTED_TOKEN = TokenAddress("TokenMint11111111111111111111111111111111111")
_SANDBOX_TOKEN = TokenAddress("6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf")
_SLIPPAGE_BPS = 100
_IMPACT_RATIO = Decimal("-0.001")


def fill_of(op: Mapping[str, Any], amount_raw: int) -> tuple[int, int]:
    """Return what a step's swap moves through its route: the live fill, else the quote."""
    live = op.get("live", {})
    return int(live.get("in", amount_raw)), int(live.get("out", op["out"]))


class ScriptedSwaps(FakeSwaps):
    """Answers from memory with the quote and the fill of the step under way."""

    token = _SCRIPTED_TOKEN
    live_wallet = WalletAddress("LiveWallet1")

    def __init__(self) -> None:
        super().__init__()
        self.op: Mapping[str, Any] = {}

    async def begin(self, op: Mapping[str, Any]) -> None:
        """Have the next quotes be those of a step."""
        self.op = op

    def name_of(self, signature: str | None) -> str | None:
        """Return how the vectors call the signature of a swap that landed."""
        return signature

    async def holdings(self) -> Mapping[TokenAddress, int] | None:
        """Return what the chain says the live wallet holds, in base units; None without a chain."""
        return None

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        quote = await super().quote(request, urgent=urgent)
        told = self.op.get("q", {})
        bps = int(told.get("bps", 10))
        in_raw, out_raw = fill_of(self.op, request.amount_raw)
        sol_side = in_raw if request.input_mint == SOL_MINT else out_raw
        usd = told.get("usd")
        return replace(
            quote,
            out_amount_raw=int(self.op["out"]),
            slippage_bps=_SLIPPAGE_BPS,
            price_impact_ratio=_IMPACT_RATIO,
            fees=Fees(
                protocol_fee_lamports=sol_side * bps // 10_000,
                protocol_fee_bps=bps,
                network_fee_lamports=int(told.get("sig", 5_000)) + int(told.get("prio", 100_000)),
                rent_lamports=int(told.get("rent", 0)),
            ),
            swap_usd_value=Decimal(usd) if usd is not None else None,
        )

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        if quote.request.taker is None:
            return None
        return Submission(
            request_id=quote.request_id,
            signature=SIGNATURE,
            signed_transaction="",
            last_valid_block_height=None,
            in_amount_raw=quote.in_amount_raw,
            out_amount_raw=quote.out_amount_raw,
        )

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        fill = fill_from_quote(quote)
        return Landed(fill=fill if submission is None else self._live_fill(fill, quote.request))

    def _live_fill(self, fill: Fill, request: QuoteRequest) -> Fill:
        live = self.op.get("live", {})
        in_raw, out_raw = fill_of(self.op, request.amount_raw)
        return replace(
            fill,
            in_amount_raw=in_raw,
            out_amount_raw=out_raw,
            total_in_raw=int(live["tin"]) if "tin" in live else None,
            total_out_raw=int(live["tout"]) if "tout" in live else None,
            signature=SIGNATURE,
        )


class SandboxSwaps(ScriptedSwaps):
    """Answers with what the product's gateways make of the sandbox's answers."""

    token = _SANDBOX_TOKEN

    def __init__(self, url: str, http: HttpClient, control: SandboxControl, key: Keypair) -> None:
        super().__init__()
        self.live_wallet = WalletAddress(str(key.pubkey()))
        clock = SystemClock()
        client = JupiterSwapClient(
            JupiterApi(http=http, clock=clock, base_url=url, requests_per_minute=0, execute_per_minute=0),
            clock,
        )
        self.control = control
        self._rpc = SolanaRpc(http=http, clock=clock, url=f"{url}/rpc", requests_per_ten_seconds=0)
        self._paper = SimulationSwapGateway(client)
        self._live = LiveSwapGateway(client=client, rpc=self._rpc, signer=_OneKey(key), clock=clock)
        self._landed: set[str] = set()

    async def begin(self, op: Mapping[str, Any]) -> None:
        await super().begin(op)
        await self.control.clear_quotes()
        direction = "buy" if op["kind"] in ("buy", "dca") else "sell"
        await self.control.script_quote(self.token, direction, times=10, **_script(op, direction))

    def name_of(self, signature: str | None) -> str | None:
        return SIGNATURE if signature in self._landed else signature

    async def holdings(self) -> Mapping[TokenAddress, int] | None:
        accounts = (await self.control.state())["accounts"]
        account = accounts[self.live_wallet]
        tokens = {TokenAddress(mint): int(amount) for mint, amount in account["tokens"].items()}
        return {SOL_MINT: int(account["lamports"]), **tokens}

    async def quote(self, request: QuoteRequest, *, urgent: bool = False) -> Quote:
        self.requests.append(request)
        return await self._gateway(live=request.taker is not None).quote(request, urgent=urgent)

    async def prepare(self, quote: Quote, wallet: WalletAddress) -> Submission | None:
        return await self._gateway(live=quote.request.taker is not None).prepare(quote, wallet)

    async def execute(self, quote: Quote, submission: Submission | None) -> SwapOutcome:
        outcome = await self._gateway(live=submission is not None).execute(quote, submission)
        if submission is not None and isinstance(outcome, Landed):
            answer = await self._rpc.signature_status(submission.signature)
            if (status := answer.status) is not None and status.confirmed and status.err is None:
                self._landed.add(submission.signature)
        return outcome

    async def resolve(
        self, submission: Submission, wallet: WalletAddress, request: QuoteRequest
    ) -> SwapOutcome:
        return await self._live.resolve(submission, wallet, request)

    def _gateway(self, *, live: bool) -> SwapGateway:
        return self._live if live else self._paper


class _OneKey:
    """Signs for one wallet."""

    def __init__(self, key: Keypair) -> None:
        self._key = key

    def is_loaded(self, wallet: WalletAddress) -> bool:
        return wallet == str(self._key.pubkey())

    def refusal(self, wallet: WalletAddress) -> WalletNotLoadedError:
        return WalletNotLoadedError()

    def sign(self, wallet: WalletAddress, message: bytes) -> bytes:
        return bytes(self._key.sign_message(message))


def _script(op: Mapping[str, Any], direction: str) -> dict[str, object]:
    """Return a step's quote as the control API takes it. What the chain shall move differs from it in live mode."""
    told, live = op.get("q", {}), op.get("live", {})
    script: dict[str, object] = {
        "outAmount": int(op["out"]),
        "feeBps": int(told.get("bps", 10)),
        "signatureFeeLamports": int(told.get("sig", 5_000)),
        "prioritizationFeeLamports": int(told.get("prio", 100_000)),
        "rentFeeLamports": int(told.get("rent", 0)),
        "priceImpactPct": _IMPACT_RATIO,
        "slippageBps": _SLIPPAGE_BPS,
    }
    if told.get("usd") is None:
        script["omit"] = ["swapUsdValue"]
    else:
        script["swapUsdValue"] = Decimal(told["usd"])
    if live:
        out = int(live.get("out", op["out"]))
        gives = int(live.get("tout", out))
        script["fillOutAmount"] = gives
        taken = out - gives if direction == "sell" else int(live.get("tin", live["in"])) - int(live["in"])
        script["platformFeeLamports"] = taken
    return script


@asynccontextmanager
async def in_memory(given: Mapping[str, Any]) -> AsyncIterator[ScriptedSwaps]:
    """Give a scenario quotes from memory."""
    del given
    yield ScriptedSwaps()


@asynccontextmanager
async def at_the_sandbox(given: Mapping[str, Any]) -> AsyncIterator[ScriptedSwaps]:
    """Give a scenario a sandbox of its own, with its token and the SOL it starts with."""
    key = Keypair()
    async with run_sandbox(quiet_settings(tokens=0)) as url, SandboxControl(url) as control:
        http = HttpClient()
        try:
            token = {"mint": _SANDBOX_TOKEN, "symbol": "TKN", "priceSol": "0.001"}
            await control.add_tokens([token | {"decimals": int(given["tokenDecimals"])}])
            await control.fund(str(key.pubkey()), lamports=lamports(Decimal(given["startSol"])))
            yield SandboxSwaps(url, http, control, key)
        finally:
            await http.close()
