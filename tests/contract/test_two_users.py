"""Two users on one installation: no endpoint lets one see, change or infer what belongs to the other.

`PROBES` names, for every endpoint that takes somebody's ids, what is asked with the ids of another user; the answer must be the
one for ids that do not exist (or, where the contract says so, 403), without a side effect anywhere in the database. `NO_IDS`
names the endpoints that take none. An endpoint in neither table fails the test.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import asyncpg
import httpx
import pytest
import pytest_asyncio
import websockets
from pydantic import SecretStr

from nexgent.api.app import ENDPOINTS
from nexgent.api.http.access import Access
from nexgent.api.http.route import PREFIX, ApiRoute
from nexgent.domain.users.models import Claims, Scope, TokenType
from nexgent.infrastructure.security.tokens import JwtCodec
from nexgent.shared.ids import new_id
from nexgent.shared.tls import verification
from nexgent.shared.types import UserId
from tests.e2e.product import ADMIN_EMAIL, CheapSecrets, Product, until
from tests.openapi import openapi_document
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSPHRASE = "a long passphrase of the owner"
OTHER_EMAIL = "mallory@example.com"
JWT_SECRET = "a-secret-for-tests-only-0123456789abcdef"
"""The one `Product` starts the service with."""
UNSTEADY_TABLES = {
    "agent_balance_snapshots",
    "alembic_version",
    # A refusal is written down.
    "audit_log",
    "engine_lease",
    "journal_watermark",
    # What the worker tells, and how far it has come.
    "notification_deliveries",
    "notification_progress",
    "notifications",
    "position_marks",
    "position_lines",
    "price_candles",
    "price_seconds",
    # Sums of what is in other tables, made by the worker in its own time, and of the snapshots above.
    "protection_sums",
    "snapshot_begins",
    "snapshot_hours",
    "source_prices",
    "source_refusals",
}
"""What the engine writes by itself."""
_AT_REST = """
SELECT (SELECT coalesce(max(id), 0) FROM journal) <= (SELECT position FROM journal_watermark)
       AND NOT EXISTS (SELECT FROM trade_intents WHERE status IN ('intended', 'submitted'))
       AND NOT EXISTS (SELECT FROM trading_signals WHERE processed_at IS NULL)
