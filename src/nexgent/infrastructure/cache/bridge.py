"""Events between processes, over Redis pub/sub.

Each process hands the events that others need to `on_event`, and `run` publishes on its own bus what the others sent. Pub/sub
forgets: what is sent while a connection is down is lost. Every event has a number, so a receiver notices a gap and can read
everything again. What a burst leaves goes out together, a message for each run of events on one channel: every process hears
its own messages as well, and throwing one away takes as long as sending it.

What no other process listens to is not sent. Redis says what that is: it counts who listens to a channel. Whoever begins to
listen after it was asked has missed what it would have missed, had the message been sent then.

Engines that share the work send what happens to positions by shard, each on a channel of its own: who shows nobody's of a shard
does not hear of it, and of a shard that is heard only what is kept here is decoded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ResponseError

from nexgent.domain.administration.events import LogLevelChanged
from nexgent.domain.agents.config import TradingConfig, parse_config, to_json_dict
from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.ledger.events import WalletsTouched
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.prices.events import PricesChanged, SolPriceSaid, SourcesHeard, TokensDoubted, TokensHeld
from nexgent.domain.protections.events import KillSwitchChanged, ProtectionsReset
from nexgent.domain.signals.events import SignalReceived
from nexgent.domain.users.events import TokenRevoked
from nexgent.infrastructure.cache.connect import REDIS_OUTAGES, stop_if_cancelled
from nexgent.infrastructure.cache.keys import CacheKeys
from nexgent.infrastructure.cache.texts import as_text
from nexgent.shared.backoff import Backoff
from nexgent.shared.clock import Clock
from nexgent.shared.shards import ALL_SHARDS, NO_SHARDS, numbers_of, shard_of
from nexgent.shared.types import AgentId

log = structlog.get_logger(__name__)

BridgedEvent = (
    PositionOpened
    | PositionUpdated
    | PositionClosed
    | PricesChanged
    | SourcesHeard
    | TokensDoubted
    | TokensHeld
    | SolPriceSaid
    | AgentSaved
    | AgentDeleted
    | SignalReceived
    | WalletsTouched
    | KillSwitchChanged
    | ProtectionsReset
    | TokenRevoked
    | LogLevelChanged
)

CHANNELS: dict[type[Any], str] = {
    PositionOpened: "positions",
    PositionUpdated: "positions",
    PositionClosed: "positions",
    PricesChanged: "prices",
    SourcesHeard: "sources",
    TokensDoubted: "doubts",
    TokensHeld: "held",
    SolPriceSaid: "sol",
    AgentSaved: "agents",
    AgentDeleted: "agents",
    SignalReceived: "signals",
    WalletsTouched: "wallets",
    KillSwitchChanged: "protections",
    ProtectionsReset: "protections",
    TokenRevoked: "sessions",
    LogLevelChanged: "logging",
}
SEVERAL = "several"
OWNED = "owned"
_POSITIONS = "positions"
_BY_SHARD = (PositionOpened, PositionUpdated, PositionClosed)
OUTBOX_LIMIT = 20_000
_REMEMBERED_PLACES = 1_000
BATCH_SIZE = 200
DEADLINE_SECONDS = 5.0
UNHEARD_SECONDS = 0.03
"""So long waits what nobody has heard the last of: asking who listens now would take time from the trade it tells of."""
LISTEN_SECONDS = 1.0
FOLLOW_SECONDS = 1.0
"""The longest it is waited for Redis to say that a channel is heard."""
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0


class _Message(msgspec.Struct, array_like=True):
    """One message: who sent it, the number of its (first) event on its channel, the event's type, the event.

    Of type `SEVERAL` it holds an array of types and events, numbered one after the other, of type `OWNED` one of types, events
    and the agents they are about.
    """

    origin: str
    number: int
    type: str
    event: msgspec.Raw


class _One(msgspec.Struct, array_like=True):
    """An event among several."""

    type: str
    event: msgspec.Raw


class _Owned(msgspec.Struct, array_like=True):
    """An event among several, and whose it is."""

    type: str
    event: msgspec.Raw
    agent_id: UUID


def _to_json(value: object) -> object:
    if isinstance(value, TradingConfig):
        return to_json_dict(value)
    raise NotImplementedError(f"an event holds a {type(value).__name__}, which no message can carry")


def _from_json(wanted: type[Any], value: object) -> object:
    if wanted is TradingConfig and isinstance(value, dict):
        return parse_config(value)
    raise NotImplementedError(f"a message cannot become a {wanted.__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_to_json)
_messages = msgspec.json.Decoder(_Message)
_several = msgspec.json.Decoder(list[_One])
_owned = msgspec.json.Decoder(list[_Owned])
_events = {kind.__name__: msgspec.json.Decoder(kind, dec_hook=_from_json) for kind in CHANNELS}


def encode_event(event: BridgedEvent) -> bytes:
    """Return an event as JSON; decimals as strings."""
    return _encoder.encode(event)


def decode_event(kind: str, document: bytes | msgspec.Raw) -> object:
    """Return the event of that type. Raises `msgspec.MsgspecError` or KeyError when it is not one of ours."""
    return _events[kind].decode(document)


class EventBridge:
    """Sends events of this process to others and publishes theirs here.

    `publish` is the bus of this process; `on_gap` is called when messages of others may have been lost. `channels` names what
    this process listens to (`positions`, `prices`, `sources`, `doubts`, `held`, `sol`, `agents`, `signals`, `wallets`,
    `protections`, `sessions`, `logging`). Where `keeps` is given, positions are sent by shard, and heard of shards that are
    followed, of agents that this process keeps; without it those of all are heard.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        keys: CacheKeys,
        publish: Callable[[object], None],
        clock: Clock,
        channels: frozenset[str] = frozenset(CHANNELS.values()),
        on_gap: Callable[[], None] | None = None,
        keeps: Callable[[AgentId], bool] | None = None,
    ) -> None:
        unknown = channels - frozenset(CHANNELS.values())
        if unknown:
            raise ValueError(f"unknown channels: {', '.join(sorted(unknown))}")
        self._redis = redis
        self._keys = keys
        self._publish = publish
        self._clock = clock
        self._channels = channels
        self._by_shard = keeps is not None
        self._keeps = keeps or (lambda _: True)
        self._followed = NO_SHARDS if self._by_shard or _POSITIONS not in channels else ALL_SHARDS
        self._pubsub: PubSub | None = None
        self._confirmed: set[str] = set()
        """Names of the channels that Redis has said are heard."""
        self._newly_confirmed = asyncio.Event()
        self._on_gap = on_gap
        self._origin = uuid4().hex
        # Nobody else listens to it: its listeners are this process's connections, each of which the other channels count as well.
        self._own_channel = keys.channel(f"of:{self._origin}")
        # Channels that, when last something was sent, another process heard.
        self._heard_by_others: set[str] = set()
        self._outbox: deque[BridgedEvent] = deque(maxlen=OUTBOX_LIMIT)
        self._numbers: dict[str, int] = {}
        self._heard: dict[tuple[str, str], int] = {}
        self._sent_at: dict[str, float] = {}
        """When messages were sent that have not come back yet, by channel."""
        self._lag: float | None = None
        self._awake = asyncio.Event()
        self._relayed: object = None
        self._listening = asyncio.Event()

    @property
    def in_line(self) -> int:
        """How many events wait to be sent."""
        return len(self._outbox)

    @property
    def lag_seconds(self) -> float | None:
        """How long the last message took that this process has heard of its own; others hear it at the same time."""
        return self._lag

    def on_event(self, event: BridgedEvent) -> None:
        """Send an event to the other processes. What came from them is not sent back."""
        if event is self._relayed:
            return
        if len(self._outbox) == OUTBOX_LIMIT:
            # The oldest one falls out; its number must be missing at the receivers.
            ((channel, _),) = self._runs([self._outbox[0]])
            self._numbers[channel] = self._numbers.get(channel, 0) + 1
        self._outbox.append(event)
        self._awake.set()

    def is_relayed(self, event: object) -> bool:
        """Tell whether an event that is being published came from another process."""
        return event is self._relayed

    async def run(self) -> None:
        """Send and receive until cancelled, however often Redis goes away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.send_forever(), name="bridge.send")
            tasks.create_task(self.receive_forever(), name="bridge.receive")

    async def listeners(self, channel: str) -> int | None:
        """Return how many processes hear a channel, this one among them; None when Redis does not say."""
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                [(_, count)] = await self._redis.pubsub_numsub(self._keys.channel(channel))
        except REDIS_OUTAGES:
            return None
        return max(1, int(count))

    async def follow(self, shards: int) -> bool:
        """Hear of the positions of these shards from now on; tell whether they are heard when this returns."""
        self._followed |= shards
        wanted = self._shard_channels(shards)
        try:
            async with asyncio.timeout(FOLLOW_SECONDS):
                if self._pubsub is not None and (new := wanted - self._confirmed):
                    await self._pubsub.subscribe(*new)
                while not wanted <= self._confirmed:
                    self._newly_confirmed.clear()
                    await self._newly_confirmed.wait()
        except REDIS_OUTAGES:
            # It is asked for again when Redis is back, and then there was a gap.
            return False
        return True

    async def unfollow(self, shards: int) -> None:
        """Hear of the positions of these shards no more."""
        channels = self._shard_channels(self._followed & shards)
        self._followed &= ~shards
        self._confirmed -= channels
        for place in [place for place in self._heard if place[1] in channels]:
            # When it is heard again, what was said meanwhile is missing and was not wanted.
            del self._heard[place]
        if self._pubsub is not None and channels:
            with suppress(*REDIS_OUTAGES):
                async with asyncio.timeout(FOLLOW_SECONDS):
                    await self._pubsub.unsubscribe(*channels)

    def _shard_channels(self, shards: int) -> set[str]:
        return {self._keys.channel(f"{_POSITIONS}.{number}") for number in numbers_of(shards)}

    async def until_listening(self) -> None:
        """Wait until messages of others are heard."""
        await self._listening.wait()

    async def send_forever(self) -> None:
        """Send what is in line, again and again."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while True:
            stop_if_cancelled()
            await self._awake.wait()
            if not self._is_awaited():
                await asyncio.sleep(UNHEARD_SECONDS)
            self._awake.clear()
            while self._outbox:
                stop_if_cancelled()
                try:
                    await self._send_batch()
                    backoff.reset()
                except REDIS_OUTAGES as error:
                    log.warning("bridge.not_sent", error=type(error).__name__, waiting=len(self._outbox))
                    await backoff.wait()

    def _is_awaited(self) -> bool:
        """Tell whether what is in line may be of use to somebody, as far as is known."""
        return self._by_shard or any(_channel_of(event) in self._heard_by_others for event in self._outbox)

    async def receive_forever(self) -> None:
        """Publish here what others send, again and again."""
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        connected_before = False
        while True:
            stop_if_cancelled()
            try:
                pubsub = self._redis.pubsub()
                async with pubsub:
                    names = {self._keys.channel(name) for name in self._channels}
                    names |= self._shard_channels(self._followed)
                    async with asyncio.timeout(DEADLINE_SECONDS):
                        await pubsub.subscribe(self._own_channel, *sorted(names))
                    self._pubsub = pubsub
                    if connected_before:
                        self._gap("reconnected")
                    connected_before = True
                    backoff.reset()
                    self._listening.set()
                    while True:
                        stop_if_cancelled()
                        # The deadline only lets a dead connection be noticed by the client's own health check.
                        message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                        if message is None:
                            continue
                        if message["type"] == "message":
                            self._receive(as_text(message["channel"]), message["data"])
                        elif message["type"] == "subscribe":
                            self._confirmed.add(as_text(message["channel"]))
                            self._newly_confirmed.set()
            except REDIS_OUTAGES as error:
                self._pubsub = None
                self._confirmed.clear()
                self._listening.clear()
                log.warning("bridge.not_listening", error=type(error).__name__)
                await backoff.wait()

    async def _send_batch(self) -> None:
        events = [self._outbox.popleft() for _ in range(min(BATCH_SIZE, len(self._outbox)))]
        # Numbers are given anew at each attempt: a batch that may have arrived is sent again with the same ones.
        numbers = dict(self._numbers)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._publish_to_others(events, numbers)
        except BaseException:
            self._outbox.extendleft(reversed(events[: OUTBOX_LIMIT - len(self._outbox)]))
            raise
        self._numbers = numbers

    async def _publish_to_others(self, events: Sequence[BridgedEvent], numbers: dict[str, int]) -> None:
        by_channel = self._runs(events)
        unheard = await self._without_others({channel for channel, _ in by_channel} - self._heard_by_others)
        pipeline = self._redis.pipeline(transaction=False)
        published: list[str] = []
        for channel, run in by_channel:
            first = numbers.get(channel, 0) + 1
            numbers[channel] = first + len(run) - 1
            if channel in unheard:
                continue
            message = _encoder.encode(_message(self._origin, first, run, owned="." in channel))
            name = self._keys.channel(channel)
            pipeline.publish(name, message)
            if self._hears(channel):
                self._sent_at[name] = self._clock.monotonic()
            published.append(channel)
        if published:
            for channel, heard in zip(published, await pipeline.execute(), strict=True):
                # It need not be right: before nothing is sent, it is asked.
                others = heard - self._hears(channel)
                (self._heard_by_others.add if others > 0 else self._heard_by_others.discard)(channel)

    def _runs(self, events: Sequence[BridgedEvent]) -> list[tuple[str, Sequence[BridgedEvent]]]:
        """Return what goes out together: events one after the other on one channel, and those of a shard."""
        if not self._by_shard:
            return [(channel, list(run)) for channel, run in groupby(events, key=_channel_of)]
        runs: list[tuple[str, Sequence[BridgedEvent]]] = []
        of_shards: dict[str, list[BridgedEvent]] = {}
        for channel, run in groupby(events, key=_channel_of):
            if channel != _POSITIONS:
                runs.append((channel, list(run)))
                continue
            for event in run:
                of_shards.setdefault(f"{_POSITIONS}.{shard_of(_agent_of(event))}", []).append(event)
        # Last: who hears that a position was opened has heard before that its wallet was written to.
        return [*runs, *of_shards.items()]

    def _hears(self, channel: str) -> bool:
        name, _, number = channel.partition(".")
        return bool(self._followed >> int(number) & 1) if number else name in self._channels

    async def _without_others(self, channels: Collection[str]) -> set[str]:
        """Return those of the channels that no other process listens to, in one look at all of them."""
        if not channels:
            return set()
        names = {self._keys.channel(name): name for name in channels}
        try:
            (_, own), *counts = await self._redis.pubsub_numsub(self._own_channel, *names)
        except ResponseError:
            # A server that does not say.
            return set()
        found = {names[as_text(name)]: int(count) for name, count in counts}
        return {name for name, count in found.items() if count <= (own if self._hears(name) else 0)}

    def _receive(self, name: str, data: bytes) -> None:
        try:
            message = _messages.decode(data)
            if message.origin == self._origin:
                if (sent_at := self._sent_at.pop(name, None)) is not None:
                    self._lag = self._clock.monotonic() - sent_at
                return
            place = (message.origin, name)
            last = self._heard.get(place)
            ones = _events_of(message)
            newest = message.number + len(ones) - 1
            if last is not None and newest <= last:
                return
            known = 0 if last is None else max(0, last + 1 - message.number)
            events = [
                decode_event(one.type, one.event)
                for one in ones[known:]
                if isinstance(one, _One) or self._keeps(AgentId(one.agent_id))
            ]
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            log.warning("bridge.unreadable", channel=name, error=type(error).__name__)
            return
        self._heard.pop(place, None)
        self._heard[place] = newest
        if len(self._heard) > _REMEMBERED_PLACES:
            # Each start of a process is an origin of its own: the one that was silent for longest is most likely gone.
            del self._heard[next(iter(self._heard))]
        if last is not None and message.number > last + 1:
            self._gap("missed messages")
        for event in events:
            self._relay(event)

    def _relay(self, event: object) -> None:
        if isinstance(event, SignalReceived):
            # Monotonic clocks of two machines have nothing in common.
            event = replace(event, received_monotonic=self._clock.monotonic())
        self._relayed = event
        try:
            self._publish(event)
        finally:
            self._relayed = None

    def _gap(self, why: str) -> None:
        log.warning("bridge.gap", why=why)
        if self._on_gap is not None:
            self._on_gap()


def _channel_of(event: BridgedEvent) -> str:
    return CHANNELS[type(event)]


def _agent_of(event: BridgedEvent) -> AgentId:
    assert isinstance(event, _BY_SHARD)
    return event.agent_id if isinstance(event, PositionClosed) else event.position.agent_id


def _message(origin: str, first: int, events: Sequence[BridgedEvent], *, owned: bool) -> _Message:
    if owned:
        whose = [
            _Owned(type(event).__name__, msgspec.Raw(encode_event(event)), _agent_of(event))
            for event in events
        ]
        return _Message(origin, first, OWNED, msgspec.Raw(_encoder.encode(whose)))
    ones = [_One(type(event).__name__, msgspec.Raw(encode_event(event))) for event in events]
    if len(ones) == 1:
        return _Message(origin, first, ones[0].type, ones[0].event)
    return _Message(origin, first, SEVERAL, msgspec.Raw(_encoder.encode(ones)))


def _events_of(message: _Message) -> Sequence[_One | _Owned]:
    if message.type == OWNED:
        return _owned.decode(message.event)
    if message.type == SEVERAL:
        return _several.decode(message.event)
    return [_One(message.type, message.event)]
