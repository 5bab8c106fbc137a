"""Who listens to what: the one readable list."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from nexgent.bootstrap.engine import Engine
from nexgent.bootstrap.engine_shards import PolledPrices
from nexgent.bootstrap.following import Following
from nexgent.bootstrap.observers import EngineObserver
from nexgent.bootstrap.shared_sol_price import SharedSolPrice
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.ledger.events import EntriesRecorded, WalletsRead, WalletsTouched
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.prices.events import PricesChanged, SolPriceSaid, SourcesHeard, TokensDoubted, TokensHeld
from nexgent.domain.protections.events import KillSwitchChanged, ProtectionsReset
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.signals.events import SignalArrived, SignalProcessed, SignalReceived
from nexgent.domain.trading.errors import UnexpectedTradeError
from nexgent.domain.trading.events import (
    ExitAttemptFailed,
    ExitOverdue,
    ExitTriggered,
    RecoveryPostponed,
    TradeFinished,
)
from nexgent.domain.trading.position_events import position_events
from nexgent.domain.users.authenticate import RevokedTokens
from nexgent.domain.users.events import TokenRevoked
from nexgent.domain.wallets.encrypted.events import WalletUnlocked
from nexgent.infrastructure.cache.bridge import EventBridge
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.queue.notifier import ProjectionNotifier
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.shared.events import EventBus
from nexgent.shared.loops import LoopWatch
from nexgent.shared.shards import ALL_SHARDS

E = TypeVar("E")


def wire_events(
    bus: EventBus,
    *,
    engine: Engine,
    observer: EngineObserver,
    hub: WebSocketHub,
    mirror: RedisMirror,
    loops: LoopWatch,
    bridge: EventBridge,
    notifier: ProjectionNotifier,
    is_engine: Callable[[], bool],
    protections: ProtectionState,
    revoked: RevokedTokens,
    polled: PolledPrices | None = None,
    following: Following | None = None,
    sol_price: SharedSolPrice | None = None,
) -> None:
    """Connect the parts. Memory comes first, then whoever looks at people, then copies for others.

    An engine that shares the work hears prices that another one `polled`, is `following` some agents of others, and
    shares the price of SOL.
    """
    copies = (mirror.on_event, bridge.on_event)

    def seed_validator(event: PositionOpened) -> None:
        position = event.position
        engine.validator.seed(position.token_address, position.entry_price_sol, position.opened_at)

    bus.on(AgentSaved, engine.directory.on_saved, engine.keeper.on_agent_saved, *copies)
    bus.on(AgentDeleted, engine.directory.on_deleted, hub.on_agent_deleted, *copies)
    bus.on(TokenRevoked, revoked.on_revoked, hub.on_token_revoked, bridge.on_event)

    def tell_others(event: EntriesRecorded) -> None:
        bridge.on_event(WalletsTouched([state.wallet_address for state in event.states]))

    bus.on(EntriesRecorded, notifier.notify, mirror.on_event, tell_others)
    bus.on(EntriesRecorded, protections.on_entries)

    def tell_positions(event: EntriesRecorded) -> None:
        for before, entry in zip(event.before, event.entries, strict=True):
            for told in position_events(before, entry, engine.book.trail_of):
                bus.publish(told)

    bus.on(EntriesRecorded, tell_positions)

    def as_engine(listener: Callable[[E], None]) -> Callable[[E], None]:
        @wraps(listener)
        def listen(event: E) -> None:
            if is_engine():
                listener(event)

        return listen

    # Only the engine keeps copies, and of several each those of its agents.
    mind_touched = as_engine(_reading_again(engine))
    if following is None:
        bus.on(WalletsTouched, engine.ledger.on_touched, protections.on_touched, mind_touched)
    else:
        bus.on(WalletsTouched, engine.ledger.on_touched)
        bus.on(WalletsTouched, _minding_kept(engine, following, protections, mind_touched))
        _wire_others(bus, engine, bridge, sol_price)
    bus.on(WalletsRead, mirror.on_event)
    bus.on(AgentSaved, protections.on_agent_saved)
    bus.on(AgentDeleted, protections.on_agent_deleted)
    bus.on(KillSwitchChanged, protections.on_kill_switch, bridge.on_event)
    bus.on(ProtectionsReset, protections.on_reset, bridge.on_event)
    bus.on(PositionOpened, engine.keeper.on_opened, seed_validator, hub.on_position_opened, *copies)
    bus.on(PositionOpened, observer.on_position_opened)
    bus.on(PositionUpdated, engine.keeper.on_updated, hub.on_position_updated, *copies)
    bus.on(PositionClosed, engine.keeper.on_closed, hub.on_position_closed, *copies)
    bus.on(PositionClosed, lambda event: engine.forget_price(event.token_address))
    bus.on(PositionClosed, observer.on_position_closed, engine.dead_tokens.on_closed)

    # A replica shows prices; deciding on them is the engine's alone.
    bus.on(
        PricesChanged,
        engine.latest_prices.on_prices,
        as_engine(_watching(engine, bridge, polled)),
        hub.on_prices,
        *copies,
    )
    bus.on(PricesChanged, lambda _: engine.tidy_prices())

    bus.on(SourcesHeard, bridge.on_event)
    bus.on(TokensDoubted, engine.doubts.on_doubted, bridge.on_event)

    bus.on(SignalArrived, as_engine(engine.look_ahead.on_arrived))

    def trade(event: SignalReceived) -> None:
        # Whoever holds the lease trades; a replica hands the signal on and the engine takes it from there. Engines that share
        # the work hand it on to each other.
        if is_engine():
            engine.process_signal.on_received(event)
        if polled is not None or not is_engine():
            bridge.on_event(event)

    bus.on(SignalReceived, trade)
    bus.on(SignalProcessed, observer.on_signal_processed)
    bus.on(TradeFinished, observer.on_trade_finished)
    bus.on(ExitTriggered, observer.on_exit_triggered)
    bus.on(ExitAttemptFailed, observer.on_exit_attempt_failed, engine.dead_tokens.on_exit_attempt_failed)
    bus.on(ExitOverdue, observer.on_exit_overdue)
    bus.on(RecoveryPostponed, observer.on_recovery_postponed)

    def unexpected(event: ExitAttemptFailed | RecoveryPostponed) -> None:
        # What a market or a server refuses is their business; this is a fault of ours, and somebody should look.
        if event.code == UnexpectedTradeError.code:
            loops.failed("an exit" if isinstance(event, ExitAttemptFailed) else "an open trade", event.code)

    bus.on(ExitAttemptFailed, unexpected)
    bus.on(RecoveryPostponed, unexpected)
    bus.on(WalletUnlocked, lambda event: engine.exits.hurry(event.wallet_address))


def _wire_others(
    bus: EventBus, engine: Engine, bridge: EventBridge, sol_price: SharedSolPrice | None
) -> None:
    """Connect what engines that share the work tell each other about prices."""
    bus.on(TokensHeld, _of_others(bridge, _minding_held(engine)), bridge.on_event)
    if sol_price is not None:
        bus.on(SolPriceSaid, _of_others(bridge, sol_price.on_said), bridge.on_event)


def _reading_again(engine: Engine) -> Callable[[WalletsTouched], None]:
    """Return who reads wallets again that others wrote to: those of the agents it acts for, of which it keeps copies."""
    ledger, share = engine.ledger, engine.share

    def read_again(event: WalletsTouched) -> None:
        own = [
            wallet
            for wallet in event.wallets
            if share.shards == ALL_SHARDS
            or ((owner := ledger.owner_of(wallet)) is not None and share.acts_for(owner))
        ]
        if own:
            ledger.read_again(WalletsTouched(own))

    return read_again


def _minding_kept(
    engine: Engine,
    following: Following,
    protections: ProtectionState,
    read_again: Callable[[WalletsTouched], None],
) -> Callable[[WalletsTouched], None]:
    """Return who minds wallets that others wrote to, of the agents that are kept: the others are not even in memory."""
    ledger = engine.ledger

    def mind(event: WalletsTouched) -> None:
        kept = [
            wallet
            for wallet in event.wallets
            if (owner := ledger.owner_of(wallet)) is not None and following.keeps(owner)
        ]
        if kept:
            protections.on_touched(WalletsTouched(kept))
            read_again(WalletsTouched(kept))

    return mind


def _of_others(bridge: EventBridge, listener: Callable[[E], None]) -> Callable[[E], None]:
    """Return the listener, for what other processes say."""

    def listen(event: E) -> None:
        if bridge.is_relayed(event):
            listener(event)

    return listen


def _minding_held(engine: Engine) -> Callable[[TokensHeld], None]:
    """Return who minds which tokens other engines hold: one of all asks for their prices."""

    def mind(event: TokensHeld) -> None:
        engine.held.on_told(event)
        for held in event.tokens:
            engine.validator.seed(held.token_address, held.price_sol, held.paid_at)

    return mind


def _watching(
    engine: Engine, bridge: EventBridge, polled: PolledPrices | None
) -> Callable[[PricesChanged], None]:
    """Return who decides on prices: those of another engine have to be young enough when they come."""
    watcher = engine.watcher
    if polled is None:
        return watcher.on_prices

    def on_prices(event: PricesChanged) -> None:
        (polled if bridge.is_relayed(event) else watcher).on_prices(event)

    return on_prices
