"""The limits of connections, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from nexgent.shared.addresses import NO_NETWORKS, Networks


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What one connection, one address and all of them together may take. Sizes in bytes, times in seconds."""

    header_bytes: int = 64 * 1024
    """Of one request's first line and headers together."""
    headers: int = 100
    url_bytes: int = 16 * 1024
    pipelined: int = 32
    """Requests that may wait behind the one being answered on the same connection."""
    raw_body_bytes: int = 8 * 1024 * 1024
    """Of a body with what frames it: a body of one-byte chunks takes six times its size."""
    header_seconds: float = 10.0
    """From a connection, or the first byte of a request, to the end of its headers."""
    body_seconds: float = 30.0
    keep_alive_seconds: float = 75.0
    send_seconds: float = 60.0
    """How long a client may take for the next 64 KiB of what is sent to it."""
    connections: int = 2048
    connections_per_address: int = 256
    reserve: int = 32
    """Connections beyond these, which get an answer to health checks only."""
    frames_per_second: int = 20
    frame_bytes_per_second: int = 32 * 1024
    exempt: Networks = NO_NETWORKS
    """Reverse proxies, whose address stands for many."""
