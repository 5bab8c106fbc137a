"""What is mirrored: everything at one instant, and the events that change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nexgent.domain.agents.events import AgentDeleted, AgentSaved
from nexgent.domain.agents.models import Agent
from nexgent.domain.ledger.events import EntriesRecorded, WalletsRead
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.events import PositionClosed, PositionOpened, PositionUpdated
from nexgent.domain.positions.models import Position, PositionTrail
from nexgent.domain.prices.events import PricesChanged
from nexgent.domain.prices.models import TokenPrice

MirroredEvent = (
    EntriesRecorded
    | WalletsRead
    | PositionOpened
    | PositionUpdated
    | PositionClosed
    | AgentSaved
    | AgentDeleted
    | PricesChanged
)


@dataclass(frozen=True, slots=True)
class MirrorContent:
    """Everything that belongs into Redis, at one instant: all of it, or what is of some shards.

    Prices are of shard 0: whoever has it asks for them.
    """

    states: Sequence[WalletState]
    agents: Sequence[Agent]
    positions: Sequence[tuple[Position, PositionTrail]]
    prices: Sequence[TokenPrice]
