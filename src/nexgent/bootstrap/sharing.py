"""What a process has beside its engine when it is one of several that share the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from nexgent.bootstrap.engine import Engine
from nexgent.bootstrap.engine_shards import EngineShards, PolledPrices
from nexgent.bootstrap.following import Following
from nexgent.bootstrap.shared_sol_price import AskedSolPrice, SharedSolPrice
from nexgent.bootstrap.start_up import read_agents, read_shards
from nexgent.domain.agents.ports import AgentRepository
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.protections.refresh import RefreshProtections
from nexgent.domain.protections.state import ProtectionState
from nexgent.domain.trading.ports import TrailStore
from nexgent.infrastructure.cache.bridge import EventBridge
from nexgent.infrastructure.cache.mirror import RedisMirror
from nexgent.infrastructure.database.lease import EngineLease
from nexgent.infrastructure.websocket.hub import WebSocketHub
from nexgent.shared.clock import Clock
from nexgent.shared.types import AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingPorts:
    """Everything that sharing needs of a service."""

    engine: Engine
    lease: EngineLease
    bridge: EventBridge
    mirror: RedisMirror
    hub: WebSocketHub
    agents: AgentRepository
    trails: TrailStore
    guard: ProtectionState
    refresh_protections: RefreshProtections
    on_read: Callable[[], Awaitable[None]]
    """Called when everything of shards has been read, before they are acted for."""
    on_moved: Callable[[int, float], None]
    lock_keys: Callable[[int], None]
    """Wipes unlocked keys of wallets of shards."""
    sol_price: AskedSolPrice
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """The shards, agents of other engines that are followed, and prices, of SOL as well, that another one asks for."""

    following: Following
    shards: EngineShards
    polled: PolledPrices
    sol_price: SharedSolPrice
    bridge: EventBridge

    async def hear_at_last(self) -> None:
        """Once others are heard, read again: what they did between the first reading and then was heard by nobody here."""
        await self.bridge.until_listening()
        self.shards.missed_events()


def build_sharing(ports: SharingPorts, *, max_price_age_seconds: float) -> Sharing:
    """Return the parts, together."""
    engine, guard = ports.engine, ports.guard

    async def read(shards: int) -> None:
        # A key that is here is of before, should leaving or losing them have been interrupted.
        ports.lock_keys(shards)
        wallets = await read_shards(engine, shards, agents=ports.agents, trails=ports.trails)
        guard.know(engine.directory.all())
        guard.on_touched(WalletsTouched(wallets))
        await ports.refresh_protections.tick()
        await ports.on_read()

    async def read_some(agent_ids: Collection[AgentId]) -> None:
        wallets = await read_agents(engine, agent_ids, trails=ports.trails)
        guard.on_touched(WalletsTouched(wallets))
        await ports.refresh_protections.tick()

    async def leave(shards: int) -> None:
        # Who locks a wallet where it trades then has locked it everywhere, and it stays locked when its shard comes back.
        ports.lock_keys(shards)
        await ports.mirror.leave(shards)

    following = Following(
        engine=engine,
        channels=ports.bridge,
        read=read_some,
        watched=ports.hub.has_stream,
        clock=ports.clock,
        on_gap=ports.hub.resync,
    )
    return Sharing(
        following=following,
        shards=EngineShards(
            engine=engine,
            lease=ports.lease,
            read=read,
            following=following,
            leave_copies=leave,
            clock=ports.clock,
            on_moved=ports.on_moved,
        ),
        polled=PolledPrices(engine=engine, clock=ports.clock, max_age_seconds=max_price_age_seconds),
        sol_price=SharedSolPrice(ports.sol_price, leads=lambda: engine.share.leads, clock=ports.clock),
        bridge=ports.bridge,
    )
