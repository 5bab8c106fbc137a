"""Errors of the positions package."""

from __future__ import annotations

from nexgent.shared.errors import ConflictError, NotFoundError
from nexgent.shared.types import PositionId


class PositionNotFoundError(NotFoundError):
    """No such open position."""

    code = "POSITION_NOT_FOUND"

    def __init__(self, position_id: PositionId) -> None:
        super().__init__("Position not found", positionId=str(position_id))


class PositionLockedError(ConflictError):
    """Another operation on the position is under way."""

    code = "POSITION_LOCKED"

    def __init__(self, position_id: PositionId) -> None:
        super().__init__(
            "Another operation on this position is in progress; try again shortly",
            positionId=str(position_id),
        )
