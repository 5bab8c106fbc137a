"""The route of every endpoint: admit the caller, run the endpoint once, answer failures as the contract does.

FastAPI parses, documents and calls. What happens around a call in the same order everywhere stands here: the limit of the
address, who is calling, the endpoint's limit, `Idempotency-Key`, the endpoint, `ETag` and the headers that tell how a caller
stands. What differs between endpoints is declared at the endpoint (`access`, `declared`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from copy import copy
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import Body as BodyInfo
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from nexgent.api.deps import ApiServices
from nexgent.api.edge import check_texts
from nexgent.api.encoding import dumped, json_response, with_etag
from nexgent.api.errors import error_response
from nexgent.api.forwarding import ANSWERED_KEY, ELSEWHERE_KEY, FORWARDED_KEY, forwarded
from nexgent.api.http.access import CALLER_KEY, Access, CallerFrom, access_of, authenticate
from nexgent.api.http.declared import Action, Declared, Repeat, Storing
from nexgent.api.http.models import Body, NothingIn
from nexgent.api.http.problems import invalid_request
from nexgent.api.http.requests import ApiRequest, check_given_once
from nexgent.api.http.services import get_services
from nexgent.api.idempotency import HEADER as IDEMPOTENCY_HEADER
from nexgent.api.rate_limits import EXEMPT_TAGS, Allowance, Limit
from nexgent.api.secrets import not_stored, shows_secret
from nexgent.domain.ledger.errors import EngineElsewhereError
from nexgent.domain.users.models import Scope
from nexgent.shared.errors import InvalidInputError, NexgentError

PREFIX = "/api/v1"

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """One endpoint. `APIRouter(route_class=ApiRoute)` makes all of a router's endpoints such."""

    access: Access | Scope
    limit: Limit | None
    repeat: Repeat

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        # What a body is, `ApiRequest` knows.
        options["strict_content_type"] = False
        self._own = endpoint
        self._handed: dict[str, Callable[[Request], Any]] = {}
        status = options.get("status_code") or 200
        super().__init__(path, _answering(endpoint, status, self._handed), **options)

    @property
    def method(self) -> str:
        """Return the HTTP method; an endpoint has one."""
        (method,) = self.methods or {"GET"}
        return method

    @property
    def tag(self) -> str:
        """Return the resource the endpoint belongs to."""
        return str(self.tags[-1])

    @property
    def done(self) -> int:
        """Return the status of success."""
        return self.status_code or 200

    @property
    def has_body(self) -> bool:
        """Tell whether a request brings something."""
        return _body_of(self) not in {None, NothingIn}

    @property
    def needs_body(self) -> bool:
        """Tell whether a request without a body is refused: a missing one is an empty object."""
        body = _body_of(self)
        if body is None:
            return False
        try:
            body.model_validate({})
        except (ValidationError, NexgentError):
            return True
        return False

    @property
    def has_shape(self) -> bool:
        """Tell whether the answer is a documented shape."""
        return self.response_model is not None

    @property
    def takes_key(self) -> bool:
        """Tell whether an `Idempotency-Key` is heeded: keys belong to users, so somebody has to be known."""
        return (
            self.method == "POST" and self.access is not Access.PUBLIC and self.repeat is not Repeat.NOT_KEPT
        )

    @property
    def action(self) -> Action | None:
        """Return what a call is called in the audit log, where the endpoint says so."""
        action: Action | None = self._declared(Action, None)
        return action

    def _declared(self, kind: type[Any], default: Any) -> Any:
        # The router's stand before the endpoint's own, which count.
        for one in reversed(self.dependencies):
            if isinstance(one.dependency, Declared) and isinstance(one.dependency.value, kind):
                return one.dependency.value
        return default

    def get_route_handler(self) -> _Handler:
        """Return what serves a request of this route."""
        access = self.access = access_of(self.dependant)
        call = self._checked(self._way())
        limit = self.limit = self._declared(Limit, None)
        repeat = self.repeat = self._declared(Repeat, Repeat.ANSWERED_AGAIN)
        storing = self._declared(Storing, Storing.ANY)
        template, unlimited = PREFIX + self.path, self.tag in EXEMPT_TAGS
        tagged = self.method == "GET" and access is not Access.PUBLIC
        secret = shows_secret(self.response_model) or storing is Storing.NONE
        takes_key, by_nature = self.takes_key, repeat is Repeat.BY_NATURE

        async def serve(request: Request) -> Response:
            scope = request.scope
            scope["route_template"] = template
            services: ApiServices = request.app.state.services
            own, limits = ApiRequest(scope, request.receive), services.rate_limits
            # Counted where the client is.
            limited = limits.enabled and not unlimited and FORWARDED_KEY not in scope
            allowance: Allowance | None = None
            try:
                # Before anything is checked: guessing tokens costs as much as using one.
                if limited and (here := limits.of_address(request)).exceeded:
                    return here.refusal()
                caller = scope[CALLER_KEY] = await authenticate(scope, services, access)
                if limited:
                    allowance = (
                        await limits.of_endpoint(request, caller, limit)
                        if limit is not None
                        else limits.of_caller(request, caller)
                    )
                    if allowance.exceeded:
                        return allowance.refusal()
                key = request.headers.get(IDEMPOTENCY_HEADER) if takes_key else None
                try:
                    if key is not None and caller is not None:
                        response = await services.idempotency.run(
                            own, key, caller.user_id, partial(call, own), once_by_nature=by_nature
                        )
                    else:
                        response = await _or_failure(call, own)
                except EngineElsewhereError as elsewhere:
                    response = await _by_the_engine(own, elsewhere, services)
            except NexgentError as error:
                return error_response(error)
            except ClientDisconnect:
                return Response(status_code=499)
            if ANSWERED_KEY in scope:
                return allowance.mark(response) if allowance is not None else response
            if tagged:
                response = with_etag(own, response)
            if secret:
                response = not_stored(response)
            return allowance.mark(response) if allowance is not None else response

        return serve

    def _checked(self, way: _Handler) -> _Handler:
        """Return a way to the endpoint that raises nothing but `NexgentError` for what is wrong with a request."""
        body, queried = _body_of(self), bool(self.dependant.query_params)

        async def call(request: Request) -> Response:
            check_texts(request)
            if queried:
                check_given_once(request)
            try:
                return await way(request)
            except RequestValidationError as error:
                refused: NexgentError = invalid_request(error.errors(), body)
                _let_go(error)
            except InvalidInputError as error:
                refused = error
                _let_go(error)
            try:
                raise refused
            finally:
                del refused

        return call

    def _way(self) -> _Handler:
        """Return FastAPI's way of calling the endpoint, without what it need not resolve.

        The request, the caller and the services are handed over directly, and what only tells the route something is left out:
        each costs FastAPI 15 to 20 µs a request, as much as all of our own work on a signal.
        """
        complete, lean, kept = self.dependant, copy(self.dependant), []
        for one in complete.dependencies:
            if isinstance(one.call, Declared) or (type(one.call) is CallerFrom and one.name is None):
                continue
            direct = _DIRECT.get(one.call if one.call is get_services else type(one.call))
            if direct is None or one.name is None:
                kept.append(one)
            else:
                self._handed[one.name] = direct
        lean.dependencies = kept
        if lean.request_param_name is not None:
            self._handed[lean.request_param_name] = _itself
        lean.request_param_name = _REQUEST
        if _only_a_body(lean):
            return self._short_way()
        self.dependant = lean
        try:
            return super().get_route_handler()
        finally:
            self.dependant = complete

    def _short_way(self) -> _Handler:
        """Return a way to an endpoint of at most a body that does what FastAPI's does: the same validation, errors and call.

        FastAPI looks for every kind of parameter each time. In a profile that was a sixth of the CPU of `POST /trading-signals`,
        which had lost a quarter of its requests a second to FastAPI's way, and with them its promise of 2 000.
        """
        endpoint, handed, done = self._own, tuple(self._handed.items()), self.done
        body: Any = self.body_field

        async def run(request: Request) -> Response:
            values = {name: direct(request) for name, direct in handed}
            if body is not None:
                values[body.name], errors = body.validate(await request.json(), {}, loc=("body",))
                if errors:
                    raise RequestValidationError(errors)
            return _written(await endpoint(**values), done)

        return run


