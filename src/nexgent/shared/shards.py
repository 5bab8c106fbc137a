"""Shards: what of an installation one engine does and another one does not. An agent and all its wallets are in one shard.

By the agent and not by each wallet: a signal makes an agent trade at most once, whichever of its wallets it trades with at that
moment, and what its wallets do is seen by one process. A set of shards is an integer with a bit for each, number 0 the lowest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zlib import crc32

from nexgent.shared.types import AgentId

SHARDS = 64
ALL_SHARDS = (1 << SHARDS) - 1
NO_SHARDS = 0


def shard_of(agent_id: AgentId) -> int:
    """Return the shard of an agent, 0 to 63: the CRC-32 (of zip and Ethernet) of its id's 16 bytes, modulo 64.

    It never changes: engines of two versions have to agree on it.
    """
    return crc32(agent_id.bytes) % SHARDS


def is_in(shards: int, agent_id: AgentId) -> bool:
    """Tell whether a set has the shard of an agent."""
    return shards == ALL_SHARDS or bool(shards >> shard_of(agent_id) & 1)


def shards_of(agent_ids: Iterable[AgentId]) -> int:
    """Return the set of the shards that agents are in."""
    shards = NO_SHARDS
    for agent_id in agent_ids:
        shards |= 1 << shard_of(agent_id)
    return shards


def numbers_of(shards: int) -> Iterator[int]:
    """Return the numbers of the shards of a set, the lowest first."""
    return (number for number in range(SHARDS) if shards >> number & 1)


def lowest(shards: int, count: int) -> int:
    """Return so many of a set, the lowest ones; all of them when there are no more."""
    chosen = NO_SHARDS
    for number in numbers_of(shards):
        if count <= 0:
            break
        chosen |= 1 << number
        count -= 1
    return chosen


def highest(shards: int, count: int) -> int:
    """Return so many of a set, the highest ones; all of them when there are no more."""
    return shards & ~lowest(shards, shards.bit_count() - count)
