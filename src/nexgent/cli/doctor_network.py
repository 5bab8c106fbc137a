"""What `nexgent doctor` says about who reaches the service, and whose word it takes for where a request comes from."""

from __future__ import annotations

from ipaddress import ip_network

from nexgent.config.sections import ServerSettings
from nexgent.shared.addresses import EVERYWHERE
from nexgent.shared.findings import Finding, Verdict

LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
_NAME = "network"


def network(server: ServerSettings) -> Finding:
    """Explain HOST and the proxies."""
    count, listed = server.trusted_proxies, server.proxies.listed
    if server.host in LOCAL:
        who = f"listens on {server.host}: only this machine reaches the service"
    elif server.host in EVERYWHERE:
        who = f"listens on every interface ({server.host}): whoever reaches this machine reaches the service"
    else:
        who = f"listens on {server.host}: whoever reaches this address reaches the service"
    if count:
        who += f"; X-Forwarded-For is believed of {count} hop(s) through {', '.join(listed)}"
        if any(ip_network(one).prefixlen == 0 for one in listed):
            advice = "List your proxies only: anybody can pretend to be somebody else, and pass the limits"
            return Finding(_NAME, Verdict.WARN, who, advice)
        return Finding(_NAME, Verdict.OK, who)
    who += "; X-Forwarded-For is not believed"
    if server.host in LOCAL:
        return Finding(_NAME, Verdict.OK, who)
    advice = (
        "Put a reverse proxy with TLS in front, and set TRUSTED_PROXIES=1 and TRUSTED_PROXY_NETWORKS to its address; "
        "or listen on this machine alone with HOST=127.0.0.1"
    )
    return Finding(_NAME, Verdict.WARN, who, advice)
