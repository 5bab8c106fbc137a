"""What happened to positions. Each event carries the whole new state and is published after the record is durable."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.domain.positions.models import CloseReason, Position, PositionTrail
from nexgent.shared.structs import as_struct
from nexgent.shared.types import AgentId, PositionId, TokenAddress, WalletAddress


@as_struct
@dataclass(frozen=True, slots=True)
class PositionOpened:
    """A purchase was recorded."""

    position: Position
    trail: PositionTrail


@as_struct
@dataclass(frozen=True, slots=True)
class PositionUpdated:
    """A trade changed the position, or a price moved its stop or peak."""

    position: Position
    trail: PositionTrail


@as_struct
@dataclass(frozen=True, slots=True)
class PositionClosed:
    """The position is flat, or its wallet was reset (`reason` is then None)."""

    position_id: PositionId
    agent_id: AgentId
    wallet_address: WalletAddress
    token_address: TokenAddress
    reason: CloseReason | None
    version: int = 0
    """One more than the last the position had, so that nothing said about it before is newer."""
