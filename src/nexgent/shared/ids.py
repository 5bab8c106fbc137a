"""Ids. Those of things that must happen at most once are derived from their cause."""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID, uuid4

from nexgent.shared.types import AgentId, IntentId, PositionId, SignalId

_NAMESPACE = UUID("6a0cbf0e-54c8-4a0c-9f0e-0a7c0f3f9b11")
_NAMED = sha1(_NAMESPACE.bytes, usedforsecurity=False)
# Where an id of version 5 says so (RFC 9562), and the bits of the hash that give way to it.
_VERSION_5 = 5 << 76 | 0b10 << 62
_HASHED = ~(0xF << 76 | 0b11 << 62)


def new_id() -> UUID:
    """Return a random id."""
    return uuid4()


def derived_id(*parts: object) -> UUID:
    """Return the same id for the same parts, always: `uuid5`, which by itself takes longer than deciding on a trade."""
    named = _NAMED.copy()
    named.update(":".join(map(str, parts)).encode())
    number = int.from_bytes(named.digest()[:16], "big")
    return UUID(int=number & _HASHED | _VERSION_5)


def purchase_intent_id(agent_id: AgentId, signal_id: SignalId) -> IntentId:
    """Return the one intent an agent can have for a signal."""
    return IntentId(derived_id("buy", agent_id, signal_id))


def late_intent_id(intent_id: IntentId) -> IntentId:
    """Return the one intent under which a swap is booked that was called expired and had landed."""
    return IntentId(derived_id("late", intent_id))


def position_intent_id(position_id: PositionId, cause: str, generation: int) -> IntentId:
    """Return the one intent for an operation on a position: its cause and how many operations came before it."""
    return IntentId(derived_id("position", position_id, cause, generation))
