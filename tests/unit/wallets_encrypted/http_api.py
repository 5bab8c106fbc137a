"""The endpoints of encrypted wallets behind the real authentication, over a world in memory or on a database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI

from nexgent.api.deps import WalletParts
from nexgent.api.dispatch import Dispatcher
from nexgent.api.http.route import ApiRoute
from nexgent.api.rate_limits import RateLimits
from nexgent.api.v1.encrypted_wallets.router import router
from nexgent.api.v1.wallets.router import router as plain_wallets
from nexgent.domain.users.authenticate import Authenticator, RevokedTokens
from nexgent.domain.users.models import Claims, TokenType
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.builders import USER
from tests.fakes.api import SECRET, FakeKeys
from tests.fakes.encrypted_wallets import World


class WalletApi:
    """An application with the wallet endpoints only."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._tokens = JwtCodec(SECRET)
        clock = SystemClock()
        rules = world.rules
        app = FastAPI()
        app.state.services = SimpleNamespace(
            users=SimpleNamespace(
                authenticator=Authenticator(
                    tokens=self._tokens, keys=FakeKeys(), revoked=RevokedTokens(), clock=clock
                )
            ),
            rate_limits=RateLimits(clock=clock, counters=None, enabled=False),
            encrypted_wallets=world.all,
            forward_command=None,
            trades_for=lambda _: True,
            wallets=WalletParts(
                listing=rules.listing,
                assign=rules.assign,
                reset=rules.reset,
                unassign=rules.unassign,
                deposits=rules.deposits,
            ),
        )
        routes = [*plain_wallets.routes, *router.routes]
        self._app: Any = Dispatcher(app, [route for route in routes if isinstance(route, ApiRoute)])

    def client(self, user_id: UserId | None = USER) -> httpx.AsyncClient:
        """Return a client with a session of that user, or without one."""
        now = int(SystemClock().now().timestamp())
        headers = {}
        if user_id is not None:
            claims = Claims(
                user_id=user_id,
                email="a@b.co",
                type=TokenType.ACCESS,
                token_id=str(new_id()),
                issued_at=now,
                expires_at=now + 600,
            )
            headers["authorization"] = f"Bearer {self._tokens.encode(claims)}"
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers)