"""
"""Whether nothing that was asked for before is still to come: what is behind the tables, a trade, or a decision."""


@dataclass(frozen=True)
class Probe:
    """One request with ids of the other user. `{name}` stands for an id; those beginning with `my_` are the caller's own.

    `foreign` and `missing` are the statuses for ids of the other user and for ids of nobody, which is not asked when empty.
    """

    foreign: tuple[int, ...] = (404,)
    missing: tuple[int, ...] = (404,)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None


def hidden(**what: Any) -> Probe:
    """What belongs to somebody else looks as if it did not exist."""
    return Probe(**what)


def alike(*statuses: int, **what: Any) -> Probe:
    """Refused, or empty, for another reason, which is the same for what does not exist."""
    return Probe(foreign=statuses, missing=statuses, **what)


def forbidden(**what: Any) -> Probe:
    """The contract tells here that it exists: 403."""
    return Probe(foreign=(403,), **what)


MINT = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
AGENT = {"id": "{agent}"}
OF_AGENT = {"agentId": "{agent}"}
WALLET = {"walletAddress": "{wallet}"}
VAULT = {"walletAddress": "{vault}"}
CONFIG = {"config": {"stopLoss": {"defaultPercentage": -20}}}
TRANSACTION = {
    "agentId": "{agent}",
    "transactionType": "DEPOSIT",
    "transactionValueUsd": 0,
    "transactionTime": "2026-01-01T00:00:00Z",
    "inputMint": "So11111111111111111111111111111111111111112",
    "inputSymbol": "SOL",
    "inputAmount": "1",
    "inputPrice": "1",
}

BALANCE = {"agentId": "{agent}", "tokenAddress": MINT, "tokenSymbol": "USDC", "balance": "12.5"}
SWAP = {
    "agentId": "{agent}",
    "tokenAddress": MINT,
    "tokenSymbol": "USDC",
    "amount": "1000",
    "purchasePrice": "0.00001",
    "salePrice": "0.000012",
    "changePercent": "20",
    "profitLossUsd": "0.3",
    "profitLossSol": "0.002",
    "purchaseTime": "2026-01-01T12:00:00.000Z",
    "saleTime": "2026-01-01T13:00:00.000Z",
    "closeReason": "manual",
}

PROBES: dict[str, list[Probe]] = {
    "GET /trading-signals/{id}": [hidden(path={"id": "{signal}"})],
    "GET /trading-signals/{id}/decisions": [hidden(path={"id": "{signal}"})],
    "PUT /trading-signals/{id}": [hidden(path={"id": "{signal}"}, body={"activationReason": "stolen"})],
    "DELETE /trading-signals/{id}": [hidden(path={"id": "{signal}"})],
    "GET /agent-positions/{agentId}": [
        hidden(path=OF_AGENT),
        hidden(path=OF_AGENT, query={"walletAddress": "{wallet}"}),
    ],
    "POST /agent-positions/{agentId}/{positionId}/close": [
        forbidden(path={"agentId": "{agent}", "positionId": "{position}"}, body={}),
        hidden(path={"agentId": "{my_agent}", "positionId": "{position}"}, body={}),
    ],
    "POST /agents/{id}/positions/{positionId}/close": [
        forbidden(path={"id": "{agent}", "positionId": "{position}"}, body={}),
        hidden(path={"id": "{my_agent}", "positionId": "{position}"}, body={}),
    ],
    "POST /agents/{id}/positions/{positionId}/sell-part": [
        forbidden(path={"id": "{agent}", "positionId": "{position}"}, body={"percent": 50}),
        hidden(path={"id": "{my_agent}", "positionId": "{position}"}, body={"percent": 50}),
    ],
    "POST /agents/{id}/positions/{positionId}/preview-sale": [
        forbidden(path={"id": "{agent}", "positionId": "{position}"}, body={"percent": 50}),
        hidden(path={"id": "{my_agent}", "positionId": "{position}"}, body={"percent": 50}),
    ],
    "POST /trades/preview": [
        hidden(body={"agentId": "{agent}", "tokenAddress": MINT}),
        hidden(body={"agentId": "{my_agent}", "tokenAddress": MINT, "walletAddress": "{wallet}"}),
        hidden(body={"agentId": "{my_agent}", "tokenAddress": MINT, "signalId": "{signal}"}),
    ],
    "POST /trades/execute": [
        hidden(body={"agentId": "{agent}", "tokenAddress": MINT}),
        hidden(body={"agentId": "{my_agent}", "tokenAddress": MINT, "walletAddress": "{wallet}"}),
        hidden(body={"agentId": "{my_agent}", "tokenAddress": MINT, "signalId": "{signal}"}),
    ],
    "GET /agents/{id}": [hidden(path=AGENT)],
    "PUT /agents/{id}": [hidden(path=AGENT, body={"name": "Stolen"})],
    "DELETE /agents/{id}": [hidden(path=AGENT)],
    "GET /agents/{id}/config": [hidden(path=AGENT)],
    "GET /agents/{id}/config/history": [hidden(path=AGENT)],
    "PUT /agents/{id}/config": [hidden(path=AGENT, body=CONFIG)],
    "PATCH /agents/{id}/config": [hidden(path=AGENT, body=CONFIG)],
    "GET /agents/{id}/positions": [
        hidden(path=AGENT),
        hidden(path=AGENT, query={"walletAddress": "{wallet}"}),
    ],
    "GET /agents/{id}/performance": [
        hidden(path=AGENT),
        alike(200, path={"id": "{my_agent}"}, query={"walletAddress": "{wallet}"}),
    ],
    "GET /agents/{id}/balance-history": [
        hidden(path=AGENT, query={"walletAddress": "{wallet}"}),
        hidden(path={"id": "{my_agent}"}, query={"walletAddress": "{wallet}"}),
    ],
    "GET /agents/{id}/protections": [hidden(path=AGENT)],
    "GET /agents/{id}/live-check": [hidden(path=AGENT)],
    "GET /agents/{id}/shadow": [hidden(path=AGENT)],
    "POST /agents/{id}/protections/reset": [hidden(path=AGENT)],
    "GET /agent-balances": [
        hidden(query={"agentId": "{agent}"}),
        hidden(query={"agentId": "{agent}", "walletAddress": "{wallet}"}),
    ],
    "GET /agent-balances/{id}": [hidden(path={"id": "{balance}"})],
    "POST /agent-balances": [
        hidden(body=BALANCE),
        hidden(body={**BALANCE, "walletAddress": "{wallet}"}),
        alike(400, body={**BALANCE, "agentId": "{my_agent}", "walletAddress": "{wallet}"}),
    ],
    "PUT /agent-balances/{id}": [hidden(path={"id": "{balance}"}, body={"balance": "1"})],
    "DELETE /agent-balances/{id}": [hidden(path={"id": "{balance}"})],
    "POST /agent-transactions": [
        forbidden(body=TRANSACTION),
        forbidden(body={**TRANSACTION, "walletAddress": "{wallet}", "signalId": "{signal}"}),
        alike(400, body={**TRANSACTION, "agentId": "{my_agent}", "walletAddress": "{wallet}"}),
        hidden(body={**TRANSACTION, "agentId": "{my_agent}", "signalId": "{signal}"}),
    ],
    "PUT /agent-transactions/{id}": [
        forbidden(path={"id": "{transaction}"}, body={"fees": "1"}),
        forbidden(path={"id": "{transaction}"}, body={"signalId": "{signal}"}),
        hidden(path={"id": "{my_transaction}"}, body={"signalId": "{signal}"}),
    ],
    "DELETE /agent-transactions/{id}": [forbidden(path={"id": "{transaction}"})],
    "POST /agent-historical-swaps": [
        forbidden(body=SWAP),
        forbidden(body={**SWAP, "walletAddress": "{wallet}"}),
        alike(400, body={**SWAP, "agentId": "{my_agent}", "walletAddress": "{wallet}"}),
        hidden(body={**SWAP, "agentId": "{my_agent}", "purchaseTransactionId": "{transaction}"}),
        hidden(body={**SWAP, "agentId": "{my_agent}", "saleTransactionId": "{transaction}"}),
        hidden(body={**SWAP, "agentId": "{my_agent}", "signalId": "{signal}"}),
    ],
    "PUT /agent-historical-swaps/{id}": [
        forbidden(path={"id": "{swap}"}, body={"closeReason": "manual"}),
        forbidden(path={"id": "{swap}"}, body={"purchaseTransactionId": "{transaction}"}),
        forbidden(path={"id": "{swap}"}, body={"saleTransactionId": "{transaction}"}),
        forbidden(path={"id": "{swap}"}, body={"signalId": "{signal}"}),
        hidden(path={"id": "{my_swap}"}, body={"purchaseTransactionId": "{transaction}"}),
        hidden(path={"id": "{my_swap}"}, body={"saleTransactionId": "{transaction}"}),
        hidden(path={"id": "{my_swap}"}, body={"signalId": "{signal}"}),
    ],
    "DELETE /agent-historical-swaps/{id}": [forbidden(path={"id": "{swap}"})],
    "GET /agent-transactions": [
        forbidden(query={"agentId": "{agent}", "walletAddress": "{wallet}", "signalId": "{signal}"})
    ],
    "GET /agent-transactions/export": [
        forbidden(query={"agentId": "{agent}", "walletAddress": "{wallet}", "signalId": "{signal}"})
    ],
    "GET /agent-transactions/{id}": [forbidden(path={"id": "{transaction}"})],
    "GET /agent-historical-swaps": [
        forbidden(
            query={
                "agentId": "{agent}",
                "walletAddress": "{wallet}",
                "signalId": "{signal}",
                "purchaseTransactionId": "{transaction}",
                "saleTransactionId": "{transaction}",
            }
        )
    ],
    "GET /agent-historical-swaps/export": [
        forbidden(
            query={
                "agentId": "{agent}",
                "walletAddress": "{wallet}",
                "signalId": "{signal}",
                "purchaseTransactionId": "{transaction}",
                "saleTransactionId": "{transaction}",
            }
        )
    ],
    # That prices of a token are recorded would tell that somebody holds it.
    "GET /price-history/{mint}": [alike(200, path={"mint": "{token}"})],
    "GET /agent-historical-swaps/{id}": [forbidden(path={"id": "{swap}"})],
    "GET /agent-positions/{agentId}/take-profit-summary": [hidden(path=OF_AGENT)],
    "GET /wallets/agent/{agentId}": [hidden(path=OF_AGENT)],
    "POST /wallets/assign": [
        hidden(body={"agentId": "{agent}", "walletAddress": "{my_wallet}", "walletType": "simulation"}),
        alike(400, body={"agentId": "{agent}", "walletAddress": "{vault}", "walletType": "live"}),
        alike(400, body={"agentId": "{my_agent}", "walletAddress": "{vault}", "walletType": "live"}),
        # An address can be had once, by whomever; one of a simulation wallet is a random text of 27 bytes that nobody guesses.
        Probe(
            foreign=(409,),
            missing=(),
            body={"agentId": "{my_agent}", "walletAddress": "{wallet}", "walletType": "simulation"},
        ),
    ],
    "POST /wallets/{walletAddress}/reset": [
        hidden(path=WALLET, body={"confirm": True}),
        hidden(path={"walletAddress": "{vault}"}, body={"confirm": True}),
    ],
    "POST /wallets/{walletAddress}/unassign": [
        alike(400, path=WALLET, body={"confirm": True}),
        hidden(path={"walletAddress": "{vault}"}, body={"confirm": True}),
    ],
    "POST /wallets/{walletAddress}/check-deposits": [
        forbidden(path={"walletAddress": "{vault}"}, body={"agentId": "{agent}"}),
        hidden(path={"walletAddress": "{vault}"}, body={"agentId": "{my_agent}"}),
    ],
    "GET /wallets/{walletAddress}/reconciliation": [hidden(path=VAULT), hidden(path=WALLET)],
    "POST /wallets/{walletAddress}/reconcile": [hidden(path=VAULT), hidden(path=WALLET)],
    "POST /wallets/{walletAddress}/adopt": [
        hidden(path=VAULT, body={"tokenAddress": MINT, "costSol": "1"}),
        hidden(path=WALLET, body={"tokenAddress": MINT, "costSol": "1"}),
    ],
    "POST /wallets/{walletAddress}/ignore": [
        hidden(path=VAULT, body={"tokenAddress": MINT}),
        hidden(path=WALLET, body={"tokenAddress": MINT}),
    ],
    "GET /wallets/{walletAddress}/rent": [hidden(path=VAULT), hidden(path=WALLET)],
    "POST /wallets/{walletAddress}/rent": [hidden(path=VAULT), hidden(path=WALLET)],
    "POST /wallets": [
        hidden(body={"agentId": "{agent}", "walletType": "live", "passphrase": PASSPHRASE}),
        hidden(body={"agentId": "{agent}", "walletType": "simulation"}),
    ],
    "GET /wallets/{walletAddress}/status": [hidden(path=WALLET), hidden(path={"walletAddress": "{vault}"})],
    "POST /wallets/{walletAddress}/unlock": [
        hidden(path={"walletAddress": "{vault}"}, body={"passphrase": PASSPHRASE}),
        hidden(path=WALLET, body={"passphrase": PASSPHRASE}),
    ],
    "POST /wallets/{walletAddress}/lock": [hidden(path={"walletAddress": "{vault}"}), hidden(path=WALLET)],
    "POST /wallets/{walletAddress}/export": [
        hidden(path={"walletAddress": "{vault}"}, body={"passphrase": PASSPHRASE, "confirm": True}),
        hidden(path=WALLET, body={"passphrase": PASSPHRASE, "confirm": True}),
    ],
    "DELETE /wallets/{walletAddress}": [
        hidden(path={"walletAddress": "{vault}"}, body={"confirm": True, "passphrase": PASSPHRASE}),
        hidden(path=WALLET, body={"confirm": True, "force": True}),
    ],
    "GET /signal-webhooks/{id}": [hidden(path={"id": "{webhook}"})],
    "PUT /signal-webhooks/{id}": [hidden(path={"id": "{webhook}"}, body={"enabled": False})],
    "DELETE /signal-webhooks/{id}": [hidden(path={"id": "{webhook}"})],
    "POST /signal-webhooks/{id}/rotate-secret": [hidden(path={"id": "{webhook}"})],
    "POST /signal-webhooks/{id}/test": [
        hidden(path={"id": "{webhook}"}, body={"alert": {"tokenAddress": MINT}})
    ],
    "POST /signal-webhooks/{id}/in": [
        alike(403, path={"id": "{webhook}"}, body={"tokenAddress": MINT, "secret": "whs_guessed"})
    ],
    "POST /admin/users/{id}/reset-password": [
        alike(403, path={"id": "{user}"}, body={"password": "Stolen-one-1"})
    ],
    "POST /admin/users/{id}/deactivate": [alike(403, path={"id": "{user}"}, body={})],
    "GET /admin/audit": [alike(403, query={"userId": "{agent}"})],
    "DELETE /auth/sessions/{id}": [hidden(path={"id": "{session}"})],
    "GET /notifications": [alike(200, query={"targetId": "{target}"})],
    "GET /notifications/targets/{id}": [hidden(path={"id": "{target}"})],
    "POST /notifications/targets": [
        hidden(
            body={"name": "Mine", "channel": "webhook", "url": "https://a.example", "agentIds": ["{agent}"]}
        )
    ],
    "PUT /notifications/targets/{id}": [
        hidden(path={"id": "{target}"}, body={"enabled": False}),
        hidden(path={"id": "{my_target}"}, body={"agentIds": ["{agent}"]}),
    ],
    "POST /notifications/targets/{id}/test": [hidden(path={"id": "{target}"})],
    "DELETE /notifications/targets/{id}": [hidden(path={"id": "{target}"})],
    "GET /api-keys/{id}": [hidden(path={"id": "{key}"})],
    "DELETE /api-keys/{id}": [hidden(path={"id": "{key}"})],
}

NO_IDS: dict[str, str] = {
    "GET /health": "says nothing about anybody",
    "GET /health/live": "says nothing about anybody",
    "GET /health/ready": "says nothing about anybody",
    "GET /metrics": "figures without users, agents or tokens; tested where they are made",
    "GET /price-feeds/sol-usd": "the market's",
    "GET /overview": "adds up the caller's own",
    "GET /overview/equity": "adds up the caller's own",
    "GET /overview/attention": "lists the caller's own",
    "GET /data-sources/status": "the market's",
    "POST /auth/login": "proves who one is",
    "POST /auth/refresh": "takes a signed token; its owner is in it",
    "POST /auth/logout": "takes a signed token; another user's is ignored, see below",
    "POST /web/login": "proves who one is",
    "POST /web/refresh": "takes the signed token of a cookie; its owner is in it",
    "POST /web/logout": "takes the signed token of a cookie; its owner is in it",
    "POST /web/link": "takes a secret that was made for one user",
    "POST /web/links": "makes one for the caller; only for commands on the machine",
    "GET /auth/me": "the caller's own",
    "POST /auth/change-password": "the caller's own",
    "GET /auth/sessions": "lists the caller's own",
    "DELETE /auth/sessions": "ends the caller's own",
    "POST /auth/register": "makes a user, where that is allowed; whether an address is known is not told",
    "POST /webhooks/test": "gives back what was sent",
    "GET /auth/audit": "the caller's own",
    "GET /admin/log-level": "the administrator's, see below",
    "PUT /admin/log-level": "the administrator's, see below",
    "GET /admin/system": "the administrator's, see below",
    "GET /admin/users": "the administrator's, see below",
    "POST /admin/users": "the administrator's, see below",
    "GET /admin/cache/status": "the administrator's, see below",
    "POST /admin/cache/warm": "the administrator's, see below",
    "POST /admin/cache/clear": "the administrator's, see below",
    "POST /admin/cache/reset": "the administrator's, see below",
    "POST /admin/cache-reset": "the administrator's, see below",
    "GET /trading-signals": "lists the caller's own",
    "GET /trading-signals/export": "holds the caller's own",
    "DELETE /trading-signals/all": "deletes the caller's own, see below",
    "POST /trading-signals": "reaches the caller's own agents only, see below",
    "POST /trading-signals/test": "looks at the caller's own agents only",
    "GET /signal-webhooks": "lists the caller's own",
    "POST /signal-webhooks": "makes one of the caller's own",
    "GET /agents": "lists the caller's own",
    "POST /agents": "makes one of the caller's own",
    "GET /wallets": "lists the caller's own",
    "GET /notifications/targets": "lists the caller's own",
    "GET /api-keys": "lists the caller's own",
    "POST /api-keys": "makes one of the caller's own",
    "GET /protections/kill-switch": "the caller's own, and the system's",
    "PUT /protections/kill-switch": "the caller's own; the system's is the administrator's, see below",
    "GET /protections/panic": "the caller's own; the system's is the administrator's, see below",
    "POST /protections/panic": "the caller's own; the system's is the administrator's, see below",
    "POST /ws/ticket": "a ticket of the caller's own session",
}

ID_NAME = re.compile(r"(^|[a-z])(Ids?|Address(es)?)$|^ids?$")


def named(endpoint: ApiRoute) -> str:
    return f"{endpoint.method} {endpoint.path}"


class World:
    """What the two users have, and how the second one asks."""

    def __init__(self, product: Product, database_url: str) -> None:
        self.product = product
        self.database_url = database_url
        self.mallory = UserId(new_id())
        self.token = _token(self.mallory, OTHER_EMAIL)
        self.key = ""
        self.theirs: dict[str, str] = {}
        """Ids of the first user by the names that probes use."""
        self.mine: dict[str, str] = {}
        self.secrets: set[str] = set()
        """Whatever of the first user must not appear in an answer."""
        self.http = httpx.AsyncClient(
            base_url=f"{product.url}/api/v1", timeout=PATIENCE_SECONDS, verify=verification(product.url)
        )

    @property
    def missing(self) -> dict[str, str]:
        """Ids of nobody, of the same shape."""
        numbers = {"signal": "2147480000"}
        addresses = {
            "wallet": f"sim_{'2' * 36}",
            "vault": "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
            "token": "9n4nbM75f5Ui33ZbPYXn59EwSgE8CGsHtAeTH5YFeJ9E",
        }
        return {name: numbers.get(name) or addresses.get(name) or str(new_id()) for name in self.theirs}

    async def ask(
        self, method: str, path: str, *, key: bool = False, body: object = None, query: Mapping[str, str] = {}
    ) -> httpx.Response:
        """Ask as the second user."""
        headers = {"X-API-Key": self.key} if key else {"Authorization": f"Bearer {self.token}"}
        return await self.http.request(
            method, path, params=dict(query), headers=headers, json=body if body is not None else None
        )

    async def probe(self, endpoint: ApiRoute, probe: Probe, ids: Mapping[str, str], *, key: bool) -> Answer:
        """Ask with those ids in the place of the names."""

        def filled(value: str) -> str:
            return value.format(**ids, **self.mine)

        def through(value: object) -> object:
            match value:
                case str():
                    return filled(value)
                case dict():
                    return {name: through(one) for name, one in value.items()}
                case list():
                    return [through(one) for one in value]
            return value

        path = endpoint.path.format(
            **{name: quote(filled(value), safe="") for name, value in probe.path.items()}
        )
        query = {name: filled(value) for name, value in probe.query.items()}
        response = await self.ask(endpoint.method, path, key=key, body=through(probe.body), query=query)
        text = response.text
        for name in _names_in(probe):
            if name in ids:
                text = re.sub(rf"\b{re.escape(ids[name])}\b", f"<{name}>", text)
        return Answer(response.status_code, _without_request(text), response.text)

    async def fingerprint(self) -> dict[str, str]:
        """Return a digest of every table, once they say all that the journal does and no trade is under way.

        All of it is one snapshot: read one after the other, tables would be of different moments.
        """
        connection: asyncpg.Connection[Any] = await asyncpg.connect(self.database_url)

        async def digests() -> dict[str, str] | None:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                if not await connection.fetchval(_AT_REST):
                    return None
                rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                return {
                    name: await connection.fetchval(
                        "SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
                        f" FROM {name} t"
                    )
                    for name in sorted({row["tablename"] for row in rows} - UNSTEADY_TABLES)
                }

        try:
            found: dict[str, str] = await until(digests, "the tables say all that the journal does")
            return found
        finally:
            await connection.close()


def _names_in(probe: Probe) -> set[str]:
    """Return the names of the ids a probe sends."""
    sent = json.dumps([dict(probe.path), dict(probe.query), probe.body])
    return set(re.findall(r"\{(\w+)\}", sent))


@dataclass(frozen=True)
class Answer:
    """What came back: `text` with names in the place of ids, `raw` as it was."""

    status: int
    text: str
    raw: str


def _without_request(text: str) -> str:
    """Drop what differs from request to request."""
    return re.sub(r'"(requestId|timestamp)":"[^"]*"', r'"\1":""', text)


def _token(user_id: UserId, email: str) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = Claims(
        user_id=user_id,
        email=email,
        type=TokenType.ACCESS,
        token_id=str(new_id()),
        issued_at=now,
        expires_at=now + 3600,
    )
    return JwtCodec(SecretStr(JWT_SECRET)).encode(claims)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    tmp_path_factory: pytest.TempPathFactory, module_database_url: str, redis_url: str
) -> AsyncIterator[World]:
    """A running product with a real market, PostgreSQL and Redis, on which the first user has one of everything."""
    # What the service writes by itself meanwhile must not look like what a stranger has written.
    settings = {"DATABASE_URL": module_database_url, "REDIS_URL": redis_url, "RECONCILE_SECONDS": "3600"}
    async with CheapSecrets(tmp_path_factory.mktemp("two-users"), settings).running() as product:
        world = World(product, module_database_url)
        await _furnish(world)
        yield world
        await world.http.aclose()


async def _furnish(world: World) -> None:
    product = world.product
    first, second = [token["mint"] for token in (await product.tokens())[:2]]
    agent = await product.agent("Victim")
    signal = await product.signal(first)
    position = await until(lambda: _first(product.positions(agent["id"])), "the first purchase")
    await product.signal(second)
    await until(lambda: _at_least(product.positions(agent["id"]), 2), "the second purchase")
    held = await product.positions(agent["id"])
    sold = next(one for one in held if one["id"] != position["id"])
    await product.call("POST", f"/agent-positions/{agent['id']}/{sold['id']}/close", {})
    swap = await until(lambda: _first(product.closed(agent["id"])), "the sale")
    rows = f"/agent-transactions?agentId={agent['id']}"
    await until(lambda: _at_least(product.call("GET", rows), 4), "all transactions")
    balance = (await product.call("GET", f"/agent-balances?agentId={agent['id']}"))[0]
    key = await product.call("POST", "/api-keys", {"name": "Hers", "scopes": ["full_access"]}, expect=201)
    webhook = await product.call("POST", "/signal-webhooks", {"name": "Hers"}, expect=201)
    # Switched off: what the worker notes of attempts that fail would be changes that nobody made.
    program = {"name": "Hers", "channel": "webhook", "url": "https://hers.example/in", "enabled": False}
    target = await product.call("POST", "/notifications/targets", program, expect=201)
    body = {"agentId": agent["id"], "walletType": "live", "passphrase": PASSPHRASE}
    vault = await product.call("POST", "/wallets", body, expect=201)
    # The engine's own first look comes in its own time. Once it is known to be due in an hour only, the owner has one made.
    await until(lambda: _is_followed(product), "the live wallet is followed")
    await product.call("POST", f"/wallets/{vault['walletAddress']}/reconcile", {})
    me = await product.call("GET", "/auth/me")
    world.theirs = {
        "user": me["id"],
        "agent": agent["id"],
        "position": position["id"],
        "token": position["tokenAddress"],
        "wallet": agent["wallet"],
        "vault": vault["walletAddress"],
        "signal": str(signal),
        "transaction": (await product.call("GET", rows))[0]["id"],
        "swap": swap["id"],
        "balance": balance["id"],
        "key": key["id"],
        "webhook": webhook["id"],
        "target": target["id"],
        "session": (await product.call("GET", "/auth/sessions"))["items"][0]["id"],
    }
    world.secrets = {value for name, value in world.theirs.items() if name not in {"signal", "token"}}
    world.secrets |= {me["id"], ADMIN_EMAIL, key["key"], webhook["secret"], target["secret"], first, second}
    await _furnish_the_other(world)


async def _is_followed(product: Product) -> bool:
    """Tell whether reconciliation knows of the live wallet: a look that was due at the start is over or under way by then."""
    health = await product.call("GET", "/health")
    return bool((health.get("reconciliation") or {}).get("wallets"))


async def _furnish_the_other(world: World) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(world.database_url)
    try:
        await connection.execute(
            "INSERT INTO users (id, email, password_hash) VALUES ($1, $2, 'x')", world.mallory, OTHER_EMAIL
        )
    finally:
        await connection.close()
    made = await world.ask("POST", "/agents", body={"name": "Mallory's"})
    assert made.status_code == 201, made.text
    key = await world.ask(
        "POST", "/api-keys", body={"name": "Mine", "scopes": ["full_access", "trading", "kill_switch"]}
    )
    assert key.status_code == 201, key.text
    world.key = key.json()["key"]
    agent = made.json()["id"]
    deposit = await world.ask("POST", "/agent-transactions", body={**TRANSACTION, "agentId": agent})
    assert deposit.status_code == 201, deposit.text
    wallets = (await world.ask("GET", f"/wallets/agent/{agent}")).json()
    found = re.search(r'"walletAddress":"(sim_[^"]+)"', json.dumps(wallets).replace(": ", ":"))
    assert found is not None
    swap = await world.ask("POST", "/agent-historical-swaps", body={**SWAP, "agentId": agent})
    assert swap.status_code == 201, swap.text
    program = {"name": "Mine", "channel": "webhook", "url": "https://mine.example/in", "enabled": False}
    target = await world.ask("POST", "/notifications/targets", body=program)
    assert target.status_code == 201, target.text
    world.mine = {
        "my_agent": agent,
        "my_target": target.json()["id"],
        "my_wallet": found[1],
        "my_transaction": deposit.json()["id"],
        "my_swap": swap.json()["id"],
    }


async def _first(call: Any) -> Any:
    rows = await call
    return rows[0] if rows else None


async def _at_least(call: Any, count: int) -> bool:
    return len(await call) >= count


async def test_every_endpoint_is_in_the_table() -> None:
    known = {named(endpoint) for endpoint in ENDPOINTS}
    unlisted = sorted(known - set(PROBES) - set(NO_IDS))
    assert not unlisted, (
        "These endpoints are in neither table of tests/contract/test_two_users.py. Add what another user's ids are answered with "
        f"to PROBES, or, when they take nobody's ids, the reason to NO_IDS: {unlisted}"
    )
    gone = sorted((set(PROBES) | set(NO_IDS)) - known)
    assert not gone, f"These endpoints do not exist any more; take them out of the tables: {gone}"
    assert not set(PROBES) & set(NO_IDS)


DOCUMENT = openapi_document()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=named)
async def test_every_id_an_endpoint_takes_is_probed(endpoint: ApiRoute) -> None:
    taken = {("path", name) for name in re.findall(r"\{(\w+)\}", endpoint.path)}
    operation = DOCUMENT["paths"][PREFIX + endpoint.path][endpoint.method.lower()]
    names = {one["name"] for one in operation["parameters"] if one["in"] == "query"}
    taken |= {("query", name) for name in names if ID_NAME.search(name)}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    taken |= {("body", name) for name in _id_fields(body)}
    probed = {
        (place, name)
        for probe in PROBES.get(named(endpoint), [])
        for place, given in (("path", probe.path), ("query", probe.query), ("body", probe.body))
        if isinstance(given, Mapping)
        for name in given
    }
    left = sorted(taken - probed - MARKET_IDS)
    assert not left, f"{named(endpoint)} takes {left}, which no probe in PROBES names"


MARKET_IDS = {
    ("query", "tokenAddress"),
    ("body", "tokenAddress"),
    # Where tokens go to on the chain: nobody's id here.
    ("body", "destinationAddress"),
}


def _id_fields(schema: Mapping[str, Any]) -> set[str]:
    if "$ref" in schema:
        return _id_fields(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    names: set[str] = set()
    for name, inner in schema.get("properties", {}).items():
        names |= {name} if ID_NAME.search(name) else set()
        for one in (inner, inner.get("items", {}), *inner.get("anyOf", [])):
            names |= _id_fields(one)
    return names


def _ways(endpoint: ApiRoute) -> list[Literal[False, True]]:
    return [False, True] if isinstance(endpoint.access, Scope) else [False]


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if named(one) in PROBES], ids=named)
async def test_ids_of_another_user_open_nothing(world: World, endpoint: ApiRoute) -> None:
    before = await world.fingerprint()
    for probe in PROBES[named(endpoint)]:
        for key in _ways(endpoint):
            foreign = await world.probe(endpoint, probe, world.theirs, key=key)
            told = f"{named(endpoint)} {probe}: foreign {foreign}"
            assert foreign.status in probe.foreign, told
            sent = {world.theirs[name] for name in _names_in(probe) if name in world.theirs}
            assert not {one for one in world.secrets - sent if one in foreign.raw}, told
            if not probe.missing:
                continue
            missing = await world.probe(endpoint, probe, world.missing, key=key)
            told += f", missing {missing}"
            assert missing.status in probe.missing, told
            if probe.foreign == probe.missing:
                # Not a letter tells the one from the other.
                assert (foreign.status, foreign.text) == (missing.status, missing.text), told
            elif probe.foreign == (403,):
                assert "Forbidden" in foreign.raw, told
                assert "not found" in missing.raw, told
    assert await world.fingerprint() == before


@pytest.mark.parametrize(
    "endpoint",
    [
        one
        for one in ENDPOINTS
        if named(one) in NO_IDS
        and one.method == "GET"
        and one.access is not Access.PUBLIC
        and not one.path.startswith("/admin/")
    ],
    ids=named,
)
async def test_lists_hold_nothing_of_another_user(world: World, endpoint: ApiRoute) -> None:
    for key in _ways(endpoint):
        response = await world.ask("GET", endpoint.path, key=key)
        assert response.status_code == 200, response.text
        if endpoint.path == "/auth/audit":
            # Ids of others stand in it only where the caller has sent them.
            assert {one["userId"] for one in response.json()} == {str(world.mallory)}
            continue
        assert not {one for one in world.secrets if one in response.text}


@pytest.mark.parametrize("what", ["agent", "vault", "position"])
async def test_owners_still_see_what_is_theirs(world: World, what: str) -> None:
    product, agent = world.product, world.theirs["agent"]
    path = {
        "agent": f"/agents/{agent}",
        "vault": f"/wallets/{world.theirs['vault']}/status",
        "position": f"/agent-positions/{agent}",
    }[what]
    assert world.theirs[what] in json.dumps(await product.call("GET", path), default=str)


async def test_a_signal_reaches_its_senders_agents_only(world: World) -> None:
    product = world.product
    held = [one["id"] for one in await product.positions(world.theirs["agent"])]
    mint = (await product.tokens())[2]["mint"]
    body = {"tokenAddress": mint, "symbol": "EXM", "signalType": "TEST", "signalStrength": 3}
    made = await world.ask("POST", "/trading-signals", body=body)
    assert made.status_code == 201, made.text
    path = f"/trading-signals/{made.json()['id']}/decisions"

    async def decided() -> Any:
        return (await world.ask("GET", path)).json()["decisions"]

    decisions = await until(decided, "the signal is decided on")
    assert {one["agentId"] for one in decisions} == {world.mine["my_agent"]}
    assert [one["id"] for one in await product.positions(world.theirs["agent"])] == held


async def test_deleting_all_signals_spares_those_of_others(world: World) -> None:
    done = await world.ask("DELETE", "/trading-signals/all", query={"confirm": "true"})
    assert done.status_code == 200, done.text
    kept = await world.product.call("GET", f"/trading-signals/{world.theirs['signal']}")
    assert str(kept["id"]) == world.theirs["signal"]


async def test_another_users_refresh_token_survives_a_logout_that_names_it(world: World) -> None:
    login = {"email": ADMIN_EMAIL, "password": "a-Password-for-tests-1"}
    session = (await world.http.post("/auth/login", json=login)).json()
    token, world.token = world.token, _token(world.mallory, OTHER_EMAIL)
    try:
        out = await world.ask("POST", "/auth/logout", body={"refreshToken": session["refreshToken"]})
    finally:
        world.token = token
    assert out.status_code == 200
    again = await world.http.post("/auth/refresh", json={"refreshToken": session["refreshToken"]})
    assert again.status_code == 200, again.text


async def test_nobody_but_the_administrator_stops_everybody(world: World) -> None:
    refused = await world.ask(
        "PUT", "/protections/kill-switch", body={"engaged": True, "scope": "system", "reason": "mischief"}
    )
    assert refused.status_code == 403, refused.text
    assert "Forbidden" in refused.text
    flattening = {"flatten": True, "scope": "system"}
    for panicking in (
        await world.ask("POST", "/protections/panic", body=flattening),
        await world.ask("GET", "/protections/panic", query={"scope": "system"}),
    ):
        assert panicking.status_code == 403, panicking.text
    panicked = await world.ask("POST", "/protections/panic", body={"flatten": True, "reason": "my own"})
    assert panicked.status_code == 200, panicked.text
    mine = await world.ask("PUT", "/protections/kill-switch", body={"engaged": True, "reason": "my own"})
    assert mine.status_code == 200, mine.text
    theirs = await world.product.call("GET", "/protections/kill-switch")
    assert "my own" not in json.dumps(theirs)
    assert theirs["user"]["engaged"] is False
    assert (await world.product.call("GET", "/protections/panic"))["remainingCount"] > 0

    async def out() -> bool:
        return bool((await world.ask("GET", "/protections/panic")).json()["remainingCount"] == 0)

    await until(out, "the caller's own positions are sold")
    back = await world.ask("PUT", "/protections/kill-switch", body={"engaged": False})
    assert back.status_code == 200, back.text


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.path.startswith("/admin/")], ids=named)
async def test_nobody_but_the_administrator_gets_at_the_cache(world: World, endpoint: ApiRoute) -> None:
    body = {"confirm": True} if endpoint.method == "POST" else None

    refused = await world.ask(endpoint.method, endpoint.path, body=body)

    assert (refused.status_code, refused.json()["error"]) == (403, "Forbidden: admin only")


async def _seen(world: World, query: str, **options: Any) -> tuple[list[str], tuple[int, str]]:
    """Connect to the WebSocket; return all frames and how it ended."""
    frames = []
    async with websockets.connect(f"ws://127.0.0.1:{world.product.port}/ws?{query}", **options) as connection:
        with suppress(websockets.ConnectionClosed):
            while True:
                frames.append(str(await connection.recv()))
        close = connection.protocol.close_rcvd
        assert close is not None
        return frames, (close.code, close.reason)


async def test_the_websocket_of_another_users_agent_looks_as_if_there_were_none(world: World) -> None:
    before = await world.fingerprint()

    async def ticket() -> str:
        return str((await world.ask("POST", "/ws/ticket")).json()["ticket"])

    foreign, missing = world.theirs["agent"], str(new_id())
    for way in ("token", "ticket", "protocol", "key"):
        answers = []
        for agent in (foreign, missing):
            query, options = f"agentId={agent}", dict[str, Any]()
            if way == "token":
                query += f"&token={world.token}"
            elif way == "ticket":
                query += f"&ticket={await ticket()}"
            elif way == "protocol":
                options = {"subprotocols": ["nexgent.v1", f"bearer.{world.token}"]}
            else:
                options = {"additional_headers": {"X-API-Key": world.key}}
            answers.append(await _seen(world, query, **options))
        assert answers[0] == answers[1]
        frames, ended = answers[0]
        assert ended == (1008, "Agent not found")
        assert [json.loads(frame)["type"] for frame in frames] == ["error"]
    assert await world.fingerprint() == before


async def test_a_place_in_another_users_stream_brings_nothing_of_it(world: World) -> None:
    product = world.product
    async with product.follow(world.theirs["agent"]) as frames:
        first = await frames.next(lambda frame: frame["type"] == "initial_data", "the owner's snapshot")
        epoch = first["data"]["epoch"]
        query = f"token={world.token}&agentId={world.mine['my_agent']}&epoch={epoch}&lastSeq=0"
        async with websockets.connect(f"ws://127.0.0.1:{product.port}/ws?{query}") as connection:
            connected = json.loads(await connection.recv())
            assert connected["data"]["resumed"] is False
            snapshot = await connection.recv()
            resume = {"type": "resume", "data": {"epoch": epoch, "lastSeq": 0}}
            await connection.send(json.dumps(resume))
            again = await connection.recv()
            for text in (str(snapshot), str(again)):
                assert json.loads(text)["type"] == "initial_data"
                owned = world.secrets - {one["mint"] for one in await product.tokens()}
                assert not {one for one in owned if one in text}
