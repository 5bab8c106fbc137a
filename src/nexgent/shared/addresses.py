"""Network addresses as they are written in connections and headers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
MACHINE = "this machine"
"""In the place of an address: a command that proved that it may read the data folder. No connection and no header has it, as it
is no address."""
EVERYWHERE = frozenset({str(IPv4Address(0)), str(IPv6Address(0))})
"""What a server is told to listen at when it shall be reached at every address of the machine."""
_LONGEST = 64


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """Return an address, or None for what is none. Brackets, a port and a zone are dropped; IPv4 inside IPv6 is IPv4."""
    text = text.strip().strip('"')
    if len(text) > _LONGEST:
        return None
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not (rest[0] == ":" and rest[1:].isascii() and rest[1:].isdigit())):
            return None
        text = host
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not (port.isascii() and port.isdigit()):
            return None
        text = host
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def neighbourhood(text: str) -> str:
    """Return whom limits per address count together: an IPv4 address, or the /64 one IPv6 user has."""
    address = parse_address(text)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address) >> 64 << 64, 64)))
    return text if address is None else str(address)


def is_this_machine(text: str) -> bool:
    """Tell whether an address is that of a caller on the machine itself."""
    address = parse_address(text)
    return text == MACHINE or (address is not None and address.is_loopback)


# Addresses that stand for others: what is behind them is somebody else's to say (6to4, Teredo, NAT64, translated IPv4). And the
# private networks of the first years of IPv6, which Python takes for public.
_DISGUISES = tuple(
    ip_network(one)
    for one in (
        "2002::/16",
        "2001::/32",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "::/96",
        "::ffff:0:0:0/96",
        "fec0::/10",
    )
)


def is_public(text: str) -> bool:
    """Tell whether an address is one of the internet: not of this machine or of a private network, and nothing in disguise."""
    address = parse_address(text)
    if address is None or address.is_multicast or not address.is_global:
        return False
    return not any(address.version == one.version and address in one for one in _DISGUISES)


@dataclass(frozen=True, slots=True)
class Networks:
    """A list of networks. Raises `ValueError` for what is none."""

    listed: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Networks:
        """Read addresses and networks separated by commas or blanks."""
        return cls.of(text.replace(",", " ").split())

    @classmethod
    def of(cls, given: Iterable[str]) -> Networks:
        """Check each and keep its usual spelling."""
        return cls(tuple(str(ip_network(one, strict=False)) for one in given))

    def __contains__(self, text: str) -> bool:
        return bool(self.listed) and _within(text, self.listed)


NO_NETWORKS = Networks(())


@lru_cache(maxsize=4096)
def _within(text: str, listed: tuple[str, ...]) -> bool:
    address = parse_address(text)
    return address is not None and any(address in ip_network(one) for one in listed)
