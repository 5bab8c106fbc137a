"""One-time links in Redis, where every process finds them. They are lost with it, and then made anew."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from redis.exceptions import RedisError

from nexgent.domain.users.web_links import LinkHolder
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.shared.errors import UnavailableError

_holders = msgspec.json.Decoder(LinkHolder)


class LinksUnavailableError(UnavailableError):
    """Redis did not answer."""

    code = "LINKS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "One-time links are not available at present; log in with the password, or try again shortly"
        )


class RedisLinkStore:
    """Implements `LinkStore`. Key: `{prefix}web_link:{hash}`, which Redis drops after the link's life.

    Commands have no deadline here: the client for requests has one.
    """

    def __init__(self, redis: ImpatientRedis, prefix: str) -> None:
        self._redis = redis
        self._prefix = f"{prefix}web_link:"

    async def put(self, link_hash: str, holder: LinkHolder, lifetime: timedelta) -> None:
        """Keep a link for so long."""
        try:
            await self._redis.set(self._prefix + link_hash, msgspec.json.encode(holder), ex=lifetime)
        except (RedisError, OSError, TimeoutError) as error:
            raise LinksUnavailableError from error

    async def take(self, link_hash: str) -> LinkHolder | None:
        """Return a link's holder and forget the link, both in one transaction of the server."""
        name = self._prefix + link_hash
        try:
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.get(name)
            pipeline.delete(name)
            found, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise LinksUnavailableError from error
        if found is None:
            return None
        try:
            return _holders.decode(found)
        except msgspec.MsgspecError:
            return None
