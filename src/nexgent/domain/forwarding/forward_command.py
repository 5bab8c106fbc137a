"""Have the engine of an agent carry a request out, and hand on what it answers.

A command is given to another engine only when it is certain that the one before has not begun it and never will. What one has
taken and says nothing about is never repeated: the caller is told to look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import structlog

from nexgent.domain.forwarding.errors import EngineBusyError, EngineUnreachableError, OutcomeUnknownError
from nexgent.domain.forwarding.models import Answer, Command, EngineAddress, NotBegun
from nexgent.domain.forwarding.ports import CommandQueue, Engines, SentCommand
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError, UnavailableError
from nexgent.shared.types import AgentId

log = structlog.get_logger(__name__)

BEGIN_SECONDS = 5.0
"""A command that no engine has taken by then is taken back."""
ANSWER_SECONDS = 150.0
"""How long an engine that has taken a command is waited for: longer than a swap is, until the chain has decided."""
AWAY_SECONDS = 10.0
"""How long a way that is interrupted is waited for while an engine is at work."""
MOVING_SECONDS = 3.0
"""How long the next engine is looked for, once one has not begun a command."""
LOOK_SECONDS = 0.5
PAUSE_SECONDS = 0.1


class ForwardCommand:
    """`own` says which engine this process is, if it is one, and `here` carries a command out in it.

    `told` hears what became of each command: `answered`, `not_begun`, `busy`, `unreachable`, `unknown`.
    """

    def __init__(
        self,
        *,
        engines: Engines,
        queue: CommandQueue,
        own: Callable[[], EngineAddress | None],
        here: Callable[[Command], Awaitable[Answer | NotBegun]],
        clock: Clock,
        pause: Callable[[float], Awaitable[None]],
        told: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        self._engines = engines
        self._queue = queue
        self._own = own
        self._here = here
        self._clock = clock
        self._pause = pause
        self._told = told

    async def execute(self, command: Command, agent_id: AgentId | None) -> Answer | None:
        """Return the engine's answer; None when nobody trades for the agent at present: nothing has begun then.

        Raises `EngineUnreachableError` and `EngineBusyError` (nothing has begun), `OutcomeUnknownError`.
        """
        started, outcome = self._clock.monotonic(), "unknown"
        try:
            answer = await self._somewhere(command, agent_id)
            outcome = "answered" if answer is not None else "not_begun"
            return answer
        except (EngineBusyError, EngineUnreachableError) as error:
            outcome = "busy" if isinstance(error, EngineBusyError) else "unreachable"
            raise
        finally:
            self._told(outcome)
            log.info(
                "command.forwarded",
                method=command.method,
                path=command.path,
                outcome=outcome,
                duration_ms=round((self._clock.monotonic() - started) * 1000, 3),
            )

    async def by_engine(self, agent_ids: Collection[AgentId | None]) -> list[list[AgentId | None]]:
        """Return these, those together that one engine trades for; those that nobody trades for are left out.

        Raises `UnavailableError`.
        """
        together: dict[EngineAddress, list[AgentId | None]] = {}
        for agent_id, engine in (await self._engines.engines_of(agent_ids)).items():
            together.setdefault(engine, []).append(agent_id)
        return list(together.values())

    async def _somewhere(self, command: Command, agent_id: AgentId | None) -> Answer | None:
        moving: float | None = None
        while True:
            try:
                engine = await self._engines.engine_of(agent_id)
            except UnavailableError:
                return None
            outcome: Answer | NotBegun = NotBegun.ELSEWHERE
            if engine is not None:
                mine = engine == self._own()
                outcome = await (self._here(command) if mine else self._ask(engine, command))
            if isinstance(outcome, Answer):
                return outcome
            # One that is stopped lets go when what it has begun has ended. Only then somebody else can have the shard.
            now = self._clock.monotonic()
            if moving is None:
                moving = now
            elif now - moving >= MOVING_SECONDS:
                return None
            await self._pause(PAUSE_SECONDS)

    async def _ask(self, engine: EngineAddress, command: Command) -> Answer | NotBegun:
        sent = await self._queue.send(engine, command, begin_within_seconds=BEGIN_SECONDS)
        try:
            return await self._outcome(engine, sent)
        finally:
            sent.close()

    async def _outcome(self, engine: EngineAddress, sent: SentCommand) -> Answer | NotBegun:
        began = heard = self._clock.monotonic()
        while True:
            try:
                outcome = await sent.outcome(LOOK_SECONDS)
                heard = self._clock.monotonic()
            except UnavailableError:
                outcome = None
                await self._pause(PAUSE_SECONDS)
            if outcome is not None:
                return outcome
            now = self._clock.monotonic()
            late = now - began >= (ANSWER_SECONDS if sent.taken else BEGIN_SECONDS)
            if not late and now - heard < AWAY_SECONDS and await self._lives(engine):
                continue
            if sent.taken:
                # It may have answered with the last it did.
                return await _last_words(sent)
            if await _withdrawn(sent):
                if late:
                    raise EngineBusyError
                return NotBegun.ELSEWHERE

    async def _lives(self, engine: EngineAddress) -> bool:
        try:
            return await self._engines.lives(engine)
        except UnavailableError:
            return True


async def _withdrawn(sent: SentCommand) -> bool:
    try:
        return await sent.withdraw()
    except UnavailableError as error:
        raise OutcomeUnknownError from error


async def _last_words(sent: SentCommand) -> Answer | NotBegun:
    try:
        outcome = await sent.outcome(LOOK_SECONDS)
    except NexgentError as error:
        raise OutcomeUnknownError from error
    if outcome is None:
        raise OutcomeUnknownError
    return outcome
