"""The trading engine put together: ledger, purchases, sales, exits, prices, signals, recovery. No I/O of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.config.sections import PriceSettings, TradingSettings
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.ledger.ports import Journal
from nexgent.domain.ledger.share import EngineShare, RequireEngine, here
from nexgent.domain.prices.doubts import SharedDoubts
from nexgent.domain.prices.events import HeldToken
from nexgent.domain.prices.held_tokens import HeldTokens
from nexgent.domain.prices.intake import PollObserver, PriceIntake
from nexgent.domain.prices.latest import LatestPrices
from nexgent.domain.prices.models import PriceSource
from nexgent.domain.prices.poller import PricePoller
from nexgent.domain.prices.ports import SolPriceFeed, TokenPriceFeed
from nexgent.domain.prices.source_watch import SourceWatch
from nexgent.domain.prices.validation import PriceValidationRules, PriceValidator
from nexgent.domain.signals.create_signal import CreateSignal
from nexgent.domain.signals.ports import SignalStore, SignalTrades, TokenMetricsSource
from nexgent.domain.trading.book.position_book import PositionBook
from nexgent.domain.trading.look_ahead import LookAhead
from nexgent.domain.trading.orders.average_down import AverageDown
from nexgent.domain.trading.orders.buy import BuyToken
from nexgent.domain.trading.orders.buy_booking import PurchaseBooking
from nexgent.domain.trading.orders.buy_by_hand import BuyByHand, OwnSignals
from nexgent.domain.trading.orders.fresh_prices import FreshPrices
from nexgent.domain.trading.orders.in_flight import IntentsInFlight
from nexgent.domain.trading.orders.judged_quotes import JudgedSwapGateway, PriceJudge, newest_price
from nexgent.domain.trading.orders.order_tasks import PositionOrderPolicy, PositionOrderTasks
from nexgent.domain.trading.orders.position_booking import PositionBooking
from nexgent.domain.trading.orders.position_orders import PositionOrders
from nexgent.domain.trading.orders.purchase_decision import PurchaseDecisions
from nexgent.domain.trading.orders.purchases import EntryGuard
from nexgent.domain.trading.orders.quotes import PurchaseOffers
from nexgent.domain.trading.orders.sell import ClosePosition
from nexgent.domain.trading.orders.sell_part import SellPart
from nexgent.domain.trading.orders.take_profit_sale import TakeProfitSale
from nexgent.domain.trading.ports import MarketProbe, TokenDecimals, TrailStore, WalletKeys
from nexgent.domain.trading.preview_signal import PreviewSignal
from nexgent.domain.trading.process_signal import ProcessSignal
from nexgent.domain.trading.resume_signal import ResumeSignal
from nexgent.domain.trading.rules.precedence import PRECEDENCE
from nexgent.domain.trading.rules.rule import PositionRule
from nexgent.domain.trading.signal_candidates import SignalCandidates
from nexgent.domain.trading.signal_decisions import SignalDecisions
from nexgent.domain.trading.signal_sales import SellForSignal
from nexgent.domain.trading.venues import SwapVenues, Venue
from nexgent.domain.trading.watch.book_keeper import BookKeeper
from nexgent.domain.trading.watch.dead_tokens import DeadTokens
from nexgent.domain.trading.watch.exits import ExitPolicy, ExitTasks
from nexgent.domain.trading.watch.recovery import Recovery
from nexgent.domain.trading.watch.resolve_intent import ResolveIntent
from nexgent.domain.trading.watch.trail_keeper import TrailKeeper
from nexgent.domain.trading.watch.undecided_signals import UndecidedSignals
from nexgent.domain.trading.watch.watcher import PositionWatcher
from nexgent.domain.wallets.close_by_hand import CloseByHand
from nexgent.shared.clock import Clock
from nexgent.shared.money import lamports
from nexgent.shared.trace_context import TraceContext, current_trace
from nexgent.shared.types import PositionId, TokenAddress

SILENT_POLLS = 3
"""An engine that does not lead asks for a price itself when it has not heard of it for so many polls."""
SPARE_PRICES = 100
"""So many tokens more than there are positions may have a price, so that not every poll goes through all of them."""


def _random_unit() -> Decimal:
    return Decimal(random.randrange(10**9)).scaleb(-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePorts:
    """Everything the engine needs from outside."""

    journal: Journal
    trails: TrailStore
    signals: SignalStore
    signal_trades: SignalTrades
    venues: SwapVenues
    decimals: TokenDecimals
    keys: WalletKeys
    token_metrics: TokenMetricsSource
    sol_price: SolPriceFeed
    price_feeds: Sequence[TokenPriceFeed]
    """The sources of prices, the preferred one first."""
    market_probes: Sequence[MarketProbe]
    poll_observer: PollObserver
    on_evaluated: Callable[[str, float], None]
    clock: Clock
    publish: Callable[[object], None]
    guard: EntryGuard | None = None
    trace: Callable[[], TraceContext | None] = current_trace
    """The trace that a signal belongs to."""
    exit_trace: Callable[[PositionId], TraceContext | None] = lambda _: current_trace()
    """The trace that leaving a position belongs to."""
    random_unit: Callable[[], Decimal] = _random_unit
    exit_policy: ExitPolicy = field(default_factory=ExitPolicy)
    share: EngineShare = field(default_factory=EngineShare)
    """For which agents it acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The parts of a running engine."""

    directory: AgentDirectory
    ledger: Ledger
    book: PositionBook
    latest_prices: LatestPrices
    validator: PriceValidator
    doubts: SharedDoubts
    held: HeldTokens
    source_watch: SourceWatch
    poller: PricePoller
    keeper: BookKeeper
    watcher: PositionWatcher
    exits: ExitTasks
    take_profit: TakeProfitSale
    average_down: AverageDown
    operations: PositionOrderTasks
    trails: TrailKeeper
    purchases: BuyToken
    sales: ClosePosition
    create_signal: CreateSignal
    look_ahead: LookAhead
    process_signal: ProcessSignal
    preview_signal: PreviewSignal
    undecided: UndecidedSignals
    recovery: Recovery
    dead_tokens: DeadTokens
    in_flight: IntentsInFlight
    share: EngineShare

    async def step_down(self) -> None:
        """Let go of everything under way: another process trades now, and ends it as after a crash."""
        await self.recovery.stop()
        await self.undecided.drain(0)
        await self.process_signal.abandon()
        await self.exits.abandon()
        await self.operations.abandon()
        await self.ledger.abandon()

    def forget_price(self, token: TokenAddress) -> None:
        """Drop prices and doubts about a token when nobody holds it any more: nobody would ever confirm or renew them.

        A purchase under way needs neither; what it pays is where the validator starts again.
        """
        if not self.held.is_held(token):
            self.validator.forget(token)
            self.latest_prices.forget(token)

    def tidy_prices(self) -> None:
        """Drop prices that came in when their token was held no longer: an answer may be under way while the last sale ends."""
        most = len(self.book) + self.held.elsewhere + SPARE_PRICES
        if len(self.latest_prices) > most or len(self.validator) > most:
            held = self.held.tokens()
            self.validator.keep_only(held)
            self.latest_prices.keep_only(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersByHand:
    """What people order themselves. What has begun goes on to its end."""

    buy: BuyByHand
    close: CloseByHand


def build_orders_by_hand(
    engine: Engine, signals: OwnSignals, keys: WalletKeys, require_engine: RequireEngine = here
) -> OrdersByHand:
    """Return the orders; they trade as the engine does."""
    return OrdersByHand(
        buy=BuyByHand(
            directory=engine.directory,
            purchases=engine.purchases,
            signals=signals,
            require_engine=require_engine,
        ),
        close=CloseByHand(
            directory=engine.directory,
            book=engine.book,
            sale=engine.sales,
            keys=keys,
            require_engine=require_engine,
        ),
    )


def build_engine(
    ports: EnginePorts,
    *,
    prices: PriceSettings,
    trading: TradingSettings,
    rules: Sequence[PositionRule] = PRECEDENCE,
) -> Engine:
    """Return an engine that knows nothing yet: `load_engine` fills it."""
    clock, publish, share = ports.clock, ports.publish, ports.share
    directory, book, latest_prices = AgentDirectory(), PositionBook(), LatestPrices()
    ledger = Ledger(journal=ports.journal, clock=clock, publish=publish, share=share)
    in_flight = IntentsInFlight(ledger.lanes)
    validator = PriceValidator(
        PriceValidationRules(
            max_age_seconds=prices.max_age_seconds,
            max_jump_factor=prices.max_jump_factor,
            agreement_factor=prices.agreement_factor,
        ),
        [feed.source for feed in ports.price_feeds],
    )
    held = HeldTokens(
        here=book.tokens, is_held_here=book.is_held, paid=_paid(book), publish=publish, clock=clock
    )
    doubts = SharedDoubts(
        validator=validator, tokens=held.tokens, leads=lambda: share.leads, publish=publish, clock=clock
    )
    source_watch = SourceWatch(validator=validator, publish=publish, clock=clock)
    venues, judges = _judged(ports, latest_prices, prices, trading)
    purchase_decisions = PurchaseDecisions(
        ledger=ledger,
        keys=ports.keys,
        random_unit=ports.random_unit,
        fee_reserve_lamports=lamports(trading.fee_reserve_sol),
        guard=ports.guard,
        is_doubtful=doubts.doubtful,
        current=directory.find,
    )
    purchases = BuyToken(
        ledger=ledger,
        decisions=purchase_decisions,
        offers=PurchaseOffers(venues, ports.decimals),
        booking=PurchaseBooking(ledger=ledger, venues=venues, sol_price=ports.sol_price, clock=clock),
        in_flight=in_flight,
        clock=clock,
        publish=publish,
    )
    orders = PositionOrders(
        ledger=ledger,
        directory=directory,
        venues=venues,
        booking=PositionBooking(
            ledger=ledger, directory=directory, sol_price=ports.sol_price, clock=clock, book=book
        ),
        in_flight=in_flight,
        clock=clock,
        publish=publish,
    )
    fresh_prices = FreshPrices(
        latest_prices=latest_prices, clock=clock, max_age_seconds=prices.max_age_seconds
    )
    sales = ClosePosition(operations=orders, prices=fresh_prices, clock=clock)
    tolerance = trading.max_quote_deviation_pct / 100
    take_profit = TakeProfitSale(operations=orders, directory=directory, tolerance=tolerance)
    average_down = AverageDown(
        operations=orders,
        directory=directory,
        clock=clock,
        fee_reserve_lamports=lamports(trading.fee_reserve_sol),
        tolerance=tolerance,
        guard=ports.guard,
    )
    operations = PositionOrderTasks(
        take_profit=take_profit, average_down=average_down, policy=PositionOrderPolicy(), clock=clock
    )
    exits = ExitTasks(
        close=sales,
        policy=ports.exit_policy,
        clock=clock,
        publish=publish,
        trace=ports.exit_trace,
        share=share,
    )
    trails = TrailKeeper(store=ports.trails, book=book, publish=publish)
    keeper = BookKeeper(
        book=book,
        directory=directory,
        trails=trails,
        orders=operations,
        clock=clock,
        rules=rules,
        share=share,
    )
    watcher = PositionWatcher(
        keeper=keeper,
        book=book,
        directory=directory,
        exits=exits,
        orders=operations,
        on_evaluated=ports.on_evaluated,
        exits_need_automation=trading.exits_need_automated_trading,
    )
    poller = PricePoller(
        feeds=ports.price_feeds,
        validator=validator,
        intake=PriceIntake(
            validator=validator,
            sol_price=ports.sol_price,
            publish=publish,
            observer=ports.poll_observer,
            is_tracked=held.is_held,
            on_verdict=source_watch.judged,
        ),
        tracked=_tokens_to_poll(share, book, held, latest_prices, clock, prices.poll_seconds),
        clock=clock,
        observer=ports.poll_observer,
        patience_seconds=prices.patience_seconds,
    )
    candidates = SignalCandidates(directory=directory, metrics=ports.token_metrics, share=share)
    decisions = SignalDecisions(latest_prices=latest_prices, clock=clock)
    signal_sales = SellForSignal(
        ledger=ledger,
        exits=exits,
        closing=sales,
        parts=SellPart(operations=orders),
        decisions=decisions,
        prices=fresh_prices,
        clock=clock,
    )
    process_signal = ProcessSignal(
        candidates=candidates,
        purchases=purchases,
        sales=signal_sales,
        decisions=decisions,
        store=ports.signals,
        clock=clock,
        publish=publish,
    )
    resume_signal = ResumeSignal(
        process=process_signal,
        candidates=candidates,
        decisions=decisions,
        trades=ports.signal_trades,
        clock=clock,
        max_age_seconds=trading.signal_max_age_seconds,
    )
    recovery = Recovery(
        ledger=ledger,
        book=book,
        exits=exits,
        resolve=ResolveIntent(
            ledger=ledger,
            directory=directory,
            purchases=purchases,
            orders=orders,
            venues=ports.venues,
            clock=clock,
            max_purchase_age_seconds=trading.signal_max_age_seconds,
        ),
        in_flight=in_flight,
        clock=clock,
        publish=publish,
    )
    return Engine(
        directory=directory,
        ledger=ledger,
        book=book,
        latest_prices=latest_prices,
        validator=validator,
        doubts=doubts,
        held=held,
        source_watch=source_watch,
        poller=poller,
        keeper=keeper,
        watcher=watcher,
        exits=exits,
        take_profit=take_profit,
        average_down=average_down,
        operations=operations,
        trails=trails,
        purchases=purchases,
        sales=sales,
        create_signal=CreateSignal(store=ports.signals, clock=clock, publish=publish, trace=ports.trace),
        look_ahead=LookAhead(
            directory=directory,
            candidates=candidates,
            decisions=purchase_decisions,
            decimals=ports.decimals,
            judges=judges,
            clock=clock,
        ),
        process_signal=process_signal,
        preview_signal=PreviewSignal(
            candidates=candidates,
            purchases=purchases,
            sales=signal_sales,
            decisions=decisions,
            clock=clock,
        ),
        undecided=UndecidedSignals(
            process=process_signal, resume=resume_signal, store=ports.signals, clock=clock, share=share
        ),
        recovery=recovery,
        dead_tokens=DeadTokens(
            book=book,
            latest_prices=latest_prices,
            exits=exits,
            operations=orders,
            probes=ports.market_probes,
            clock=clock,
            share=share,
        ),
        in_flight=in_flight,
        share=share,
    )


def _paid(book: PositionBook) -> Callable[[TokenAddress], HeldToken | None]:
    """Return what tells what was paid for a token last."""

    def paid(token: TokenAddress) -> HeldToken | None:
        bought = [holder.position for holder in book.holders(token)]
        if not bought:
            return None
        newest = max(bought, key=lambda position: position.opened_at)
        return HeldToken(token, newest.entry_price_sol, newest.opened_at)

    return paid


def _tokens_to_poll(
    share: EngineShare,
    book: PositionBook,
    held: HeldTokens,
    latest: LatestPrices,
    clock: Clock,
    poll_seconds: float,
) -> Callable[[], Collection[TokenAddress]]:
    """Return what names the tokens to ask for: all that are held, for everybody, by the engine that leads.

    Others ask for what their agents hold and nothing was heard of for a while: whoever leads may be gone, or not know of it.
    """
    patience = SILENT_POLLS * timedelta(seconds=max(1.0, poll_seconds))

    def is_silent(token: TokenAddress, now: datetime) -> bool:
        price = latest.get(token)
        return price is None or now - price.observed_at > patience

    def tokens() -> Collection[TokenAddress]:
        if share.leads:
            return held.tokens()
        now = clock.now()
        return [
            token
            for token in book.tokens()
            if is_silent(token, now)
            and any(share.acts_for(holder.position.agent_id) for holder in book.holders(token))
        ]

    return tokens


def _judged(
    ports: EnginePorts, latest: LatestPrices, prices: PriceSettings, trading: TradingSettings
) -> tuple[SwapVenues, Sequence[PriceJudge]]:
    """Return the venues behind judges that know prices from elsewhere than the venue itself, and the judges."""
    judges: dict[PriceSource, PriceJudge] = {}

    def judged(venue: Venue) -> Venue:
        witness = next((feed for feed in ports.price_feeds if str(feed.source) != venue.name), None)
        if witness is None or not trading.max_quote_deviation_pct:
            return venue
        judge = judges.get(witness.source)
        if judge is None:
            judge = judges[witness.source] = PriceJudge(
                newest=newest_price(latest.get, ports.clock, prices.max_age_seconds),
                witness=witness,
                sol_price=ports.sol_price,
                clock=ports.clock,
            )
        gateway = JudgedSwapGateway(
            venue.gateway,
            judge=judge,
            decimals=ports.decimals,
            clock=ports.clock,
            tolerance=trading.max_quote_deviation_pct / 100,
        )
        return replace(venue, gateway=gateway)

    venues = SwapVenues([judged(venue) for venue in ports.venues.all])
    return venues, list(judges.values())
