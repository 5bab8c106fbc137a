"""Which requests go into the audit log, and what is written of them.

The list follows from the endpoints themselves: everything that writes is in it, whether it was thought of or not, unless its
router or the endpoint says that it is left out; an endpoint says what it is called. It is written outside of the endpoints, so
that a request that matters cannot leave without its entry, and one that does not (a signal) costs a look at its path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nexgent.api.body import parse_object
from nexgent.api.forwarding import ANSWERED_KEY, ELSEWHERE_KEY
from nexgent.api.http.access import CALLER_KEY, Access
from nexgent.api.http.route import ApiRoute
from nexgent.api.rate_limits import CLIENT_IP_KEY
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.audit.models import AuditEntry, Outcome
from nexgent.domain.audit.trail import AuditTrail
from nexgent.domain.users.models import Caller
from nexgent.shared.clock import Clock
from nexgent.shared.errors import NexgentError
from nexgent.shared.types import AgentId, UserId

PREFIX = "/api/v1"
# Fields of bodies that may be written down. Nothing else of a body ever is.
FIELDS = (
    "agentId",
    "walletAddress",
    "walletType",
    "tradingMode",
    "automatedTradingLive",
    "automatedTradingSimulation",
    "name",
    "scopes",
    "engaged",
    "flatten",
    "enabled",
    "reason",
    "scope",
    "ttlSeconds",
    "rememberMe",
    "expiresAt",
)
_MAX_ANSWER_BYTES = 65_536
_MAX_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Audited:
    """An endpoint whose calls are written down."""

    action: str
    template: tuple[str, ...]
    public: bool


def audited_endpoints(endpoints: Iterable[ApiRoute]) -> dict[str, list[Audited]]:
    """Return what is written down, by method and first part of the path: all others are let through by one look."""
    found: dict[str, list[Audited]] = {}
    for endpoint in endpoints:
        parts = tuple(endpoint.path.strip("/").split("/"))
        if endpoint.method == "GET":
            continue
        declared = endpoint.action
        action = declared.name if declared is not None else _derived(endpoint.method, parts)
        if not action:
            continue
        public = endpoint.access is Access.PUBLIC
        found.setdefault(f"{endpoint.method} {parts[0]}", []).append(Audited(action, parts, public))
    return found


def _derived(method: str, parts: tuple[str, ...]) -> str:
    words = [part.replace("-", "_") for part in parts if not part.startswith("{")]
    return ".".join([*words, method.lower()])


class AuditMiddleware:
    """Hands requests on; of sensitive ones it writes down what came of them before the answer leaves."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        endpoints: Iterable[ApiRoute],
        trail: AuditTrail,
        directory: AgentDirectory,
        clock: Clock,
    ) -> None:
        self._app = app
        self._audited = audited_endpoints(endpoints)
        self._trail = trail
        self._directory = directory
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        matched = self._match(scope["method"], scope["path"])
        if matched is None:
            await self._app(scope, receive, send)
            return
        await self._watched(*matched, scope, receive, send)

    def _match(self, method: str, path: str) -> tuple[Audited, dict[str, str]] | None:
        if not path.startswith(PREFIX):
            return None
        rest = path[len(PREFIX) + 1 :]
        candidates = self._audited.get(f"{method} {rest.partition('/')[0]}")
        if candidates is None:
            return None
        parts = rest.split("/")
        for candidate in candidates:
            if len(candidate.template) != len(parts):
                continue
            values: dict[str, str] = {}
            for wanted, part in zip(candidate.template, parts, strict=True):
                if wanted.startswith("{"):
                    values[wanted[1:-1]] = part
                elif wanted != part:
                    break
            else:
                return candidate, values
        return None

    async def _watched(
        self, endpoint: Audited, values: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        given, answered = bytearray(), bytearray()
        start: Message | None = None

        async def listening() -> Message:
            message = await receive()
            if message["type"] == "http.request" and len(given) < _MAX_BODY_BYTES:
                given.extend(message.get("body", b""))
            return message

        # Before the change: afterwards a deleted agent has no mode any more.
        mode = self._agent_mode(values)

        async def writing(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                if message["type"] == "http.response.body" and len(answered) < _MAX_ANSWER_BYTES:
                    answered.extend(message.get("body", b""))
                head, start = start, None
                await self._write(endpoint, values, scope, head, bytes(given), bytes(answered), mode)
                await send(head)
            await send(message)

        try:
            await self._app(scope, listening, writing)
        except Exception:
            # Whoever answers the failure stands further out.
            await self._write(endpoint, values, scope, {"status": 500}, bytes(given), b"", mode)
            raise

    async def _write(
        self,
        endpoint: Audited,
        values: dict[str, str],
        scope: Scope,
        head: Message,
        given: bytes,
        answered: bytes,
        mode: str,
    ) -> None:
        status: int = head["status"]
        if ANSWERED_KEY in scope or ELSEWHERE_KEY in scope:
            # The process that carried it out has written it down, or one that did not and was asked leaves it to who asked.
            return
        caller: Caller | None = scope.get(CALLER_KEY)
        # Strangers who prove nothing could fill the log: what they send where a login is needed is only counted elsewhere.
        if status == 429 or (caller is None and not endpoint.public):
            return
        if caller is None and status in (400, 403, 404, 413, 415):
            return
        if Headers(raw=list(head.get("headers", ()))).get("idempotency-replayed"):
            return
        body, answer = _object(given), _answer(answered)
        user_id, actor = _who(caller, body, answer)
        if user_id is None and not actor:
            # Who logs out without a session, or guesses at links, names nobody.
            return
        details = {name: _text(body[name]) for name in FIELDS if body.get(name) is not None}
        if endpoint.action == "agent.configure" and isinstance(config := body.get("config"), Mapping):
            details["changed"] = ", ".join(sorted(map(str, config)))
        if endpoint.action == "wallet.create":
            details["imported"] = "true" if any("key" in name.lower() for name in body) else "false"
        if mode:
            details["agentMode"] = mode
        if status >= 400:
            details["status"] = str(status)
            details |= {"code": str(answer["code"])} if answer.get("code") else {}
        await self._trail.record(
            AuditEntry(
                at=self._clock.now(),
                action=endpoint.action,
                outcome=_outcome(status),
                actor=actor,
                user_id=user_id,
                target=_target(values, body, answer),
                address=str(scope.get(CLIENT_IP_KEY, "")),
                details=details,
            )
        )

    def _agent_mode(self, values: Mapping[str, str]) -> str:
        try:
            agent = self._directory.find(AgentId(UUID(values["id"])))
        except (KeyError, ValueError):
            return ""
        return agent.trading_mode.value if agent is not None else ""


def _outcome(status: int) -> Outcome:
    if status < 400:
        return Outcome.OK
    return Outcome.LOCKED if status == 423 else Outcome.FAILED


def _who(
    caller: Caller | None, body: Mapping[str, object], answer: Mapping[str, object]
) -> tuple[UserId | None, str]:
    if caller is not None:
        if caller.claims is not None:
            return caller.user_id, caller.claims.email
        return caller.user_id, f"key:{caller.key.id}" if caller.key is not None else ""
    user = answer.get("user")
    user_id: UserId | None = None
    if isinstance(user, Mapping):
        try:
            user_id = UserId(UUID(str(user.get("id"))))
        except ValueError:
            user_id = None
    email = body.get("email")
    return user_id, email.strip().lower() if isinstance(email, str) else ""


def _target(values: Mapping[str, str], body: Mapping[str, object], answer: Mapping[str, object]) -> str:
    if values:
        return next(iter(values.values()))
    for source in (answer, body):
        for name in ("id", "address", "walletAddress", "agentId"):
            if isinstance(found := source.get(name), str):
                return found
    return ""


def _object(raw: bytes) -> Mapping[str, object]:
    if not raw or len(raw) > _MAX_BODY_BYTES:
        return {}
    try:
        return parse_object(raw)
    except NexgentError:
        return {}


def _answer(raw: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value[:20])
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
