"""Where a request about an account comes from."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.shared.addresses import neighbourhood

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
        return neighbourhood(self.address) or "unknown"


def _storable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


UNKNOWN_ORIGIN = Origin()
