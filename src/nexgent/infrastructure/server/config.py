"""uvicorn's configuration with our protocols and the connections they share."""

from __future__ import annotations

from typing import Any

import uvicorn
from starlette.types import ASGIApp

from nexgent.infrastructure.server.connections import Connections
from nexgent.infrastructure.server.http_protocol import HttpProtocol
from nexgent.infrastructure.server.websocket_protocol import WebSocketProtocol


class ServerConfig(uvicorn.Config):
    """What uvicorn is started with, and where its protocols find their limits."""

    def __init__(self, app: ASGIApp, connections: Connections, **options: Any) -> None:
        self.guard = connections
        ours: dict[str, Any] = {
            "http": HttpProtocol,
            "ws": WebSocketProtocol,
            "log_config": None,
            "access_log": False,
            "lifespan": "off",
            "server_header": False,
            "date_header": True,
            "ws_max_size": 65_536,
            "ws_ping_interval": None,
            "ws_per_message_deflate": False,
            "proxy_headers": False,
            "timeout_graceful_shutdown": 5,
        }
        super().__init__(app, **{**ours, **options})
