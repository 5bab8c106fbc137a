"""One-time links in Redis, where every process finds them. They are lost with it, and then made anew."""

from __future__ import annotations

from nexgent.domain.users.web_links import LinkHolder
from nexgent.infrastructure.cache.impatient import ImpatientRedis
from nexgent.infrastructure.cache.single_use import SingleUseStore
from nexgent.infrastructure.security.sealing import Sealer
from nexgent.shared.errors import UnavailableError


class LinksUnavailableError(UnavailableError):
    """Redis did not answer."""

    code = "LINKS_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__(
            "One-time links are not available at present; log in with the password, or try again shortly"
        )


class RedisLinkStore(SingleUseStore[LinkHolder]):
    """Implements `LinkStore`. Key: `{prefix}web_link:{hash}`, which Redis drops after the link's life.

    A link is a session of somebody. What is kept is sealed with the installation's secret, for this link alone, so that who can
    write to Redis cannot log in as anybody.
    """

    def __init__(self, redis: ImpatientRedis, prefix: str, sealer: Sealer) -> None:
        super().__init__(redis, f"{prefix}web_link:", LinkHolder, LinksUnavailableError)
        self._sealer = sealer

    def _encoded(self, secret_hash: str, holder: LinkHolder) -> bytes:
        return self._sealer.seal(secret_hash.encode(), super()._encoded(secret_hash, holder))

    def _decoded(self, secret_hash: str, kept: bytes) -> LinkHolder | None:
        opened = self._sealer.open(secret_hash.encode(), kept)
        return super()._decoded(secret_hash, opened) if opened is not None else None
