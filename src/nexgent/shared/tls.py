"""What an HTTP client needs for encrypted connections, where it needs anything."""

from __future__ import annotations

import ssl


def verification(url: str) -> ssl.SSLContext | bool:
    """Return what a client of this address gives httpx as `verify`.

    A client of httpx reads all certificate authorities as soon as it is made, 25 ms of computing, also for an address that is
    never encrypted. For `http://` it gets a context that trusts nobody: should it be led to an encrypted address, it refuses.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if url.lower().startswith("http://") else True
