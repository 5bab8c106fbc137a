"""Responses as bytes. Decimals become JSON numbers or plain text, never floats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from nexgent.shared.json_text import encode_json

_TAGGED_BYTES = 16_384
JSON_TYPE = "application/json; charset=utf-8"
_JSON = (b"content-type", JSON_TYPE.encode())


class JsonBytes(Response):
    """A finished JSON document; costs nothing but its headers."""

    def __init__(self, content: bytes, status_code: int = 200) -> None:
        self.status_code = status_code
        self.body = content
        self.background = None
        self.raw_headers = [(b"content-length", str(len(content)).encode()), _JSON]


def with_etag(request: Request, response: Response) -> Response:
    """Return a response with a weak `ETag`, or 304 when the client has it already.

    Long lists go without: they change every second, and hashing them would cost as much as sending them.
    """
    if (
        response.status_code != 200
        or not isinstance(response, JsonBytes)
        or len(response.body) > _TAGGED_BYTES
    ):
        return response
    content = hashlib.blake2b(response.body, digest_size=12)
    for _, value in response.raw_headers[2:]:
        # What a handler said in a header of its own, such as where the next page begins, is part of its answer.
        content.update(value)
    digest = content.hexdigest()
    tag = f'W/"{digest}"'
    known = request.headers.get("if-none-match")
    if known is not None and any(one.strip().removeprefix("W/") == f'"{digest}"' for one in known.split(",")):
        return Response(status_code=304, headers={"etag": tag})
    response.raw_headers.append((b"etag", tag.encode()))
    return response


def encode(value: object) -> bytes:
    """Return a value as JSON: decimals as numbers, ids as text."""
    return encode_json(value)


def dumped(value: object) -> object:
    """Return what a shape says, by the names outside and only what was given; other values as they are."""
    return value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value


def json_response(value: object, status_code: int = 200) -> JsonBytes:
    """Return a value as a JSON response."""
    return JsonBytes(encode_json(value), status_code)


def json_array(items: Iterable[bytes]) -> JsonBytes:
    """Return encoded items as a JSON array."""
    return JsonBytes(b"[" + b",".join(items) + b"]")


def iso(moment: datetime) -> str:
    """Return a time as `2025-01-27T12:00:00.000Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def iso_or_none(moment: datetime | None) -> str | None:
    """Return a time as text, if there is one."""
    return iso(moment) if moment is not None else None
