"""Jupiter as a venue: on paper against its quotes, and for real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from nexgent.domain.agents.models import TradingMode
from nexgent.domain.ledger.models import FIRST_VENUE
from nexgent.domain.trading.rules.simulation_costs import SimulationCosts
from nexgent.domain.trading.venues import Venue
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.live import LiveSwapGateway
from nexgent.infrastructure.external.jupiter.preflight import SwapPreflight
from nexgent.infrastructure.external.jupiter.signing import WalletSigner
from nexgent.infrastructure.external.jupiter.simulation import SimulationSwapGateway
from nexgent.infrastructure.external.jupiter.swap import JupiterSwapClient
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.shared.clock import Clock


def jupiter_venues(
    api: JupiterApi,
    rpc: SolanaRpc,
    signer: WalletSigner,
    clock: Clock,
    costs: SimulationCosts,
    preflight: SwapPreflight,
    may_send: Callable[[], Awaitable[None]],
    witnesses: Sequence[SolanaRpc] = (),
) -> tuple[Venue, Venue]:
    """Return both modes over one client: the chain that `rpc` and the `witnesses` read decides what became of a live swap.

    `may_send` raises when no swap may leave this process.
    """
    client = JupiterSwapClient(api, clock)
    live = LiveSwapGateway(
        client=client,
        rpc=rpc,
        signer=signer,
        clock=clock,
        preflight=preflight,
        may_send=may_send,
        witnesses=witnesses,
    )
    return (
        Venue(FIRST_VENUE, TradingMode.SIMULATION, SimulationSwapGateway(client, costs), costs),
        Venue(FIRST_VENUE, TradingMode.LIVE, live),
    )
