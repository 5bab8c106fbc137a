"""Tickets in Redis, where every process finds them."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from redis.exceptions import RedisError

from nexgent.domain.users.socket_tickets import TicketHolder
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.shared.errors import UnavailableError

_holders = msgspec.json.Decoder(TicketHolder)


class TicketsUnavailableError(UnavailableError):
    """Redis did not answer."""

    code = "TICKETS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("WebSocket tickets are not available at present; try again shortly")


class RedisTicketStore:
    """Implements `TicketStore`. Key: `{prefix}ws_ticket:{hash}`, which Redis drops after the ticket's life.

    Commands have no deadline here: the client for requests has one.
    """

    def __init__(self, redis: ImpatientRedis, prefix: str) -> None:
        self._redis = redis
        self._prefix = f"{prefix}ws_ticket:"

    async def put(self, ticket_hash: str, holder: TicketHolder, lifetime: timedelta) -> None:
        """Keep a ticket for so long."""
        try:
            await self._redis.set(self._prefix + ticket_hash, msgspec.json.encode(holder), ex=lifetime)
        except (RedisError, OSError, TimeoutError) as error:
            raise TicketsUnavailableError from error

    async def take(self, ticket_hash: str) -> TicketHolder | None:
        """Return a ticket's holder and forget the ticket, both in one transaction of the server."""
        name = self._prefix + ticket_hash
        try:
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(name)
            pipeline.delete(name)
            found, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise TicketsUnavailableError from error
        if found is None:
            return None
        try:
            return _holders.decode(found)
        except msgspec.MsgspecError:
            return None
