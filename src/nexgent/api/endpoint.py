"""Endpoints: a method, a path, who may call it, a handler, and what the documentation says.

The handler gets a `Call` and returns finished bytes. FastAPI routes and documents; its own parsing of parameters and models,
which costs several times the work of most endpoints here, is left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from nexgent.api.body import NotAnObjectError, read_body
from nexgent.api.deps import ApiServices
from nexgent.api.edge import check_texts
from nexgent.api.encoding import with_etag
from nexgent.api.errors import SchemaError, error_response
from nexgent.api.fields import QueryFields, parse_uuid
from nexgent.api.http.access import CALLER_KEY, Access, authenticate
from nexgent.api.http.route import PREFIX
from nexgent.api.idempotency import HEADER as IDEMPOTENCY_HEADER
from nexgent.api.idempotency import ONCE_BY_NATURE, takes_key
from nexgent.api.rate_limits import EXEMPT_TAGS, limit_of
from nexgent.api.secrets import not_stored, shows_secret
from nexgent.domain.users.models import Caller, Scope
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import AgentId, UserId

__all__ = ["PREFIX", "Access", "Call", "Doc", "Endpoint", "Endpoints"]


class Call:
    """One request on its way through an endpoint."""

    __slots__ = ("_caller", "request", "services")

    def __init__(self, request: Request, services: ApiServices, caller: Caller | None) -> None:
        self.request = request
        self.services = services
        self._caller = caller

    @property
    def caller(self) -> Caller:
        """Who calls; not for public endpoints."""
        assert self._caller is not None
        return self._caller

    @property
    def user_id(self) -> UserId:
        """On whose behalf."""
        return self.caller.user_id

    def path(self, name: str) -> str:
        """Return a part of the path as it was sent."""
        return str(self.request.path_params[name])

    def path_uuid(self, name: str, what: str) -> UUID:
        """Return an id of the path. Raises `InvalidInputError`: "Invalid agent ID format"."""
        return parse_uuid(self.request.path_params[name], what)

    def agent_id(self, name: str = "id") -> AgentId:
        """Return the agent's id of the path."""
        return AgentId(self.path_uuid(name, "agent"))

    def query(self) -> QueryFields:
        """Return the parameters of the query."""
        return QueryFields(self.request)

    async def body(self) -> dict[str, object]:
        """Return the body as an object."""
        return await read_body(self.request)

    async def schema_body(self) -> dict[str, object]:
        """Return the body as an object, where what is wrong with it is told field by field. Raises `SchemaError`."""
        try:
            return await read_body(self.request)
        except NotAnObjectError as error:
            raise SchemaError([("", f"Expected object, received {error.kind}")]) from None


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doc:
    """What the documentation says about an endpoint."""

    summary: str
    body: type[BaseModel] | None = None
    response: type[Any] | None = None
    many: bool = False
    status: int = 200
    query: dict[str, str] = field(default_factory=dict)
    """Parameters by name with their explanation; a leading `*` marks a required one."""
    description: str = ""
    media_type: str = "application/json"
    or_json: bool = False
    """Whether there is JSON instead of `media_type` for whoever asks for it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A documented handler."""

    method: str
    path: str
    access: Access | Scope
    tag: str
    handler: Handler
    doc: Doc

    @property
    def summary(self) -> str:
        """Return what it does, in a line."""
        return self.doc.summary

    @property
    def done(self) -> int:
        """Return the status of success."""
        return self.doc.status

    @property
    def has_body(self) -> bool:
        """Tell whether a request brings something."""
        return self.doc.body is not None

    @property
    def has_shape(self) -> bool:
        """Tell whether the answer is a documented shape."""
        return self.doc.response is not None

    def asgi_endpoint(self) -> Callable[[Request], Awaitable[Response]]:
        """Return the function FastAPI calls: authenticate, handle, translate errors."""
        access, template = self.access, PREFIX + self.path
        secret = shows_secret(self.doc.response)
        tagged = self.method == "GET" and access is not Access.PUBLIC
        repeatable = takes_key(self.method, self.path, public=access is Access.PUBLIC)
        by_nature = self.path in ONCE_BY_NATURE
        limit = limit_of(self.method, self.path)
        unlimited = self.tag in EXEMPT_TAGS

        async def answer(call: Call) -> Response:
            try:
                check_texts(call.request)
                response = await self.handler(call)
                return with_etag(call.request, response) if tagged else response
            except NexgentError as error:
                return error_response(error)

        async def once(call: Call) -> Response:
            response = await once_or_again(call)
            return not_stored(response) if secret else response

        async def once_or_again(call: Call) -> Response:
            key = call.request.headers.get(IDEMPOTENCY_HEADER) if repeatable else None
            if key is None:
                return await answer(call)
            try:
                check_texts(call.request)
                return await call.services.idempotency.run(
                    call.request, key, call.user_id, lambda: self.handler(call), once_by_nature=by_nature
                )
            except NexgentError as error:
                return error_response(error)

        async def run(request: Request) -> Response:
            request.scope["route_template"] = template
            services: ApiServices = request.app.state.services
            limits = services.rate_limits
            try:
                if unlimited or not limits.enabled:
                    caller = request.scope[CALLER_KEY] = await authenticate(request.scope, services, access)
                    return await once(Call(request, services, caller))
                # Before anything is checked: guessing tokens costs as much as using one.
                here = limits.of_address(request)
                if here.exceeded:
                    return here.refusal()
                caller = request.scope[CALLER_KEY] = await authenticate(request.scope, services, access)
                allowance = (
                    await limits.of_endpoint(request, caller, limit)
                    if limit is not None
                    else limits.of_caller(request, caller)
                )
                if allowance.exceeded:
                    return allowance.refusal()
                return allowance.mark(await once(Call(request, services, caller)))
            except NexgentError as error:
                return error_response(error)
            except ClientDisconnect:
                return Response(status_code=499)

        run.__name__ = self.handler.__name__
        return run


class Endpoints:
    """The endpoints of one resource, in the order they are matched."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.all: list[Endpoint] = []

    def get(self, path: str, access: Access | Scope, doc: Doc) -> Callable[[Handler], Handler]:
        """Declare a GET endpoint."""
        return self._add("GET", path, access, doc)

    def post(self, path: str, access: Access | Scope, doc: Doc) -> Callable[[Handler], Handler]:
        """Declare a POST endpoint."""
        return self._add("POST", path, access, doc)

    def put(self, path: str, access: Access | Scope, doc: Doc) -> Callable[[Handler], Handler]:
        """Declare a PUT endpoint."""
        return self._add("PUT", path, access, doc)

    def patch(self, path: str, access: Access | Scope, doc: Doc) -> Callable[[Handler], Handler]:
        """Declare a PATCH endpoint."""
        return self._add("PATCH", path, access, doc)

    def delete(self, path: str, access: Access | Scope, doc: Doc) -> Callable[[Handler], Handler]:
        """Declare a DELETE endpoint."""
        return self._add("DELETE", path, access, doc)

    def _add(self, method: str, path: str, access: Access | Scope, doc: Doc) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.all.append(Endpoint(method, path, access, self._tag, handler, doc))
            return handler

        return add
