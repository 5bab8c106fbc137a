"""One shared HTTP client for all upstreams: deadlines per attempt, checked answers, errors that hold no secret."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from nexgent.infrastructure.external.errors import FailureKind, UpstreamCallError
from nexgent.infrastructure.external.rate_headers import retry_after_seconds

CONNECT_TIMEOUT_SECONDS = 2.0
MAX_BODY_BYTES = 32 * 1024 * 1024
_KEEP_ALIVE_SECONDS = 30.0
_REQUEST_ID_HEADERS = ("x-api-gateway-request-id", "x-request-id", "cf-ray")

CallObserver = Callable[[str, str, str, float], None]
"""Hears of every attempt: upstream, operation, outcome (`ok` or a `FailureKind`), seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer with a JSON body that is not decoded yet."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str | None


class Endpoint:
    """A base URL, with or without a path, a query or a trailing slash."""

    def __init__(self, upstream: str, base_url: str, *, known_suffixes: Sequence[str] = ()) -> None:
        """Take a base URL. A known suffix (`/price/v3`) at its end is dropped: people paste whole endpoints.

        Raises `ValueError`, whose text does not repeat the URL because it may contain a key.
        """
        try:
            parts = urlsplit(base_url.strip())
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"The base URL of {upstream} must be http://host[:port][/path] or https://…")
        path = parts.path.rstrip("/")
        for suffix in known_suffixes:
            if path.endswith(suffix):
                path = path[: -len(suffix)].rstrip("/")
                break
        self._original = base_url.strip()
        self._base = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        self._query = parts.query
        self.host = parts.netloc.rpartition("@")[2].lower()

    def url(self, path: str = "", query: Sequence[tuple[str, str]] = ()) -> str:
        """Return the address of a path below the base; without one, the base as it was given."""
        if not path and not query:
            return self._original
        pairs = [f"{quote(name, safe='[]')}={quote(value, safe=',')}" for name, value in query]
        if self._query:
            pairs.insert(0, self._query)
        return f"{self._base}{path}?{'&'.join(pairs)}" if pairs else f"{self._base}{path}"


