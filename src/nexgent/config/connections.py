"""The settings of connections: how many, how large, how slow."""

from __future__ import annotations

from nexgent.config.section import Section, setting

_SECONDS = "a number of seconds from 1 to 3600"


class ConnectionSettings(Section):
    """What one connection, one address, one user and all together may take."""

    max_connections: int = setting(
        "MAX_CONNECTIONS", default=2048, allowed="a whole number from 16 to 65536", ge=16, le=65_536
    )
    max_connections_per_address: int = setting(
        "MAX_CONNECTIONS_PER_ADDRESS",
        default=256,
        allowed="a whole number from 4 to 65536",
        ge=4,
        le=65_536,
    )
    header_bytes: int = setting(
        "HTTP_HEADER_BYTES",
        default=65_536,
        allowed="a whole number of bytes from 4096 to 1048576",
        ge=4096,
        le=1_048_576,
    )
    headers: int = setting(
        "HTTP_HEADERS", default=100, allowed="a whole number from 20 to 1000", ge=20, le=1000
    )
    url_bytes: int = setting(
        "HTTP_URL_BYTES",
        default=16_384,
        allowed="a whole number of bytes from 1024 to 65536",
        ge=1024,
        le=65_536,
    )
    header_seconds: float = setting(
        "HTTP_HEADER_SECONDS", default=10.0, allowed=_SECONDS, ge=1, le=3600, allow_inf_nan=False
    )
    body_seconds: float = setting(
        "HTTP_BODY_SECONDS", default=30.0, allowed=_SECONDS, ge=1, le=3600, allow_inf_nan=False
    )
    keep_alive_seconds: float = setting(
        "HTTP_KEEP_ALIVE_SECONDS", default=75.0, allowed=_SECONDS, ge=1, le=3600, allow_inf_nan=False
    )
    send_seconds: float = setting(
        "HTTP_SEND_SECONDS", default=60.0, allowed=_SECONDS, ge=1, le=3600, allow_inf_nan=False
    )
    sockets_per_user: int = setting(
        "WEBSOCKETS_PER_USER", default=200, allowed="a whole number from 1 to 65536", ge=1, le=65_536
    )
    sockets_per_address: int = setting(
        "WEBSOCKETS_PER_ADDRESS", default=200, allowed="a whole number from 1 to 65536", ge=1, le=65_536
    )
    frames_per_second: int = setting(
        "WEBSOCKET_FRAMES_PER_SECOND",
        default=20,
        allowed="a whole number of frames from 1 to 100000",
        ge=1,
        le=100_000,
    )
    frame_bytes_per_second: int = setting(
        "WEBSOCKET_BYTES_PER_SECOND",
        default=32_768,
        allowed="a whole number of bytes from 8192 to 1073741824",
        ge=8192,
        le=1_073_741_824,
    )
