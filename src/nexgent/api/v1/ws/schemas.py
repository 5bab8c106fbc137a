"""Shapes of getting on the WebSocket."""

from __future__ import annotations

from nexgent.api.http.models import ApiModel
from nexgent.api.http.types import Instant


class TicketOut(ApiModel):
    """A ticket for one connection: `/ws?ticket=…&agentId=…`."""

    ticket: str
    expires_at: Instant
