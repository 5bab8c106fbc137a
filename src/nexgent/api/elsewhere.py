"""What each engine says to a request that looks at several agents: every one is asked once, as it came in.

An engine that is asked so answers of what it trades for and of nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import TypeVar

import msgspec
from fastapi import Request

from nexgent.api.deps import ApiServices
from nexgent.api.forwarding import FORWARDED_KEY, command_of
from nexgent.shared.errors import UnavailableError
from nexgent.shared.types import AgentId

T = TypeVar("T")


def is_asked_by_another(request: Request) -> bool:
    """Tell whether another process asks, which knows the rest by itself."""
    return FORWARDED_KEY in request.scope


async def words_of_engines(
    request: Request, services: ApiServices, agent_ids: Collection[AgentId | None]
) -> dict[AgentId | None, bytes]:
    """Return the body with which the engine of each of these agents has answered; those whose engine cannot be asked at present
    are left out."""
    forward = services.forward_command
    if forward is None or not agent_ids or is_asked_by_another(request):
        return {}
    command = command_of(request, request.scope["path"], b"", tagged=False)
    said: dict[AgentId | None, bytes] = {}

    async def ask(together: Collection[AgentId | None]) -> None:
        try:
            async with services.turns_to_ask:
                answer = await forward.execute(command, next(iter(together)))
        except UnavailableError:
            return
        if answer is not None and answer.status == 200:
            said.update(dict.fromkeys(together, answer.body))

    try:
        engines = await forward.by_engine(agent_ids)
    except UnavailableError:
        return {}
    await asyncio.gather(*map(ask, engines))
    return said


def understood(bodies: Iterable[bytes], decode: Callable[[bytes], T]) -> dict[bytes, T]:
    """Return what bodies say. Those that cannot be read are left out: their engines are of another version."""
    found: dict[bytes, T] = {}
    for body in set(bodies):
        with suppress(msgspec.MsgspecError):
            found[body] = decode(body)
    return found
