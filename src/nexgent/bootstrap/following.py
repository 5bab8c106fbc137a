"""What an engine that shares the work keeps in memory of agents that others trade for: of whom somebody looks at.

Whoever asks for an agent's positions has them read, and for a while what happens to them is heard; so they are as current as on
the engine itself. What nobody looks at costs nothing but a line in the list of wallets that were written to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Protocol

import structlog

from nexgent.bootstrap.engine import Engine
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.shared.clock import Clock
from nexgent.shared.shards import NO_SHARDS, is_in, shards_of
from nexgent.shared.types import AgentId

log = structlog.get_logger(__name__)

KEPT_SECONDS = 60.0
"""How long an agent is followed after somebody has looked at it last."""
FOLLOWING_SECONDS = 5.0
"""How often it is looked who is followed no longer."""


class ShardChannels(Protocol):
    """Hears what happens to positions, by shard."""

    async def follow(self, shards: int) -> bool:
        """Hear of these shards as well; tell whether they are heard when this returns."""
        ...

    async def unfollow(self, shards: int) -> None:
        """Hear of these shards no more."""
        ...


class EverybodyKept:
    """What a process says that keeps all agents in memory."""

    async def have(self, agent_ids: Iterable[AgentId]) -> None:
        """Return at once."""


class Following:
    """Which agents of other engines are kept. An agent of this engine's is kept by having its shard."""

    def __init__(
        self,
        *,
        engine: Engine,
        channels: ShardChannels,
        read: Callable[[Collection[AgentId]], Awaitable[None]],
        watched: Callable[[AgentId], bool],
        clock: Clock,
        on_gap: Callable[[], None] = lambda: None,
    ) -> None:
        """`read` makes memory equal to storage for agents. `watched` tells whether somebody listens to an agent all the time, and
        `on_gap` is called when what was heard had a gap that has been made good.
        """
        self._on_gap = on_gap
        self._engine = engine
        self._share = engine.share
        self._channels = channels
        self._read = read
        self._watched = watched
        self._clock = clock
        self._until: dict[AgentId, float] = {}
        self._current: set[AgentId] = set()
        """Those that were read while they were heard."""
        self._own = NO_SHARDS
        self._changing = asyncio.Lock()

    @property
    def count(self) -> int:
        """How many agents of other engines are followed."""
        return len(self._until)

    def keeps(self, agent_id: AgentId) -> bool:
        """Tell whether what happens to an agent is to be taken into memory."""
        # Shards that are being read or left are heard of as well.
        return self._share.acts_for(agent_id) or is_in(self._own, agent_id) or agent_id in self._until

    async def have(self, agent_ids: Iterable[AgentId]) -> None:
        """Return when memory has what these agents hold, and goes on to have it for a while. Raises `UnavailableError`."""
        wanted = [agent_id for agent_id in agent_ids if not self._share.acts_for(agent_id)]
        if not wanted:
            return
        until = self._clock.monotonic() + KEPT_SECONDS
        for agent_id in wanted:
            if agent_id in self._current:
                self._until[agent_id] = until
        if not self._current.issuperset(wanted):
            async with self._changing:
                await self._begin(wanted)

    async def read_again(self) -> None:
        """Read everybody again: what happened to them may not have been heard. Raises `UnavailableError`."""
        async with self._changing:
            ledger = self._engine.ledger
            theirs = [
                state.wallet_address for state in ledger.states() if not self._share.acts_for(state.agent_id)
            ]
            ledger.on_touched(WalletsTouched(theirs))
            self._current.clear()
            await self._begin(list(self._until))
        self._on_gap()

    async def start_over(self) -> None:
        """Memory has been emptied: read again whom somebody listens to, and follow nobody else. Raises `UnavailableError`."""
        async with self._changing:
            self._own = NO_SHARDS
            self._current.clear()
            self._until = {
                agent.id: self._clock.monotonic() + KEPT_SECONDS
                for agent in self._engine.directory.all()
                if self._watched(agent.id)
            }
            await self._begin(list(self._until))

    async def before_taking(self, shards: int) -> None:
        """Hear of shards that are read next: whoever resets a wallet or removes an agent elsewhere tells it there."""
        self._own |= shards
        await self._channels.follow(shards)

    async def before_leaving(self, shards: int) -> None:
        """Go on to hear of those whom somebody listens to, before another engine has these shards."""
        async with self._changing:
            staying = [agent_id for agent_id in self._of(shards) if self._watched(agent_id)]
            if staying and await self._channels.follow(shards_of(staying)):
                self._current.update(staying)
            until = self._clock.monotonic() + KEPT_SECONDS
            self._until.update(dict.fromkeys(staying, until))

    def left(self, shards: int) -> None:
        """Forget what is of shards that another engine has by now."""
        self._own &= ~shards
        for agent_id in self._of(shards):
            if agent_id not in self._until:
                self._drop(agent_id)

    async def tick(self) -> None:
        """Forget those nobody has looked at for long."""
        async with self._changing:
            now = self._clock.monotonic()
            for agent_id, until in list(self._until.items()):
                if self._share.acts_for(agent_id):
                    # It has come here.
                    self._forget(agent_id)
                elif self._watched(agent_id):
                    self._until[agent_id] = now + KEPT_SECONDS
                elif until <= now:
                    self._forget(agent_id)
                    self._drop(agent_id)
            await self._channels.unfollow(~(shards_of(self._until) | self._own))

    async def _begin(self, wanted: Collection[AgentId]) -> None:
        new = [
            agent_id
            for agent_id in wanted
            if agent_id not in self._current and not self._share.acts_for(agent_id)
        ]
        if not new:
            return
        heard = await self._channels.follow(shards_of(new))
        # From here on what is heard of them is taken in: nothing falls between reading and hearing.
        until = self._clock.monotonic() + KEPT_SECONDS
        self._until.update(dict.fromkeys(new, until))
        await self._read(new)
        if heard:
            self._current.update(new)
        else:
            log.warning("following.not_heard", agents=len(new), hint="they are read whenever somebody asks")

    def _of(self, shards: int) -> list[AgentId]:
        return [agent.id for agent in self._engine.directory.all() if is_in(shards, agent.id)]

    def _forget(self, agent_id: AgentId) -> None:
        self._until.pop(agent_id, None)
        self._current.discard(agent_id)

    def _drop(self, agent_id: AgentId) -> None:
        for held in self._engine.book.of_agent(agent_id):
            self._engine.book.remove(held.position.id)
