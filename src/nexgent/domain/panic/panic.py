"""Stop all entries at once and, when asked to, exit everything.

The wish to be flat is part of the kill switch, so it outlives restarts and moves to another engine with it: as long as it is
engaged, whatever is open in its scope is being left, a purchase that lands after the panic as well. The exits are those of a
stop loss: the same sale, tried until the position is flat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.ledger.ledger import Ledger
from nexgent.domain.panic.models import PanicReport, Remaining
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.protections.kill_switch import KillSwitchOrder, SetKillSwitch
from nexgent.domain.protections.models import KillSwitch
from nexgent.domain.protections.state import ENTRY_KINDS, ProtectionState
from nexgent.domain.trading.book.position_book import HeldPosition, PositionBook
from nexgent.domain.trading.watch.exits import ExitTasks
from nexgent.shared.errors import UnavailableError
from nexgent.shared.loops import TaskSet
from nexgent.shared.types import UserId

log = structlog.get_logger(__name__)

RECORD_SECONDS = 3.0
"""How long whoever panics waits for the database."""
_BREATH = 500


class Panic:
    """`execute` for people; `tick` as one step of a loop, once a second."""

    def __init__(
        self,
        *,
        switch: SetKillSwitch,
        protections: ProtectionState,
        directory: AgentDirectory,
        ledger: Ledger,
        book: PositionBook,
        exits: ExitTasks,
        is_engine: Callable[[], bool],
    ) -> None:
        self._switch = switch
        self._protections = protections
        self._directory = directory
        self._ledger = ledger
        self._book = book
        self._exits = exits
        self._is_engine = is_engine
        self._unrecorded: dict[UserId | None, KillSwitch] = {}
        self._recording: dict[UserId | None, asyncio.Task[Any]] = {}
        self._tasks = TaskSet("panic")

    async def execute(self, order: KillSwitchOrder) -> PanicReport:
        """Engage the switch, start the exits, and say how things stand. Doing it again changes nothing.

        In force at once and durable right after, the one place with that order: it only ever forbids and sells, and a database
        that is away must not keep a process from stopping. What could not be recorded is recorded as soon as that is possible.
        Raises `ForbiddenError`.
        """
        switch = self._switch.decide(order)
        self._switch.put_in_force(switch)
        self._unrecorded[switch.user_id] = switch
        await self._start_exits()
        await self._record(switch)
        return self.report(order)

    def report(self, order: KillSwitchOrder) -> PanicReport:
        """Say how things stand. Raises `ForbiddenError`."""
        self._switch.check_allowed(order)
        system, user = self._protections.switches_of(order.user_id)
        agents = list(
            self._directory.all() if order.system_wide else self._directory.each_of_user(order.user_id)
        )
        held = self._book.all() if order.system_wide else self._of(agents)
        return PanicReport(
            system_wide=order.system_wide,
            switch=system if order.system_wide else user,
            recorded=(None if order.system_wide else order.user_id) not in self._unrecorded,
            here=self._is_engine(),
            remaining=[self._remaining(one) for one in held],
            entries_under_way=sum(self._entries_under_way(agent) for agent in agents),
        )

    async def tick(self) -> None:
        """Exit what is to be exited and is not, and record what could not be recorded so far."""
        await self._start_exits()
        for switch in list(self._unrecorded.values()):
            await self._record(switch)

    async def _record(self, switch: KillSwitch) -> None:
        """Record a switch, or go on without after a moment; the attempt is not interrupted.

        Interrupting a statement takes as long as a database that hangs wants it to.
        """
        recording = self._recording.get(switch.user_id)
        if recording is None or recording.done():
            recording = self._tasks.start(self._try_to_record(switch), name="panic.record")
            self._recording[switch.user_id] = recording
        await asyncio.wait({recording}, timeout=RECORD_SECONDS)

    async def _try_to_record(self, switch: KillSwitch) -> None:
        try:
            await self._switch.record(switch)
        except UnavailableError as error:
            log.warning("panic.not_recorded", code=error.code)
            return
        if self._unrecorded.get(switch.user_id) is switch:
            del self._unrecorded[switch.user_id]

    async def _start_exits(self) -> None:
        """Start an exit for each position that is to be left. A replica does nothing: the engine reads the same switch."""
        everybody, users = self._protections.flattening()
        if not (everybody or users) or not self._is_engine():
            return
        concerned = self._book.all()
        if not everybody:
            concerned = self._of(agent for user in users for agent in self._directory.each_of_user(user))
        for number, held in enumerate(list(concerned), 1):
            if held.position.id not in self._exits and self._book.get(held.position.id) is held:
                self._exits.start(held.position, CloseReason.PANIC, None)
            if number % _BREATH == 0:
                await asyncio.sleep(0)

    def _of(self, agents: Iterable[Agent]) -> list[HeldPosition]:
        return [held for agent in agents for held in self._book.of_agent(agent.id)]

    def _remaining(self, held: HeldPosition) -> Remaining:
        position = held.position
        agent = self._directory.find(position.agent_id)
        wallet = self._directory.wallet(position.wallet_address)
        return Remaining(
            agent_name=agent.name if agent is not None else "",
            live=wallet is not None and wallet.mode is TradingMode.LIVE,
            position=position,
            progress=self._exits.progress(position.id),
        )

    def _entries_under_way(self, agent: Agent) -> int:
        """Count the purchases of an agent that are durable and not ended: each may still become a position."""
        return sum(
            open_intent.intent.kind in ENTRY_KINDS
            for wallet in agent.wallets
            if self._ledger.knows(wallet.address)
            for open_intent in self._ledger.head(wallet.address).intents.values()
        )
