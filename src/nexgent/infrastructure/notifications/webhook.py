"""Signed webhooks: a POST of JSON, signed as standardwebhooks.com says, to addresses of the internet only.

Where a name leads is looked up here and every address is judged, and the connection goes to what was judged: a name that says
something else the second time gets nothing. What is connected to is judged once more with each socket, as what looks like an
address to the HTTP client is never looked up. Redirects are not followed, and no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult

from nexgent.domain.notifications.errors import InvalidAddressError
from nexgent.domain.notifications.manage import SECRET_PREFIX
from nexgent.domain.notifications.models import Address, Message, Notification, Outcome
from nexgent.shared.addresses import is_public, parse_address
from nexgent.shared.clock import Clock

SECONDS = 10.0
"""For one message: look the name up, connect, send, hear the first line of the answer."""
_TRANSIENT = frozenset({408, 425, 429})
_PRIVATE = "its address is not one of the internet (NOTIFY_PRIVATE_ADDRESSES allows others)"


_Place = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
"""An address to connect to, as `getaddrinfo` returns them."""


class NotPublicError(OSError):
    """A name leads to an address that may not be used."""


class WebhookSender:
    """Implements `Sender` for programs. `private` allows addresses of this machine and of private networks."""

    def __init__(self, *, clock: Clock, private: bool = False, seconds: float = SECONDS) -> None:
        self._clock = clock
        self._private = private
        self._seconds = seconds

    async def check(self, url: str) -> str:
        """Return scheme and host: what follows them may be a secret. Raises `InvalidAddressError`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidAddressError("Invalid url: it cannot be read") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
            raise InvalidAddressError("Invalid url: an address starting with https:// or http:// is required")
        if parts.username is not None or parts.password is not None:
            raise InvalidAddressError(
                "Invalid url: a login does not belong in it; the signature proves who sends"
            )
        if not self._private and _is_literal(parts.hostname) and not is_public(parts.hostname):
            raise InvalidAddressError(f"Invalid url: {_PRIVATE}")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        shown = f"{parts.scheme}://{host}{f':{port}' if port is not None else ''}"
        return f"{shown}/…" if parts.path.strip("/") or parts.query else shown

    async def send(self, address: Address, messages: Sequence[Message]) -> AsyncGenerator[Outcome, None]:
        """Send one after the other until one does not come through."""
        connector = aiohttp.TCPConnector(
            resolver=_Resolver(private=self._private),
            limit=1,
            use_dns_cache=False,
            ttl_dns_cache=None,
            socket_factory=self._socket,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            requote_redirect_url=False,
        ) as session:
            for message in messages:
                outcome = await self._post(session, address, message)
                yield outcome
                if not outcome.sent:
                    return

    def _socket(self, place: _Place) -> socket.socket:
        """Return a socket for one address. Raises `NotPublicError` when it may not be used, however it was written."""
        family, kind, proto, _, address = place
        if not self._private and not is_public(str(address[0])):
            raise NotPublicError(_PRIVATE)
        return socket.socket(family, kind, proto)

    async def _post(self, session: aiohttp.ClientSession, address: Address, message: Message) -> Outcome:
        notification = message.notification
        if notification is None:
            raise AssertionError("programs get each notification by itself")
        host = urlsplit(address.url).hostname or ""
        if not self._private and _is_literal(host) and not is_public(host):
            return Outcome(False, _PRIVATE)
        body = payload(notification)
        headers = signed_headers(
            address.secret or "", str(notification.id), int(self._clock.now().timestamp()), body
        )
        try:
            async with asyncio.timeout(self._seconds):
                async with session.post(
                    address.url, data=body, headers=headers, allow_redirects=False
                ) as response:
                    return _outcome(response, self._clock)
        except TimeoutError:
            return Outcome(False, f"no answer within {self._seconds:g} seconds")
        except aiohttp.ClientConnectorError as error:
            return Outcome(False, _no_connection(error.os_error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Texts of these may repeat the address.
            return Outcome(False, f"no usable answer ({type(error).__name__})")


def _no_connection(error: OSError) -> str:
    """Return why, without what the library adds: it may repeat the address."""
    match error:
        case NotPublicError():
            return _PRIVATE
        case socket.gaierror():
            return "no connection: its host's name cannot be resolved"
        case OSError(errno=int(number)) if number > 0:
            return f"no connection: {os.strerror(number)}"
    return f"no connection ({type(error).__name__})"


def payload(notification: Notification) -> bytes:
    """Return what a program gets: type, time and facts. Amounts are exact decimal texts."""
    return orjson.dumps(
        {
            "type": notification.kind.value,
            "timestamp": notification.at.isoformat(),
            "data": {
                "id": str(notification.id),
                "level": notification.level.value,
                "title": notification.title,
                "text": notification.text,
                "agentId": str(notification.agent_id) if notification.agent_id is not None else None,
                **notification.facts,
            },
        }
    )


def signed_headers(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message: HMAC-SHA-256 of `id.timestamp.body` under the secret's bytes.

    The id stays when a message comes again, the timestamp is that of the attempt: who remembers ids for as long as it accepts
    timestamps takes each message once.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret of ours is base64") from None
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return {
        "content-type": "application/json",
        "user-agent": "nexgent",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


class _Resolver(AbstractResolver):
    """Looks names up and gives none of a name's addresses when one of them may not be used."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses. Raises `NotPublicError`, or what the system's resolver raises."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )
        results: list[ResolveResult] = []
        for kind, _, proto, _, place in found:
            address = str(place[0])
            if not self._private and not is_public(address):
                raise NotPublicError(_PRIVATE)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=address,
                    port=port,
                    family=kind,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    async def close(self) -> None:
        """Hold nothing."""


def _outcome(response: aiohttp.ClientResponse, clock: Clock) -> Outcome:
    status = response.status
    if 200 <= status < 300:
        return Outcome(True)
    if 300 <= status < 400:
        return Outcome(False, f"it answered {status}; redirects are not followed", refused=True)
    refused = 400 <= status < 500 and status not in _TRANSIENT
    return Outcome(
        False,
        f"it answered {status}",
        refused=refused,
        retry_after_seconds=_retry_after(response.headers.get("retry-after"), clock),
    )


def _retry_after(value: str | None, clock: Clock) -> float:
    if value is None:
        return 0.0
    if value.isascii() and value.isdigit():
        return float(value[:6])
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(value) - clock.now()).total_seconds())
    return 0.0


def _is_literal(host: str) -> bool:
    # What looks like an address to the system's resolver ("127.1", "0x7f.1") is looked up, and judged then.
    return parse_address(host) is not None
