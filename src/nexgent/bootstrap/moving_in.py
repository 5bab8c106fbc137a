"""What `nexgent import-reference` is made of: both databases, the chain for what neither tells, and the books verified."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack

from nexgent.bootstrap.market import solana_nodes
from nexgent.config.settings import Settings
from nexgent.infrastructure.database.journal.verify import verify
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.solana.decimals import SolanaTokenDecimals
from nexgent.infrastructure.takeover.decimals import AskChain, TokenScales
from nexgent.infrastructure.takeover.take_over import Outcome, Wishes, take_over
from nexgent.infrastructure.wallets.keys import EnvironmentWalletKeys
from nexgent.shared.clock import SystemClock
from nexgent.shared.types import TokenAddress, WalletAddress


async def move_in(
    settings: Settings,
    database_url: str,
    address: str,
    *,
    carry_out: bool,
    leave_out: bool,
    decimals: Mapping[TokenAddress, int],
    offline: bool,
) -> tuple[Outcome, bool | None]:
    """Take the reference's database at `address` over, or try to; return what came of it and whether the books balance then.

    Of nothing that was written nothing is verified: None. Raises what `take_over` raises.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        ask: AskChain | None = None
        if not offline:
            http = await stack.enter_async_context(HttpClient())
            node, _ = solana_nodes(settings.market, http, clock)
            ask = SolanaTokenDecimals(node).decimals
        wishes = Wishes(
            carry_out=carry_out,
            leave_out=leave_out,
            admin_email=settings.auth.admin_email,
            keys=_keys(settings),
        )
        scales = TokenScales(decimals, ask)
        outcome = await take_over(address, database_url, wishes, scales, clock.now())
        if not outcome.written:
            return outcome, None
        report = await verify(database_url, everything=True)
        return outcome, report.is_clean


def _keys(settings: Settings) -> tuple[WalletAddress, ...]:
    """Return the live wallets whose keys are in the settings; the keys themselves are forgotten at once."""
    keys = EnvironmentWalletKeys({name: value.get_secret_value() for name, value in settings.wallet_keys})
    addresses = keys.addresses
    keys.wipe()
    return addresses
