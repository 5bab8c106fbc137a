"""Tickets in Redis, where every process finds them."""

from __future__ import annotations

from nexgent.domain.users.socket_tickets import TicketHolder
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.single_use import SingleUseStore
from nexgent.shared.errors import UnavailableError


class TicketsUnavailableError(UnavailableError):
    """Redis did not answer."""

    code = "TICKETS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("WebSocket tickets are not available at present; try again shortly")


class RedisTicketStore(SingleUseStore[TicketHolder]):
    """Implements `TicketStore`. Key: `{prefix}ws_ticket:{hash}`, which Redis drops after the ticket's life."""

    def __init__(self, redis: ImpatientRedis, prefix: str) -> None:
        super().__init__(redis, f"{prefix}ws_ticket:", TicketHolder, TicketsUnavailableError)
