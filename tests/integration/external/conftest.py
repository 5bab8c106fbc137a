"""A sandbox market and the clients that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import pytest
from solders.keypair import Keypair

from nexgent.domain.ledger.models import Submission
from nexgent.domain.trading.models import Quote, QuoteRequest, StillUnknown, SwapOutcome
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.live import (
    ABSENCE_SECONDS,
    EXPIRY_MARGIN_BLOCKS,
    LiveSwapGateway,
)
from nexgent.infrastructure.external.jupiter.preflight import SwapPreflight
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.infrastructure.external.solana.wallet_chain import SolanaWalletChain
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.sandbox.control import SandboxControl
from nexgent.sandbox.server import run_sandbox
from nexgent.sandbox.settings import SandboxSettings
from nexgent.shared.clock import SystemClock
from nexgent.shared.errors import UnavailableError
from nexgent.shared.money import SOL_MINT
from nexgent.shared.types import TokenAddress, WalletAddress
from tests.patience import PATIENCE_SECONDS

API_KEY = "jup-secret-key-123"
START_LAMPORTS = 10_000_000_000
LIFETIME_BLOCKS = 150


@pytest.fixture
async def base_url() -> AsyncIterator[str]:
    """A sandbox whose chain only moves when told to."""
    settings = SandboxSettings(
        port=0, tokens=4, decimals=6, walk=False, slot_seconds=0, pyth_interval_seconds=0.02
    )
    async with run_sandbox(settings) as url:
        yield url


@pytest.fixture
async def control(base_url: str) -> AsyncIterator[SandboxControl]:
    async with SandboxControl(base_url) as control:
        yield control


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
async def mint(control: SandboxControl) -> TokenAddress:
    """A token with a fixed price of 0.00001 SOL and 6 decimals."""
    token = (await control.tokens())[0]
    await control.set_price(token["mint"], "0.00001", liquidity_sol="1000")
    return TokenAddress(token["mint"])


@pytest.fixture
def api(http: HttpClient, base_url: str) -> JupiterApi:
    return JupiterApi(
        http=http,
        clock=SystemClock(),
        base_url=base_url,
        api_key=API_KEY,
        requests_per_minute=0,
        execute_per_minute=0,
    )


@pytest.fixture
def rpc(http: HttpClient, base_url: str) -> SolanaRpc:
    return SolanaRpc(http=http, clock=SystemClock(), url=f"{base_url}/rpc")


class JumpingClock(SystemClock):
    """The real clock, which the test may set ahead: nobody waits for seconds to pass."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_seconds


class Leave:
    """Whether swaps may be posted; `refusal` says why not."""

    def __init__(self) -> None:
        self.refusal: UnavailableError | None = None

    async def __call__(self) -> None:
        if self.refusal is not None:
            raise self.refusal


@dataclass(frozen=True)
class Trader:
    """A funded wallet and its gateway."""

    wallet: WalletAddress
    mint: TokenAddress
    gateway: LiveSwapGateway
    control: SandboxControl
    rpc: SolanaRpc
    restarted: Callable[..., LiveSwapGateway]
    """A gateway of a new process: it remembers nothing. `patience_seconds` is how long it waits for an answer."""
    clock: JumpingClock
    refusals: list[str]
    """The codes of the orders that were not signed."""
    leave: Leave

    def buy(self, amount_raw: int = 100_000_000) -> QuoteRequest:
        return QuoteRequest(
            input_mint=SOL_MINT, output_mint=self.mint, amount_raw=amount_raw, taker=self.wallet
        )

    def sell(self, amount_raw: int) -> QuoteRequest:
        return QuoteRequest(
            input_mint=self.mint, output_mint=SOL_MINT, amount_raw=amount_raw, taker=self.wallet
        )

    async def held(self) -> dict[TokenAddress, int]:
        """Return the raw amount of every token the wallet has an account of."""
        held: dict[TokenAddress, int] = {}
        for account in (await SolanaWalletChain(self.rpc, ()).snapshot(self.wallet)).accounts:
            held[account.mint] = held.get(account.mint, 0) + account.amount_raw
        return held

    async def quoted(self, request: QuoteRequest | None = None) -> Quote:
        return await self.gateway.quote(request or self.buy())

    async def expire(self) -> None:
        """Let everything expire that was signed until now."""
        await self.control.advance_slots(LIFETIME_BLOCKS + EXPIRY_MARGIN_BLOCKS + 1)

    async def resolved(self, submission: Submission, request: QuoteRequest) -> SwapOutcome:
        """Ask as recovery does after expiry: twice, with time between."""
        first = await self.gateway.resolve(submission, self.wallet, request)
        self.clock.ahead_seconds += ABSENCE_SECONDS
        return first if not isinstance(first, StillUnknown) else await self.again(submission, request)

    async def again(self, submission: Submission, request: QuoteRequest) -> SwapOutcome:
        return await self.gateway.resolve(submission, self.wallet, request)

    async def transactions(self) -> list[str]:
        return await self.rpc.signatures_of(self.wallet)


@pytest.fixture
async def trader(control: SandboxControl, api: JupiterApi, rpc: SolanaRpc, mint: TokenAddress) -> Trader:
    keypair = Keypair()
    keys = EnvironmentWalletKeys({"WALLET_1": str(keypair)})
    wallet = WalletAddress(str(keypair.pubkey()))
    await control.fund(wallet, lamports=START_LAMPORTS)

    clock = JumpingClock()
    refusals: list[str] = []
    leave = Leave()

    def gateway(
        patience_seconds: float = PATIENCE_SECONDS, witnesses: Sequence[SolanaRpc] = ()
    ) -> LiveSwapGateway:
        client = JupiterSwapClient(api, clock, execute_timeout_seconds=patience_seconds)
        preflight = SwapPreflight(rpc, refused=refusals.append)
        return LiveSwapGateway(
            client=client,
            rpc=rpc,
            signer=keys,
            clock=clock,
            preflight=preflight,
            may_send=leave,
            witnesses=witnesses,
        )

    return Trader(wallet, mint, gateway(), control, rpc, gateway, clock, refusals, leave)
