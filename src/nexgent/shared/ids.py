"""Ids. Those of things that must happen at most once are derived from their cause."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from uuid import UUID, SafeUUID

from nexgent.shared.types import AgentId, IntentId, PositionId, SignalId

_NAMESPACE = UUID("6a0cbf0e-54c8-4a0c-9f0e-0a7c0f3f9b11")
_NAMED = sha1(_NAMESPACE.bytes, usedforsecurity=False)
# Where an id says its version (RFC 9562), and the bits that give way to that.
_VERSION_4 = 4 << 76 | 0b10 << 62
_VERSION_5 = 5 << 76 | 0b10 << 62
_VERSION_7 = 7 << 76 | 0b10 << 62
_GIVEN = 0xF << 76 | 0b11 << 62
_BYTES = 16
_TIMELESS_BYTES = 10
_AFTER_TIME = 8 * _TIMELESS_BYTES
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ALL_TIME = (1 << 8 * (_BYTES - _TIMELESS_BYTES)) - 1
_IDS_AT_ONCE = 64
# A number times this is that number in each of the ids that are taken at once, side by side.
_IN_EACH = sum(1 << 8 * _BYTES * place for place in range(_IDS_AT_ONCE))
# Its own initialiser looks at six ways to say what an id is, and at the range of each.
_set_number, _set_safety = UUID.int.__set__, UUID.is_safe.__set__  # type: ignore[attr-defined, misc]  # Slots, to the interpreter.


def _plain_id(number: bytes) -> UUID:
    made = UUID.__new__(UUID)
    _set_number(made, int.from_bytes(number, "big"))
    _set_safety(made, SafeUUID.unknown)
    return made


class _Maker:
    """Who makes the ids of this process, of sixteen bytes."""

    make: Callable[[bytes], UUID] = staticmethod(_plain_id)


def install_id_type(make: Callable[[bytes], UUID]) -> None:
    """Have the ids of this process made by somebody else, of sixteen bytes: equal to a `UUID` of them, whoever compares.

    A trade looks ids up some forty times, and the standard library's are hashed, compared and spelled by Python code.
    """
    _Maker.make = staticmethod(make)


_random: list[bytes] = []
# What a process has taken is not its fork's.
os.register_at_fork(after_in_child=_random.clear)


def new_id() -> UUID:
    """Return a random id: `uuid4`, whose bytes are taken from the system for some ids at once. For secrets it is not made."""
    while True:
        try:
            # One step, so no two threads get the same.
            return _Maker.make(_random.pop())
        except IndexError:
            size = _IDS_AT_ONCE * _BYTES
            bits = int.from_bytes(os.urandom(size), "big") & ~(_GIVEN * _IN_EACH) | _VERSION_4 * _IN_EACH
            taken = bits.to_bytes(size, "big")
            _random.extend(taken[at : at + _BYTES] for at in range(0, size, _BYTES))


def derived_id(*parts: object) -> UUID:
    """Return the same id for the same parts, always: `uuid5`, which by itself takes longer than deciding on a trade."""
    return _Maker.make((_named(parts, _BYTES) | _VERSION_5).to_bytes(_BYTES, "big"))


def derived_at(moment: datetime, *parts: object) -> UUID:
    """Return the same id for the same millisecond and parts, always; later ones sort behind earlier ones.

    An index on ids that are in order is added to at its end. Where they are anywhere, each new row of a year's table reads a
    page of each index from the disk. It has the form of `uuid7` (RFC 9562), whose random bits are those of the name.
    """
    milliseconds = (moment - _EPOCH) // _MILLISECOND & _ALL_TIME
    bits = milliseconds << _AFTER_TIME | _named(parts, _TIMELESS_BYTES) | _VERSION_7
    return _Maker.make(bits.to_bytes(_BYTES, "big"))


def _named(parts: tuple[object, ...], size: int) -> int:
    """Return so many bytes of what these parts come to by their name, with room for the version."""
    named = _NAMED.copy()
    # Mostly a kind and one id.
    name = f"{parts[0]}:{parts[1]}" if len(parts) == 2 else ":".join(map(str, parts))
    named.update(name.encode())
    return int.from_bytes(named.digest()[:size], "big") & ~_GIVEN


def purchase_intent_id(agent_id: AgentId, signal_id: SignalId) -> IntentId:
    """Return the one intent an agent can have for a signal."""
    return IntentId(derived_id("buy", agent_id, signal_id))


def late_intent_id(intent_id: IntentId) -> IntentId:
    """Return the one intent under which a swap is booked that was called expired and had landed."""
    return IntentId(derived_id("late", intent_id))


def position_intent_id(position_id: PositionId, cause: str, generation: int) -> IntentId:
    """Return the one intent for an operation on a position: its cause and how many operations came before it."""
    return IntentId(derived_id("position", position_id, cause, generation))
