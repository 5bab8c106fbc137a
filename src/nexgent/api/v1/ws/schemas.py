"""Shapes of getting on the WebSocket."""

from __future__ import annotations

from pydantic import BaseModel


class TicketOut(BaseModel):
    """A ticket for one connection: `/ws?ticket=…&agentId=…`."""

    ticket: str
    expiresAt: str  # noqa: N815 -- the contract's style