class HttpClient:
    """A connection pool. Open it with `async with`, or use it and `close` it at the end."""

    def __init__(
        self,
        *,
        user_agent: str = "nexgent",
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        observer: CallObserver | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._connect_timeout_seconds = connect_timeout_seconds
        self._observer = observer
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; calls made afterwards fail."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        upstream: str,
        operation: str,
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request and return its JSON answer. Raises `UpstreamCallError` for everything else."""
        started = time.perf_counter()
        outcome = "cancelled"
        try:
            answer = await self._attempt(method, url, upstream, operation, timeout_seconds, headers, body)
            outcome = "ok"
        except UpstreamCallError as error:
            outcome = error.kind.value
            raise
        finally:
            if self._observer is not None:
                self._observer(upstream, operation, outcome, time.perf_counter() - started)
        return answer

    @asynccontextmanager
    async def stream(
        self,
        url: str,
        *,
        upstream: str,
        operation: str,
        content_type: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an endless answer; yields its chunks as they come. The timeout concerns the opening alone.

        Raises `UpstreamCallError`, also when the connection breaks inside the block.
        """
        failure = _Failures(upstream, operation)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout_seconds)
        response: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await self._open(failure).get(
                    URL(url, encoded=True), headers=headers, timeout=timeout, allow_redirects=False
                )
                if response.status != 200:
                    raise failure.of_status(response, await _read(response, failure))
            if response.content_type != content_type:
                raise failure.of_content(response)
            yield response.content.iter_any()
        except TimeoutError as error:
            raise failure.of_exception(error) from None
        except (aiohttp.ClientError, OSError) as error:
            raise failure.of_exception(error) from None
        finally:
            if response is not None:
                response.close()

    async def _attempt(
        self,
        method: str,
        url: str,
        upstream: str,
        operation: str,
        timeout_seconds: float,
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> Answer:
        failure = _Failures(upstream, operation)
        timeout = _timeout(timeout_seconds, min(self._connect_timeout_seconds, timeout_seconds))
        try:
            async with self._open(failure).request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await _read(response, failure)
                if response.status != 200:
                    raise failure.of_status(response, content)
                if "json" not in response.content_type:
                    raise failure.of_content(response)
                return Answer(response.status, response.headers, content, _request_id(response))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            # The cause is not chained: its text contains the address, and the address may contain a key.
            raise failure.of_exception(error) from None

    def _open(self, failure: _Failures) -> aiohttp.ClientSession:
        if self._closed:
            raise failure.error(FailureKind.NOT_CONNECTED, "the client is closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ttl_dns_cache=60
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={
                    "User-Agent": self._user_agent,
                    "Accept": "application/json",
                    "Accept-Encoding": "gzip, deflate",
                },
                auto_decompress=False,
            )
        return self._session


@dataclass(frozen=True, slots=True)
class _Failures:
    """Builds the errors of one call."""

    upstream: str
    operation: str

    def error(self, kind: FailureKind, what: str) -> UpstreamCallError:
        return UpstreamCallError(self.upstream, self.operation, kind, what)

    def of_exception(self, error: BaseException) -> UpstreamCallError:
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return self.error(FailureKind.NOT_CONNECTED, "no connection")
        if isinstance(error, TimeoutError):
            return self.error(FailureKind.TIMEOUT, "no answer in time")
        return self.error(FailureKind.CONNECTION_LOST, "the connection broke")

    def of_status(self, response: aiohttp.ClientResponse, body: bytes) -> UpstreamCallError:
        status = response.status
        if status == 429:
            kind, what = FailureKind.RATE_LIMITED, "too many requests"
        elif 400 <= status < 500:
            kind, what = FailureKind.REFUSED, "the request was refused"
        elif status >= 500:
            kind, what = FailureKind.SERVER_ERROR, "the server failed"
        else:
            kind, what = FailureKind.BAD_ANSWER, "an answer was expected, not a redirect or nothing"
        return UpstreamCallError(
            self.upstream,
            self.operation,
            kind,
            what,
            status=status,
            request_id=_request_id(response),
            retry_after_seconds=retry_after_seconds(response.headers, time.time()),
            headers=response.headers,
            body=body,
        )

    def of_content(self, response: aiohttp.ClientResponse) -> UpstreamCallError:
        return UpstreamCallError(
            self.upstream,
            self.operation,
            FailureKind.BAD_ANSWER,
            "the answer has an unexpected content type",
            status=response.status,
            request_id=_request_id(response),
            headers=response.headers,
        )


async def _read(response: aiohttp.ClientResponse, failure: _Failures) -> bytes:
    """Return the whole body, unpacked, if it is within the limit however it is announced, cut up or packed.

    aiohttp does not unpack it: it would do so before anybody could look at the size.
    """
    length = response.content_length
    if length is not None and length > MAX_BODY_BYTES:
        raise failure.error(FailureKind.BAD_ANSWER, "the answer is too large")
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    unpacked = _unpacker(packing, failure)
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        part = chunk if unpacked is None else _unpack(unpacked, chunk, MAX_BODY_BYTES + 1 - size, failure)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise failure.error(FailureKind.BAD_ANSWER, "the answer is too large")
        parts.append(part)
    if unpacked is not None and size and not unpacked.eof:
        raise failure.error(FailureKind.CONNECTION_LOST, "the packed answer is not complete")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacker(packing: str, failure: _Failures) -> zlib._Decompress | None:
    match packing:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            # Finds out by itself which of the two it is.
            return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
        case _:
            raise failure.error(
                FailureKind.BAD_ANSWER, "the answer is packed in a way that was not asked for"
            )


def _unpack(unpacker: zlib._Decompress, chunk: bytes, most: int, failure: _Failures) -> bytes:
    try:
        return unpacker.decompress(chunk, most)
    except zlib.error:
        raise failure.error(FailureKind.BAD_ANSWER, "the packed answer cannot be unpacked") from None


@lru_cache(maxsize=64)
def _timeout(total_seconds: float, connect_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_seconds, sock_connect=connect_seconds)


def _request_id(response: aiohttp.ClientResponse) -> str | None:
    return next((response.headers[name] for name in _REQUEST_ID_HEADERS if name in response.headers), None)
