"""Who calls: the address of the connection, or the one that proxies of ours tell about."""

from __future__ import annotations

import hmac

import structlog
from starlette.types import Scope

from nexgent.shared.addresses import MACHINE, NO_NETWORKS, Networks, parse_address

log = structlog.get_logger(__name__)

MACHINE_KEY_HEADER = "X-Nexgent-Machine-Key"
_FORWARDED = b"x-forwarded-for"
_MACHINE_KEY = MACHINE_KEY_HEADER.lower().encode()


class ClientAddresses:
    """Finds the caller's address in a request.

    Anybody may write an `X-Forwarded-For`. Each proxy appends the address it was called from, so the list is walked from its
    right end: one step for each proxy, at most as many as there are, and only as long as the address reached is one of theirs.
    Who sends `machine_key`, which stands in the data folder, is this machine, whatever the address: so what strangers do from the
    same address never keeps out a command.
    """

    def __init__(self, proxies: int = 0, networks: Networks = NO_NETWORKS, machine_key: str = "") -> None:
        self._proxies = proxies
        self._networks = networks
        self._machine_key = machine_key.encode()
        self._told = False

    def __call__(self, scope: Scope) -> str:
        """Return the address in its usual spelling, or an empty text where there is none."""
        if self._machine_key and self._from_machine(scope):
            return MACHINE
        client = scope.get("client")
        peer = _usual(str(client[0])) if client else ""
        if not self._proxies:
            return peer
        forwarded = [value for name, value in scope["headers"] if name == _FORWARDED]
        if not forwarded:
            return peer
        return self._behind_proxies(peer, b",".join(forwarded).decode("latin-1").split(","))

    def _from_machine(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == _MACHINE_KEY:
                return hmac.compare_digest(value, self._machine_key)
        return False

    def _behind_proxies(self, peer: str, hops: list[str]) -> str:
        if peer not in self._networks and not self._told:
            self._told = True
            log.warning(
                "proxy.not_listed",
                peer=peer,
                hint="its X-Forwarded-For is not believed; list your proxy in TRUSTED_PROXY_NETWORKS",
            )
        address = peer
        for hop in hops[: -self._proxies - 1 : -1]:
            if address not in self._networks or (before := parse_address(hop)) is None:
                break
            address = str(before)
        return address


def _usual(text: str) -> str:
    # Almost all are plain IPv4 already.
    if ":" not in text:
        return text
    address = parse_address(text)
    return text[:64] if address is None else str(address)
