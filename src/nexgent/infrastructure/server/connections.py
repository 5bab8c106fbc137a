"""All connections of the server: who waits, who is too late, and who has to go when there are too many.

A connection that only waits for its client is closed for one that comes, the longest waiting first: of its own address when that
has as many as it may, of all when the server is full. So a thousand idle connections keep nobody out. Where nobody waits, the
newcomer gets one of a few spare places, in which only health checks are answered: those who watch over the service always see it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from nexgent.infrastructure.server.limits import ServerLimits
from nexgent.shared.addresses import neighbourhood

SWEEP_SECONDS = 0.5


class Connection(Protocol):
    """One connection, as far as its place is concerned."""

    def make_room(self) -> None:
        """End a connection that only waits."""

    def look_after(self, now: float) -> None:
        """End the connection when its client has taken too long for something."""


class Place(Enum):
    """What a connection may do."""

    FULL = "full"
    PROBES = "probes"
    NONE = "none"


class Connections:
    """Counts connections per address and in all. One for each listening server."""

    def __init__(self, limits: ServerLimits, *, on_refused: Callable[[str], None] = lambda _: None) -> None:
        self.limits = limits
        self.refused = on_refused
        """Hears why something was refused, in one word."""
        self._groups: dict[Connection, str] = {}
        self._by_group: dict[str, int] = {}
        self._spare: dict[Connection, None] = {}
        self._all: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}
        """Those that wait for their client, the longest waiting first."""
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._all)

    def join(self, connection: Connection, peer: str) -> Place:
        """Take a connection in."""
        self._all.add(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._look_after_all)
        group = "" if peer in self.limits.exempt else neighbourhood(peer)
        if group and self._by_group.get(group, 0) >= self.limits.connections_per_address:
            if not self._make_room(group):
                return self._take_spare(connection, "connections_per_address")
        elif len(self._groups) >= self.limits.connections and not self._make_room(None):
            return self._take_spare(connection, "connections")
        self._groups[connection] = group
        self._by_group[group] = self._by_group.get(group, 0) + 1
        return Place.FULL

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._all.discard(connection)
        self._give_up_place(connection)

    def waits(self, connection: Connection) -> None:
        """Note that a connection has nothing to do but to wait for its client."""
        self._waiting[connection] = None

    def works(self, connection: Connection) -> None:
        """Note that a connection is needed."""
        self._waiting.pop(connection, None)

    def _give_up_place(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        self._spare.pop(connection, None)
        group = self._groups.pop(connection, None)
        if group is None:
            return
        left = self._by_group[group] - 1
        if left:
            self._by_group[group] = left
        else:
            del self._by_group[group]

    def _make_room(self, group: str | None) -> bool:
        for waiting in self._waiting:
            mine = self._groups.get(waiting)
            if mine is not None and (group is None or mine == group):
                self._end(waiting)
                return True
        return False

    def _take_spare(self, connection: Connection, why: str) -> Place:
        self.refused(why)
        if len(self._spare) >= self.limits.reserve:
            waiting = next((one for one in self._spare if one in self._waiting), None)
            if waiting is None:
                return Place.NONE
            self._end(waiting)
        self._spare[connection] = None
        return Place.PROBES

    def _end(self, connection: Connection) -> None:
        # The place is free at once; the connection itself is gone a moment later.
        self._give_up_place(connection)
        self.refused("room_made")
        connection.make_room()

    def _look_after_all(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._all):
            connection.look_after(now)
        self._sweep = loop.call_later(SWEEP_SECONDS, self._look_after_all) if self._all else None
