"""The request as endpoints see it: bodies are JSON without floats, or a form."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers

from nexgent.api.body import NotAnObjectError, read_body
from nexgent.api.errors import SchemaError
from nexgent.shared.errors import InvalidInputError, NexgentError

_MAX_SHOWN = 40


class BrokenBody:
    """Stands for a body that cannot be read, until it is its turn to be complained about.

    FastAPI reads the body before it asks who is calling. Somebody who may not call at all is told that, and not what is wrong
    with the JSON.
    """

    def __init__(self, error: NexgentError) -> None:
        self.error = error


class ApiRequest(Request):
    """A request whose JSON numbers become `Decimal` on their way to pydantic, never by way of float.

    A missing body, or one of a content type nobody asked for, is an empty object: the contract then names the fields that are
    missing. A form counts as an object of texts.
    """

    @cached_property
    def headers(self) -> Headers:
        """Return the headers as FastAPI needs to see them: every body is for `json` to read."""
        own = [(name, value) for name, value in self.scope["headers"] if name != b"content-type"]
        return Headers(raw=[*own, (b"content-type", b"application/json")])

    async def body(self) -> bytes:
        """Return the body, or an empty object when there is none."""
        return await super().body() or b"{}"

    async def json(self) -> Any:
        """Return the body as an object, or what is wrong with it."""
        try:
            return await read_body(self._as_sent())
        except NotAnObjectError as error:
            return BrokenBody(SchemaError([("", f"Expected object, received {error.kind}")]))
        except NexgentError as error:
            return BrokenBody(error)

    def _as_sent(self) -> Request:
        sent = Request(self.scope, self.receive)
        if hasattr(self, "_body"):
            sent._body = self._body
        return sent


def check_given_once(request: Request) -> None:
    """Refuse a query that names a parameter twice: whichever was taken, somebody would have meant the other."""
    if not request.scope["query_string"]:
        return
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name in seen:
            raise InvalidInputError(f"Invalid {name[:_MAX_SHOWN]}: it must be given only once")
        seen.add(name)
