"""The endpoint behind a real server, configured as the product's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from pydantic import SecretStr

from nexgent.bootstrap.asgi import SocketReception
from nexgent.domain.agents.config import DEFAULT_CONFIG
from nexgent.domain.agents.directory import AgentDirectory
from nexgent.domain.agents.models import Agent, TradingMode
from nexgent.domain.users.authenticate import Authenticator, RevokedTokens, key_hash
from nexgent.domain.users.events import TokenRevoked
from nexgent.domain.users.models import Claims, TokenType
from nexgent.domain.users.socket_tickets import SocketTickets
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.infrastructure.server.config import ServerConfig
from nexgent.infrastructure.server.connections import Connections
from nexgent.infrastructure.server.limits import ServerLimits
from nexgent.infrastructure.websocket.caller import SocketCaller
from nexgent.infrastructure.websocket.conversation import Conversations, SocketTiming
from nexgent.infrastructure.websocket.endpoint import WebSocketEndpoint
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId
from tests.builders import an_api_key
from tests.fakes.api import FakeKeys
from tests.fakes.clock import ShiftedClock
from tests.fakes.tickets import FakeTickets
from tests.patience import until
from tests.unit.websocket.parts import World

USUAL = SocketTiming()


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:
        return nullcontext()


class Site:
    """A server with one user's agent on it."""

    def __init__(self) -> None:
        self.clock = ShiftedClock()
        self.world = World(clock=self.clock)
        self.user_id = UserId(new_id())
        self.codec = JwtCodec(SecretStr("a-secret-for-tests-only-0123456789abcdef"))
        self.revoked = RevokedTokens(self._publish)
        self.keys = FakeKeys()
        self.authenticator = Authenticator(
            tokens=self.codec, keys=self.keys, revoked=self.revoked, clock=self.clock
        )
        self.ticket_store = FakeTickets()
        self.tickets = SocketTickets(store=self.ticket_store, revoked=self.revoked, clock=self.clock)
        self.stopping = False
        self.looks = 0
        """How often it was asked whether a caller is still welcome."""
        self.directory = AgentDirectory()
        self.directory.load([self._agent(self.world.agent_id, self.user_id)])
        self.port = 0
        self.limits = ServerLimits()

    def _publish(self, event: object) -> None:
        if isinstance(event, TokenRevoked):
            self.world.hub.on_token_revoked(event)

    def revoke(self, token_id: str) -> None:
        """Log a session out."""
        self.revoked.add(token_id, 2**31, self.clock.now().timestamp())

    def key(self, *scopes: str) -> tuple[str, UUID]:
        """Return an API key of the user and its id."""
        text = f"nex_{new_id().hex}"
        key = self.keys.by_hash[key_hash(text)] = an_api_key(*scopes, user_id=self.user_id)
        return text, key.id

    def claims(
        self,
        *,
        user: UserId | None = None,
        kind: TokenType = TokenType.ACCESS,
        seconds: float = 900,
        session: Claims | None = None,
    ) -> Claims:
        """Return what a token says."""
        now = self.clock.now().timestamp()
        return Claims(
            user_id=user or self.user_id,
            email="user@example.com",
            type=kind,
            token_id=str(new_id()),
            issued_at=int(now),
            expires_at=int(now + seconds),
            session_id=session.session_id if session is not None else "",
            session_ends_at=session.session_ends_at if session is not None else 0,
        )

    def token(
        self, *, user: UserId | None = None, kind: TokenType = TokenType.ACCESS, seconds: float = 900
    ) -> str:
        """Return a signed token; remember its id as `last_token_id`."""
        claims = self.claims(user=user, kind=kind, seconds=seconds)
        self.last_token_id = claims.token_id
        return self.codec.encode(claims)

    def address(self, token: str | None = None, agent: object = None) -> str:
        """Return the address of the agent's socket."""
        agent = agent or self.world.agent_id
        return f"ws://127.0.0.1:{self.port}/ws?token={token or self.token()}&agentId={agent}"

    @asynccontextmanager
    async def serve(self, timing: SocketTiming = USUAL, **options: Any) -> AsyncIterator[None]:
        """Run the server."""
        reception = _CountingReception(self)
        endpoint = WebSocketEndpoint(
            conversations=Conversations(
                hub=self.world.hub,
                directory=self.directory,
                reception=reception,
                clock=self.clock,
                timing=timing,
            ),
            directory=self.directory,
            reception=reception,
            stopping=lambda: self.stopping,
            **options,
        )
        self.connections = Connections(self.limits)
        config = ServerConfig(
            endpoint, self.connections, host="127.0.0.1", port=0, timeout_graceful_shutdown=1
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: _true(server.started), "the server has started")
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.should_exit = True
            await serving

    @staticmethod
    def _agent(agent_id: AgentId, user_id: UserId) -> Agent:
        now = SystemClock().now()
        return Agent(
            id=agent_id,
            user_id=user_id,
            name="Tester",
            trading_mode=TradingMode.SIMULATION,
            automated_trading_simulation=True,
            automated_trading_live=False,
            config=DEFAULT_CONFIG,
            wallets=(),
            created_at=now,
            updated_at=now,
        )


async def _true(value: bool) -> bool:
    return value


@pytest.fixture
def site() -> Site:
    """A site that is not served yet."""
    return Site()


class _CountingReception(SocketReception):
    def __init__(self, site: Site) -> None:
        super().__init__(site.authenticator, site.tickets)
        self._site = site

    async def still_welcome(self, caller: SocketCaller) -> bool:
        self._site.looks += 1
        return await super().still_welcome(caller)
