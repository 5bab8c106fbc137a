"""PostgreSQL and Valkey (Redis) as processes of our own, from wheels, with their data in one local folder."""

from nexgent.infrastructure.embedded.errors import DataFolderInUseError, EmbeddedServerError
from nexgent.infrastructure.embedded.folder import RunningServers, running_servers
from nexgent.infrastructure.embedded.servers import EmbeddedServers

__all__ = [
    "DataFolderInUseError",
    "EmbeddedServerError",
    "EmbeddedServers",
    "RunningServers",
    "running_servers",
]
