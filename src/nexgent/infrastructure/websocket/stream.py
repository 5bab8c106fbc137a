"""The position frames of one agent, numbered, and the last of them kept for clients that come back.

An *epoch* names one unbroken numbering: this process's, for this agent, since its memory was last filled. Within it `seq` grows
by one per position frame. A client that names the epoch and the last number it has seen gets what it missed, as long as all of
that is still here; otherwise it starts again from a snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from nexgent.infrastructure.websocket.client import Client
from nexgent.shared.types import AgentId

FRAMES_PER_AGENT = 1_024
BYTES_IN_ALL = 32 * 1024 * 1024
"""What all agents' kept frames may take together."""
IDLE_SECONDS = 120.0
"""How long an agent's frames are still numbered and kept after its last client has gone."""
IDLE_AGENTS = 10_000


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a client that comes back has stopped."""

    epoch: str
    last_seq: int

    @classmethod
    def parse(cls, epoch: object, last_seq: object) -> Resume | None:
        """Return the place, or None when it is not one: the client then gets a snapshot."""
        text = str(last_seq) if isinstance(last_seq, int) and not isinstance(last_seq, bool) else last_seq
        if not isinstance(epoch, str) or not isinstance(text, str) or len(text) > 18:
            return None
        return cls(epoch, int(text)) if text.isascii() and text.isdigit() else None


class AgentStream:
    """One agent's clients and its numbered frames."""

    __slots__ = ("agent_id", "clients", "epoch", "frames", "seq")

    def __init__(self, agent_id: AgentId) -> None:
        self.agent_id = agent_id
        self.clients: set[Client] = set()
        self.epoch = uuid4().hex[:16]
        self.seq = 0
        self.frames: deque[str] = deque()
        """Those numbered `seq - len(frames) + 1` to `seq`."""

    def missed(self, wanted: Resume | None) -> list[str] | None:
        """Return the frames after a place, or None when they are not all here."""
        if wanted is None or wanted.epoch != self.epoch:
            return None
        count = self.seq - wanted.last_seq
        if count < 0 or count > len(self.frames):
            return None
        return list(self.frames)[len(self.frames) - count :]


class Streams:
    """The streams of agents somebody listens to, or did a moment ago; bounded in time, number and bytes."""

    def __init__(self, monotonic: Callable[[], float], *, bytes_in_all: int = BYTES_IN_ALL) -> None:
        self._monotonic = monotonic
        self._bytes_in_all = bytes_in_all
        self._by_agent: dict[AgentId, AgentStream] = {}
        self._idle_since: dict[AgentId, float] = {}
        self._kept_bytes = 0
        self._order: deque[AgentStream] = deque()
        """The stream of each kept frame, oldest first."""

    def __len__(self) -> int:
        return len(self._by_agent)

    def find(self, agent_id: AgentId) -> AgentStream | None:
        """Return an agent's stream if it has one."""
        return self._by_agent.get(agent_id)

    def watched(self) -> list[AgentStream]:
        """Return the streams with clients."""
        return [stream for stream in self._by_agent.values() if stream.clients]

    def join(self, client: Client) -> AgentStream:
        """Add a client to its agent's stream."""
        self.forget_idle()
        stream = self._by_agent.get(client.agent_id)
        if stream is None:
            stream = self._by_agent[client.agent_id] = AgentStream(client.agent_id)
        stream.clients.add(client)
        self._idle_since.pop(client.agent_id, None)
        return stream

    def leave(self, client: Client) -> bool:
        """Remove a client; tell whether it was there. The stream lives on for a while."""
        stream = self._by_agent.get(client.agent_id)
        if stream is None or client not in stream.clients:
            return False
        stream.clients.discard(client)
        if not stream.clients:
            self._idle_since[client.agent_id] = self._monotonic()
        self.forget_idle()
        return True

    def number(self, stream: AgentStream, encode: Callable[[str, int], str]) -> str:
        """Give a frame the next number, keep it, return it. `encode` gets the epoch and the number."""
        frame = encode(stream.epoch, stream.seq + 1)
        stream.seq += 1
        stream.frames.append(frame)
        self._order.append(stream)
        self._kept_bytes += len(frame)
        if len(stream.frames) > FRAMES_PER_AGENT:
            self._drop_oldest(stream)
        # An agent's place in the order may stand for a frame that its own bound has dropped; so both are bounded.
        while self._kept_bytes > self._bytes_in_all or len(self._order) > 2 * self._frame_places():
            self._drop_oldest(self._order.popleft())
        return frame

    def restart(self) -> list[AgentStream]:
        """Begin all streams anew, because frames may be missing; return those with clients."""
        self._kept_bytes = 0
        self._order.clear()
        self._idle_since.clear()
        old, self._by_agent = self._by_agent, {}
        for before in old.values():
            if before.clients:
                stream = self._by_agent[before.agent_id] = AgentStream(before.agent_id)
                stream.clients = before.clients
        return list(self._by_agent.values())

    def forget_idle(self) -> None:
        """Drop streams nobody has listened to for long, the longest first."""
        latest = self._monotonic() - IDLE_SECONDS
        while self._idle_since:
            agent_id, since = next(iter(self._idle_since.items()))
            if since > latest and len(self._idle_since) <= IDLE_AGENTS:
                return
            del self._idle_since[agent_id]
            stream = self._by_agent.pop(agent_id)
            self._kept_bytes -= sum(map(len, stream.frames))
            stream.frames.clear()

    def _drop_oldest(self, stream: AgentStream) -> None:
        if stream.frames:
            self._kept_bytes -= len(stream.frames.popleft())

    def _frame_places(self) -> int:
        return FRAMES_PER_AGENT * max(1, len(self._by_agent))
