"""Ids. Those of things that must happen at most once are derived from their cause."""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

from nexgent.shared.types import AgentId, IntentId, PositionId, SignalId

_NAMESPACE = UUID("6a0cbf0e-54c8-4a0c-9f0e-0a7c0f3f9b11")


def new_id() -> UUID:
    """Return a random id."""
    return uuid4()


def derived_id(*parts: object) -> UUID:
    """Return the same id for the same parts, always."""
    return uuid5(_NAMESPACE, ":".join(str(part) for part in parts))


def purchase_intent_id(agent_id: AgentId, signal_id: SignalId) -> IntentId:
    """Return the one intent an agent can have for a signal."""
    return IntentId(derived_id("buy", agent_id, signal_id))


def position_intent_id(position_id: PositionId, cause: str, generation: int) -> IntentId:
    """Return the one intent for an operation on a position: its cause and how many operations came before it."""
    return IntentId(derived_id("position", position_id, cause, generation))
