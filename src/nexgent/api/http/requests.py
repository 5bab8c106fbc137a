"""The request as endpoints see it: bodies are JSON without floats, or a form."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import Headers

from nexgent.api.body import NotAnObjectError, body_as_object
from nexgent.api.errors import SchemaError
from nexgent.shared.errors import InvalidInputError, NexgentError

_MAX_SHOWN = 40
_CONTENT_TYPE = b"content-type"


class BrokenBody:
    """Stands for a body that cannot be read, until it is its turn to be complained about.

    FastAPI reads the body before it asks who is calling. Somebody who may not call at all is told that, and not what is wrong
    with the JSON.
    """

    def __init__(self, error: NexgentError) -> None:
        self._error = error

    def error_of(self, *, as_list: bool) -> NexgentError:
        """Return what is wrong; `as_list` where all problems of a body are reported together."""
        if as_list and isinstance(self._error, NotAnObjectError):
            return SchemaError([("", f"Expected object, received {self._error.kind}")])
        return self._error


class ApiRequest(Request):
    """A request whose JSON numbers become `Decimal` on their way to pydantic, never by way of float.

    A missing body, or one of a content type nobody asked for, is an empty object: the contract then names the fields that are
    missing. A form counts as an object of texts.
    """

    @cached_property
    def headers(self) -> Headers:
        """Return the headers without the kind of the body: FastAPI takes every body for JSON then, and leaves it to `json`."""
        return Headers(raw=[(name, value) for name, value in self.scope["headers"] if name != _CONTENT_TYPE])

    async def body(self) -> bytes:
        """Return the body, or an empty object when there is none."""
        return await super().body() or b"{}"

    async def json(self) -> Any:
        """Return the body as an object, or what is wrong with it."""
        kind = next((value for name, value in self.scope["headers"] if name == _CONTENT_TYPE), b"")
        try:
            return body_as_object(await super().body(), kind.decode("latin-1"))
        except NexgentError as error:
            return BrokenBody(error)

    def as_sent(self) -> Request:
        """Return the request with the headers and the body it was sent with."""
        sent = Request(self.scope, self.receive)
        if hasattr(self, "_body"):
            sent._body = self._body
        return sent


async def _sent(request: Request) -> Request:
    assert isinstance(request, ApiRequest)
    return request.as_sent()


SentRequest = Annotated[Request, Depends(_sent)]
"""The request as it was sent, for who looks at the bytes of a body himself."""


def check_given_once(request: Request) -> None:
    """Refuse a query that names a parameter twice: whichever was taken, somebody would have meant the other."""
    if not request.scope["query_string"]:
        return
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen:
            raise InvalidInputError(f"Invalid {name[:_MAX_SHOWN]}: it must be given only once")
        seen.add(name)
