"""The clients of the upstream services, by their ports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nexgent.config.sections import MarketSettings, PriceSettings
from nexgent.domain.agents.models import TradingMode
from nexgent.domain.prices.models import SolPrice
from nexgent.domain.prices.ports import TokenPriceFeed
from nexgent.domain.trading.ports import MarketProbe
from nexgent.domain.trading.rules.simulation_costs import SimulationCosts
from nexgent.domain.trading.venues import SwapVenues
from nexgent.infrastructure.external.budget import RateBudget
from nexgent.infrastructure.external.dexscreener.feed import DexScreenerPriceFeed
from nexgent.infrastructure.external.http import HttpClient
from nexgent.infrastructure.external.jupiter.api import JupiterApi
from nexgent.infrastructure.external.jupiter.inspection import InspectionLimits
from nexgent.infrastructure.external.jupiter.preflight import SwapPreflight
from nexgent.infrastructure.external.jupiter.price import JupiterPriceFeed
from nexgent.infrastructure.external.jupiter.tokens import JupiterTokenMetrics
from nexgent.infrastructure.external.jupiter.venue import jupiter_venues
from nexgent.infrastructure.external.live_market import ExternalLiveMarket
from nexgent.infrastructure.external.market_probes import DexScreenerMarketProbe, JupiterMarketProbe
from nexgent.infrastructure.external.pyth.hermes import HermesUpdates
from nexgent.infrastructure.external.pyth.sol_price import PythSolPriceFeed
from nexgent.infrastructure.external.solana.decimals import SolanaTokenDecimals
from nexgent.infrastructure.external.solana.rpc import SolanaRpc
from nexgent.infrastructure.wallets.loaded_keys import LoadedKeys
from nexgent.shared.clock import Clock

FREE_REQUESTS_PER_MINUTE = 60
KEYLESS_REQUESTS_PER_MINUTE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Everything that talks to the world of prices and swaps."""

    http: HttpClient
    rpc: SolanaRpc
    venues: SwapVenues
    witnesses: tuple[SolanaRpc, ...]
    """Further nodes, which are asked before something is believed that one node alone says."""
    decimals: SolanaTokenDecimals
    metrics: JupiterTokenMetrics
    sol_price: PythSolPriceFeed
    price_feeds: tuple[TokenPriceFeed, ...]
    """Where prices come from, the preferred source first."""
    probes: tuple[MarketProbe, ...]
    keys: LoadedKeys
    budgets: tuple[RateBudget, ...]
    """Of every upstream, for who wants to know how much is left."""
    live: ExternalLiveMarket
    """For those who only look whether live trading can begin."""

    async def close(self) -> None:
        """Close connections and wipe keys."""
        await self.http.close()
        self.keys.wipe()


def build_market(
    settings: MarketSettings,
    prices: PriceSettings,
    keys: LoadedKeys,
    clock: Clock,
    observer: Callable[[str, str, str, float], None],
    not_signed: Callable[[str], None],
    costs: SimulationCosts,
    may_send: Callable[[], Awaitable[None]],
    on_sol_said: Callable[[SolPrice], None] = lambda _: None,
    budget_share: Callable[[], float] = lambda: 1.0,
) -> Market:
    """Return the clients; nothing is connected yet. `may_send` raises when no swap may leave this process.

    `on_sol_said` hears every word of a source about SOL/USD. `budget_share` is the part of Jupiter's limits that this process may
    use.
    """
    http = HttpClient(observer=observer)
    key = settings.jupiter_api_key.get_secret_value() if settings.jupiter_api_key is not None else None
    per_minute = settings.jupiter_requests_per_minute
    if per_minute is None:
        per_minute = FREE_REQUESTS_PER_MINUTE if key else KEYLESS_REQUESTS_PER_MINUTE
    jupiter = JupiterApi(
        http=http,
        clock=clock,
        base_url=settings.jupiter_base_url,
        api_key=key,
        requests_per_minute=per_minute,
        share=budget_share,
    )
    rpc, witnesses = solana_nodes(settings, http, clock)
    decimals = SolanaTokenDecimals(rpc)
    preflight = SwapPreflight(rpc, _limits(settings), not_signed)
    metrics = JupiterTokenMetrics(jupiter, clock, decimals=decimals)
    dexscreener = DexScreenerPriceFeed(
        http=http,
        clock=clock,
        base_url=settings.dexscreener_base_url,
        requests_per_minute=settings.dexscreener_requests_per_minute,
    )
    jupiter_prices = JupiterPriceFeed(jupiter, clock, price_url=settings.jupiter_price_url, decimals=decimals)
    pyth_key = settings.pyth_api_key.get_secret_value() if settings.pyth_api_key is not None else None
    hermes = HermesUpdates(http=http, clock=clock, base_url=settings.pyth_hermes_url, api_key=pyth_key)
    sol_price = PythSolPriceFeed(
        hermes=hermes,
        clock=clock,
        max_age_seconds=prices.sol_max_age_seconds,
        fallbacks=[jupiter_prices.sol_price, dexscreener.sol_price],
        on_said=on_sol_said,
    )
    # A further source of prices is one more here.
    feeds: list[TokenPriceFeed] = [dexscreener, jupiter_prices]
    feeds.sort(key=lambda feed: feed.source != prices.provider)
    venues = SwapVenues(
        [
            # New trades go to the first; the others finish what was sent to them.
            *jupiter_venues(jupiter, rpc, keys, clock, costs, preflight, may_send, witnesses),
        ]
    )
    return Market(
        http=http,
        rpc=rpc,
        venues=venues,
        witnesses=witnesses,
        decimals=decimals,
        metrics=metrics,
        sol_price=sol_price,
        price_feeds=tuple(feeds),
        probes=(DexScreenerMarketProbe(dexscreener.upstream, clock), JupiterMarketProbe(metrics, clock)),
        keys=keys,
        budgets=(
            dexscreener.upstream.budget,
            jupiter.main.budget,
            jupiter.execute_budget,
            hermes.budget,
            *(node.budget for node in (rpc, *witnesses)),
        ),
        live=ExternalLiveMarket(
            settings=settings,
            requests_per_minute=per_minute,
            rpc=rpc,
            price_feeds=feeds,
            gateway=venues.of_mode(TradingMode.LIVE).gateway,
            preflight=SwapPreflight(rpc, _limits(settings)),
        ),
    )


def solana_nodes(
    settings: MarketSettings, http: HttpClient, clock: Clock
) -> tuple[SolanaRpc, tuple[SolanaRpc, ...]]:
    """Return the node that is asked first, and those that are asked as well."""
    urls = (settings.solana_rpc_url.get_secret_value(), *settings.witness_urls)
    first, *others = (
        SolanaRpc(
            http=http,
            clock=clock,
            url=url,
            requests_per_ten_seconds=settings.solana_requests_per_ten_seconds,
        )
        for url in urls
    )
    return first, tuple(others)


def _limits(settings: MarketSettings) -> InspectionLimits:
    return InspectionLimits(
        most_network_fee_lamports=settings.swap_max_network_fee_lamports,
        most_tip_lamports=settings.swap_max_tip_lamports,
        most_slippage_bps=settings.swap_max_slippage_bps,
        programs=settings.swap_programs,
        tip_accounts=settings.swap_tip_accounts,
    )
