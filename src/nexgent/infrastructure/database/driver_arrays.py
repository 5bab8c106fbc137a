"""What the database's driver takes for an array: our own containers, told apart from what is in them at a glance."""

from __future__ import annotations

from collections import deque

from asyncpg.protocol import protocol

ARRAYS = (list, tuple, set, frozenset, deque)


def install_array_types() -> None:
    """Have the driver take these types for arrays, and whatever else is sent for a value.

    It asks of every element of every array whether it is an array itself, of an abstract class, which is Python code: a third of
    what sending lines of the journal took. A version of it that asks in another way goes on doing so.
    """
    if hasattr(protocol, "IterableABC"):
        protocol.IterableABC = ARRAYS