async def _or_failure(call: _Handler, request: Request) -> Response:
    try:
        return await call(request)
    except EngineElsewhereError:
        raise
    except NexgentError as error:
        return error_response(error)


async def _by_the_engine(
    request: ApiRequest, elsewhere: EngineElsewhereError, services: ApiServices
) -> Response:
    """Return what the engine of an agent answers in the place of this process, or why it does not."""
    if FORWARDED_KEY in request.scope:
        request.scope[ELSEWHERE_KEY] = True
    elif services.forward_command is not None:
        try:
            return await forwarded(request, elsewhere, services.forward_command)
        except NexgentError as error:
            return error_response(error)
    return error_response(elsewhere)


def _only_a_body(dependant: Dependant) -> bool:
    """Tell whether nothing but one JSON body, if that, is to be made of the request."""
    wanted = (
        *dependant.dependencies,
        *dependant.path_params,
        *dependant.query_params,
        *dependant.header_params,
        *dependant.cookie_params,
    )
    beside = (
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
        dependant.http_connection_param_name,
        dependant.websocket_param_name,
    )
    bodies = dependant.body_params
    return (
        not any(wanted) and not any(beside) and [type(one.field_info) for one in bodies] in ([], [BodyInfo])
    )


def _let_go(error: BaseException) -> None:
    """Break the circle of an error, its traceback and the frames that hold both and the body.

    FastAPI's frame keeps the error it raises. Without this, every refused body of a megabyte stays in memory until the
    garbage collector comes by, which is seldom here.
    """
    left: BaseException | None = error
    while left is not None:
        context, left.__traceback__, left.__context__ = left.__context__, None, None
        left = context


def _body_of(route: APIRoute) -> type[Body] | None:
    kind = route.body_field.field_info.annotation if route.body_field is not None else None
    return kind if isinstance(kind, type) and issubclass(kind, Body) else None


def _itself(request: Request) -> Request:
    return request


_REQUEST = "nexgent_request"
_DIRECT: dict[Any, Callable[[Request], Any]] = {
    CallerFrom: lambda request: request.scope[CALLER_KEY],
    get_services: lambda request: request.app.state.services,
}


def _answering(
    endpoint: Callable[..., Any], status: int, handed: Mapping[str, Callable[[Request], Any]]
) -> Callable[..., Awaitable[Response]]:
    """Return an endpoint as FastAPI's way calls it: what is handed over directly is added, models are written by our encoder."""
    assert iscoroutinefunction(endpoint), f"{endpoint.__name__} must be a coroutine"

    @wraps(endpoint)
    async def run(**values: Any) -> Response:
        request = values.pop(_REQUEST, None)
        # A route that was included in the application has another around it, which has added everything.
        if request is not None:
            values.update({name: direct(request) for name, direct in handed.items()})
        return _written(await endpoint(**values), status)

    return run


def _written(answer: Any, status: int) -> Response:
    """Return an endpoint's answer as bytes: models once, exactly, and only what was given."""
    if isinstance(answer, BaseModel):
        return json_response(dumped(answer), status)
    if isinstance(answer, list):
        return json_response([dumped(one) for one in answer], status)
    response: Response = answer
    return response
