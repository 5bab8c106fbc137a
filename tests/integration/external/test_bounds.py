"""Answers of upstreams are bounded, whatever they say about themselves."""

from __future__ import annotations

import gzip
import json
import resource
import struct
import zlib

import pytest
from aiohttp import web

from nexgent.infrastructure.external import http as module
from nexgent.infrastructure.external.errors import FailureKind, UpstreamCallError
from nexgent.infrastructure.external.http import HttpClient
from tests.integration.external.servers import Handler, serve

BOMB_MB = 512
BODY = json.dumps({"data": ["x" * 100] * 1000}).encode()


async def call(http: HttpClient, url: str, timeout_seconds: float = 60) -> bytes:
    answer = await http.request("GET", url, upstream="Test", operation="get", timeout_seconds=timeout_seconds)
    return answer.body


def packed(body: bytes, packing: str, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        headers = {"Content-Encoding": packing, "Content-Type": "application/json"}
        return web.Response(body=body, status=status, headers=headers)

    return handler


def bomb(packing: str) -> bytes:
    """Return what unpacks to `BOMB_MB`: one packed megabyte again and again, since packing them all takes seconds."""
    megabyte = b"\0" * 2**20
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed_megabyte = packer.compress(megabyte) + packer.flush(zlib.Z_FULL_FLUSH)
    body = packed_megabyte * BOMB_MB + zlib.compressobj(wbits=-zlib.MAX_WBITS).flush()
    checksum = zlib.crc32 if packing == "gzip" else zlib.adler32
    check = checksum(b"")
    for _ in range(BOMB_MB):
        check = checksum(megabyte, check)
    if packing == "gzip":
        return gzip.compress(b"")[:10] + body + struct.pack("<II", check, BOMB_MB << 20)
    return zlib.compress(b"", 9)[:2] + body + struct.pack(">I", check)


@pytest.mark.parametrize(("packing", "wbits"), [("gzip", zlib.MAX_WBITS + 16), ("deflate", zlib.MAX_WBITS)])
def test_what_is_refused_below_is_no_nonsense(packing: str, wbits: int) -> None:
    unpacker = zlib.decompressobj(wbits)
    left, size = bomb(packing), 0
    assert len(left) < 2**20
    while left:
        size += len(unpacker.decompress(left, 2**24))
        left = unpacker.unconsumed_tail

    assert unpacker.eof
    assert size == BOMB_MB << 20


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
@pytest.mark.parametrize("status", [200, 500])
async def test_a_small_answer_that_unpacks_to_much_is_refused(
    http: HttpClient, packing: str, status: int
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with serve(packed(bomb(packing), packing, status)) as url:
        with pytest.raises(UpstreamCallError) as caught:
            await call(http, url)
    assert caught.value.kind is FailureKind.BAD_ANSWER
    assert "too large" in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


async def test_an_answer_in_pieces_without_end_is_refused(http: HttpClient) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        while sent < 16 * module.MAX_BODY_BYTES:
            await response.write(b" " * 2**20)
            sent += 2**20
        return response

    async with serve(endless) as url:
        with pytest.raises(UpstreamCallError, match="too large"):
            await call(http, url)
    assert sent < 2 * module.MAX_BODY_BYTES


@pytest.mark.parametrize("packing", ["gzip", "deflate", "raw"])
async def test_packed_answers_are_read(http: HttpClient, packing: str) -> None:
    body = {"gzip": gzip.compress(BODY), "deflate": zlib.compress(BODY), "raw": BODY}[packing]
    async with serve(packed(body, "identity" if packing == "raw" else packing)) as url:
        assert await call(http, url) == BODY


@pytest.mark.parametrize(
    ("body", "packing", "kind"),
    [
        (b"not packed at all", "gzip", FailureKind.BAD_ANSWER),
        (gzip.compress(BODY)[:-20], "gzip", FailureKind.CONNECTION_LOST),
        (BODY, "br", FailureKind.BAD_ANSWER),
    ],
)
async def test_what_cannot_be_unpacked_is_a_failed_call(
    http: HttpClient, body: bytes, packing: str, kind: FailureKind
) -> None:
    async with serve(packed(body, packing)) as url:
        with pytest.raises(UpstreamCallError) as caught:
            await call(http, url)
    assert caught.value.kind is kind
