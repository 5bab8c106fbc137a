"""A sandbox and a service as separate processes, for contract tests that run on no event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr

from nexgent.domain.users.models import Claims, TokenType
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.clock import SystemClock
from nexgent.shared.tls import verification
from nexgent.shared.types import UserId
from tests.e2e.product import ADMIN_EMAIL, ADMIN_PASSWORD, CheapSecrets, Product
from tests.patience import PATIENCE_SECONDS

_addresses = itertools.count(1)


def some_address() -> str:
    """Return another client address each time: limits that count by address are not what these tests are about."""
    number = next(_addresses)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Service:
    """The running service, and sessions for it."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.url = product.url
        self._codec = JwtCodec(SecretStr(product.environment["JWT_SECRET"]))
        self._clock = SystemClock()
        self.http = httpx.Client(
            base_url=product.url, timeout=PATIENCE_SECONDS, verify=verification(product.url)
        )
        answer = self.http.post("/api/v1/auth/login", json={"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD})
        assert answer.status_code == 200, answer.text
        self.user_id = UUID(answer.json()["user"]["id"])

    def token(self, user_id: UUID | None = None) -> str:
        """Return a new session: tests log out, and may not spend the few logins of a minute."""
        now = int(self._clock.now().timestamp())
        return self._codec.encode(
            Claims(
                user_id=UserId(user_id or self.user_id),
                email=ADMIN_EMAIL if user_id is None else "stranger@example.com",
                type=TokenType.ACCESS,
                token_id=str(uuid4()),
                issued_at=now,
                expires_at=now + 900,
            )
        )

    def headers(self, token: str | None = None) -> dict[str, str]:
        """Return the headers of a session, from an address of its own."""
        return {"authorization": f"Bearer {token or self.token()}", "x-forwarded-for": some_address()}


@contextmanager
def running_service(folder: Path, **settings: str) -> Iterator[Service]:
    """Run a sandbox and a service until the block ends; `settings` change the service's environment."""
    with asyncio.Runner() as runner:
        product = ConfiguredProduct(folder, settings)
        try:
            runner.run(product.start_sandbox())
            runner.run(product.start_service())
            service = Service(product)
            try:
                yield service
            finally:
                service.http.close()
        finally:
            runner.run(product.stop())


class ConfiguredProduct(CheapSecrets):
    """A product with settings of its own."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        super().__init__(folder)
        self._settings = settings

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of the service."""
        return {**super().environment, **self._settings}
