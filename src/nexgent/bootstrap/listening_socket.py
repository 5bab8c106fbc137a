"""The listening socket, bound before anything else starts, so that a taken port costs nothing and says so."""

from __future__ import annotations

import errno
import socket

from nexgent.shared.errors import ConflictError


class PortTakenError(ConflictError):
    """Somebody else listens there."""

    code = "PORT_TAKEN"


class CannotListenError(ConflictError):
    """The address cannot be listened on."""

    code = "CANNOT_LISTEN"


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket. Raises `PortTakenError` or `CannotListenError`, saying which setting to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming the protocol lets the event loop switch Nagle's algorithm off for accepted connections.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"Port {port} is taken by another program. Stop it, or choose another port: PORT={port + 1}"
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise CannotListenError(
                f"Listening on port {port} is not allowed for this user. Choose a port above 1023 with PORT"
            ) from None
        raise CannotListenError(
            f"Cannot listen on {host}:{port}: check HOST and PORT ({error.strerror})"
        ) from None
    listener.setblocking(False)
    return listener
