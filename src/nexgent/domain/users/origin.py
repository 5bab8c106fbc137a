"""Where a request about an account comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

MAX_USER_AGENT_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Origin:
    """The address of a caller and what its program calls itself. Both are for people; the network is for counting."""

    address: str = ""
    user_agent: str = ""

    def __post_init__(self) -> None:
        """Keep what a client chooses within bounds, and storable."""
        object.__setattr__(self, "address", _storable(self.address)[:64])
        object.__setattr__(self, "user_agent", _storable(self.user_agent)[:MAX_USER_AGENT_LENGTH])

    @property
    def network(self) -> str:
        """Return whom the address stands for: itself, or the /64 that one customer of a provider has of IPv6."""
        return _network(self.address)


def _storable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        # Nothing that came over a network; still a name to count under.
        return address or "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), 64), strict=False))


UNKNOWN_ORIGIN = Origin()
