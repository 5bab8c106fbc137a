"""A command is carried out by one engine, or by none, or nobody says so and it is not repeated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from nexgent.domain.forwarding.errors import EngineBusyError, EngineUnreachableError, OutcomeUnknownError
from nexgent.domain.forwarding.forward_command import (
    ANSWER_SECONDS,
    AWAY_SECONDS,
    BEGIN_SECONDS,
    MOVING_SECONDS,
    ForwardCommand,
)
from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId
from tests.fakes.clock import FakeClock

AGENT = AgentId(UUID(int=7))
FIRST, SECOND, OWN = (EngineAddress(row=row, epoch=10 + row) for row in (2, 3, 4))
COMMAND = Command(
    method="POST",
    path="/api/v1/trades/execute",
    query=b"",
    headers=(),
    body=b"{}",
    address="",
    request_id="r",
)
ANSWER = Answer(200, (), b"done")
Step = Answer | NotBegun | UnavailableError | str | None


@dataclass
class FakeSent:
    """What becomes of a command, look by look; `taken` is a look at which the engine has taken it. The last look goes on."""

    clock: FakeClock
    looks: list[Step]
    taken: bool = False
    withdrawn: bool | UnavailableError = True
    closed: bool = False

    async def outcome(self, seconds: float) -> Answer | NotBegun | None:
        self.clock.advance(seconds)
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, UnavailableError):
            raise look
        if isinstance(look, str):
            self.taken = True
            return None
        return look

    async def withdraw(self) -> bool:
        if isinstance(self.withdrawn, UnavailableError):
            raise self.withdrawn
        self.taken = not self.withdrawn
        return self.withdrawn

    def close(self) -> None:
        self.closed = True


@dataclass
class World:
    """Engines as the database says they are, one after the other, and what each does with a command."""

    holders: list[EngineAddress | UnavailableError | None]
    sent: dict[EngineAddress, FakeSent | UnavailableError] = field(default_factory=dict)
    alive: Callable[[EngineAddress], bool] = lambda _engine: True
    here: Answer | NotBegun = NotBegun.ELSEWHERE
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[EngineAddress] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def engine_of(self, agent_id: AgentId | None) -> EngineAddress | None:
        assert agent_id == AGENT
        holder = self.holders.pop(0) if len(self.holders) > 1 else self.holders[0]
        if isinstance(holder, UnavailableError):
            raise holder
        return holder

    async def engines_of(
        self, agent_ids: Collection[AgentId | None]
    ) -> Mapping[AgentId | None, EngineAddress]:
        holders = [one for one in self.holders if isinstance(one, EngineAddress)]
        return {one: holders[number % 2] for number, one in enumerate(agent_ids) if one != AGENT}

    async def lives(self, engine: EngineAddress) -> bool:
        return self.alive(engine)

    async def send(self, engine: EngineAddress, command: Command, *, begin_within_seconds: float) -> FakeSent:
        assert (command, begin_within_seconds) == (COMMAND, BEGIN_SECONDS)
        self.asked.append(engine)
        sent = self.sent[engine]
        if isinstance(sent, UnavailableError):
            raise sent
        return sent

    async def pause(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def carried_out(self, command: Command) -> Answer | NotBegun:
        assert command == COMMAND
        self.asked.append(OWN)
        return self.here

    def engine(
        self, engine: EngineAddress, looks: Sequence[Step], *, withdrawn: bool | UnavailableError = True
    ) -> FakeSent:
        made = self.sent[engine] = FakeSent(self.clock, list(looks), withdrawn=withdrawn)
        return made

    def use_case(self) -> ForwardCommand:
        return ForwardCommand(
            engines=self,
            queue=self,
            own=lambda: OWN,
            here=self.carried_out,
            clock=self.clock,
            pause=self.pause,
            told=self.told.append,
        )

    async def forward(self) -> Answer | None:
        return await self.use_case().execute(COMMAND, AGENT)


async def test_the_engine_answers() -> None:
    world = World([FIRST])
    sent = world.engine(FIRST, [None, "taken", ANSWER])

    assert await world.forward() == ANSWER
    assert (world.asked, world.told, sent.closed) == ([FIRST], ["answered"], True)


async def test_an_answer_is_waited_for_as_long_as_a_swap_takes() -> None:
    world = World([FIRST])
    world.engine(FIRST, ["taken", *[None] * 200, ANSWER])

    assert await world.forward() == ANSWER


@pytest.mark.parametrize("said", [NotBegun.ELSEWHERE, NotBegun.LATE])
async def test_an_engine_whose_shard_has_moved_is_followed_by_the_next_one(said: NotBegun) -> None:
    world = World([FIRST, SECOND])
    world.engine(FIRST, [said])
    world.engine(SECOND, [ANSWER])

    assert await world.forward() == ANSWER
    assert world.asked == [FIRST, SECOND]


async def test_an_engine_that_dies_before_it_takes_a_command_is_followed_by_the_next_one() -> None:
    world = World([FIRST, SECOND], alive=lambda engine: engine != FIRST)
    world.engine(FIRST, [None])
    world.engine(SECOND, [ANSWER])

    assert await world.forward() == ANSWER
    assert world.asked == [FIRST, SECOND]


async def test_the_next_engine_is_looked_for_from_when_the_first_one_has_let_go() -> None:
    """It is stopped, takes nothing more and ends what it has begun; whoever follows it has its shards a second later."""
    world = World(
        [FIRST, None, None, SECOND], alive=lambda _: world.clock.monotonic() - began < BEGIN_SECONDS - 1
    )
    began = world.clock.monotonic()
    world.engine(FIRST, [None])
    world.engine(SECOND, [ANSWER])

    assert await world.forward() == ANSWER
    assert world.asked == [FIRST, SECOND]


async def test_what_an_engine_has_taken_is_given_to_no_other_one() -> None:
    world = World([FIRST, SECOND], alive=lambda engine: engine != FIRST)
    world.engine(FIRST, ["taken", None])

    with pytest.raises(OutcomeUnknownError):
        await world.forward()
    assert (world.asked, world.told) == ([FIRST], ["unknown"])


async def test_an_engine_that_takes_a_command_at_the_last_moment_has_it() -> None:
    world = World([FIRST, SECOND], alive=lambda engine: engine != FIRST)
    world.engine(FIRST, [None, None], withdrawn=False)

    with pytest.raises(OutcomeUnknownError):
        await world.forward()
    assert world.asked == [FIRST]


async def test_the_last_words_of_an_engine_are_heard() -> None:
    world = World([FIRST], alive=lambda _engine: False)
    world.engine(FIRST, ["taken", ANSWER])

    assert await world.forward() == ANSWER


async def test_an_engine_that_takes_nothing_is_busy_and_does_not_begin_later() -> None:
    world = World([FIRST])
    world.engine(FIRST, [None])
    began = world.clock.monotonic()

    with pytest.raises(EngineBusyError):
        await world.forward()
    assert BEGIN_SECONDS <= world.clock.monotonic() - began < BEGIN_SECONDS + 1
    assert world.told == ["busy"]


async def test_an_answer_that_never_comes_is_not_waited_for_for_ever() -> None:
    world = World([FIRST])
    world.engine(FIRST, ["taken"])
    began = world.clock.monotonic()

    with pytest.raises(OutcomeUnknownError):
        await world.forward()
    assert ANSWER_SECONDS <= world.clock.monotonic() - began < ANSWER_SECONDS + 2


@pytest.mark.parametrize("taken", [True, False])
async def test_a_way_that_is_interrupted_leaves_the_outcome_unknown(taken: bool) -> None:
    world = World([FIRST, SECOND])
    away = EngineUnreachableError()
    world.engine(FIRST, ["taken", away] if taken else [away], withdrawn=away)
    began = world.clock.monotonic()

    with pytest.raises(OutcomeUnknownError):
        await world.forward()
    assert world.clock.monotonic() - began < AWAY_SECONDS + 2
    assert world.asked == [FIRST]


@pytest.mark.parametrize("error", [EngineUnreachableError(), EngineBusyError(), OutcomeUnknownError()])
async def test_what_cannot_be_sent_is_told(error: UnavailableError) -> None:
    world = World([FIRST])
    world.sent[FIRST] = error

    with pytest.raises(type(error)):
        await world.forward()


async def test_without_an_engine_nothing_is_done() -> None:
    world = World([None])
    began = world.clock.monotonic()

    assert await world.forward() is None
    assert world.clock.monotonic() - began < MOVING_SECONDS + 1
    assert (world.asked, world.told) == ([], ["not_begun"])


async def test_an_engine_that_comes_meanwhile_is_asked() -> None:
    world = World([None, None, FIRST])
    world.engine(FIRST, [ANSWER])

    assert await world.forward() == ANSWER


async def test_a_database_that_is_away_is_no_reason_to_wait() -> None:
    world = World([UnavailableError("away")])

    assert await world.forward() is None
    assert world.asked == []


async def test_a_shard_that_has_come_here_is_served_here() -> None:
    world = World([FIRST, OWN], here=ANSWER)
    world.engine(FIRST, [NotBegun.ELSEWHERE])

    assert await world.forward() == ANSWER
    assert world.asked == [FIRST, OWN]


async def test_agents_of_one_engine_are_named_together() -> None:
    world = World([FIRST, SECOND])
    others = [AgentId(UUID(int=number)) for number in (1, 2, 3)]

    assert await world.use_case().by_engine([*others, None, AGENT]) == [
        [others[0], others[2]],
        [others[1], None],
    ]
