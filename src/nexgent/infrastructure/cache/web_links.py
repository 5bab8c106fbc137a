"""One-time links in Redis, where every process finds them. They are lost with it, and then made anew."""

from __future__ import annotations

from nexgent.domain.users.web_links import LinkHolder
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.single_use import SingleUseStore
from nexgent.shared.errors import UnavailableError


class LinksUnavailableError(UnavailableError):
    """Redis did not answer."""

    code = "LINKS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "One-time links are not available at present; log in with the password, or try again shortly"
        )


class RedisLinkStore(SingleUseStore[LinkHolder]):
    """Implements `LinkStore`. Key: `{prefix}web_link:{hash}`, which Redis drops after the link's life."""

    def __init__(self, redis: ImpatientRedis, prefix: str) -> None:
        super().__init__(redis, f"{prefix}web_link:", LinkHolder, LinksUnavailableError)
