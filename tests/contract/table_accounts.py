"""The contract of sessions, wallets, API keys and the service itself, written down by hand."""

from __future__ import annotations

from tests.contract.answers import (
    CONFIGURED,
    ENGINE,
    KEY,
    MODE,
    NETWORK,
    OWN_WALLET,
    RESET,
    SERVER,
    TOKENS,
    TRUE,
    USER,
    WARMED,
)
from tests.contract.contract import (
    AGENT_ID,
    BAD_AGENT_ID,
    BODY_AGENT,
    NO_AGENT_ID,
    NO_WALLET,
    PAGE,
    PUBLIC,
    SESSION,
    UNCONFIRMED,
    UNKNOWN,
    Contract,
    Refusal,
    bad_id,
)
from tests.contract.shapes import (
    ANY,
    BOOL,
    DECIMAL,
    INT,
    NUMBER,
    TEXT,
    TIME,
    UUID,
    Nullable,
    Optional,
    one_of,
)

# fmt: off
LOG_LEVEL = {"configured": TEXT, "level": TEXT, "loggers": ANY}
LEVEL = one_of("info", "warning", "danger")
TARGET = {
    "id": UUID, "name": TEXT, "channel": one_of("apprise", "webhook"), "address": TEXT, "enabled": BOOL,
    "events": Nullable([TEXT]), "minLevel": LEVEL, "agentIds": Nullable([UUID]),
    "quietHours": Nullable({"from": TEXT, "to": TEXT, "timeZone": TEXT}), "digestSeconds": INT, "createdAt": TIME,
    "updatedAt": TIME, "sentCount": INT, "failedCount": INT, "lastSentAt": Nullable(TIME), "lastError": Nullable(TEXT),
    "lastErrorAt": Nullable(TIME), "failingSince": Nullable(TIME), "retryAt": Nullable(TIME),
}
DELIVERY = {
    "id": INT, "notificationId": UUID, "at": TIME, "kind": TEXT, "level": LEVEL, "title": TEXT, "text": TEXT,
    "agentId": Nullable(UUID), "facts": ANY, "targetId": UUID, "targetName": TEXT,
    "state": one_of("waiting", "sent", "failed"), "attempts": INT, "dueAt": TIME, "sentAt": Nullable(TIME),
    "error": Nullable(TEXT),
}
AUDIT = {
    "id": INT, "at": TIME, "action": TEXT, "outcome": one_of("ok", "failed", "locked"), "userId": Nullable(UUID), "actor": TEXT,
    "target": TEXT, "address": TEXT, "details": ANY,
}
PANIC = {
    "scope": one_of("user", "system"), "engaged": BOOL, "flatten": BOOL, "reason": Nullable(TEXT), "changedAt": Nullable(TIME),
    "recorded": BOOL, "engine": BOOL, "flat": BOOL, "entriesUnderWay": INT, "remainingCount": INT,
    "remaining": [
        {
            "agentId": UUID, "agentName": TEXT, "positionId": UUID, "tokenAddress": TEXT, "tokenSymbol": TEXT,
            "walletAddress": TEXT, "walletType": MODE, "exitReason": Nullable(TEXT), "attempts": INT, "code": Nullable(TEXT),
        }
    ],
    "resume": TEXT,
}
ORPHAN = {"tokenAddress": TEXT, "tokenSymbol": TEXT, "amount": DECIMAL}
DIFFERENCE = {
    "kind": one_of("deposit", "withdrawal", "moved"), "tokenAddress": TEXT, "tokenSymbol": TEXT, "ledgerAmount": DECIMAL,
    "chainAmount": DECIMAL, "difference": DECIMAL, "positionId": Nullable(UUID),
}
RENT_ACCOUNT = {"address": TEXT, "tokenAddress": TEXT, "closes": BOOL, "deposit": DECIMAL, "reclaimable": DECIMAL}
WEAK = Refusal(400, "too weak", body={"password": "all-lower-case-1"}, code="WEAK_PASSWORD")
NOT_MINE = Refusal(409, "your own account", ids={"id": "@admin"}, code="OWN_ACCOUNT")
WEB_SESSION = {"accessToken": TEXT, "expiresIn": INT, "user": USER}
OUR_PAGE = {"x-nexgent-web": "1"}
NOT_OUR_PAGE = Refusal(403, "Forbidden: only the dashboard", without_headers=True, code="NOT_THE_DASHBOARD")
ACCOUNTS = (
    # --- auth
    Contract(
        "POST /auth/login", PUBLIC, 200, TOKENS, body={"email": "@email", "password": "@password"},
        refusals=(
            Refusal(401, "Invalid email or password", body={"email": "nobody@example.com"}),
            Refusal(400, "Validation failed", without="password", code="VALIDATION_ERROR"),
            Refusal(400, "Validation failed", body={"email": "no address"}),
            Refusal(400, "Validation failed", body={"rememberMe": "yes"}),
        ),
    ),
    Contract(
        "POST /auth/refresh", PUBLIC, 200, {"accessToken": TEXT}, body={"refreshToken": "@refresh_token"},
        refusals=(
            Refusal(401, "Invalid or expired refresh token", body={"refreshToken": "x"}),
            Refusal(401, "Invalid token type", body={"refreshToken": "@access_token"}),
            Refusal(400, "Validation failed", without="refreshToken"),
        ),
    ),
    Contract("POST /auth/logout", SESSION, 200, {"success": TRUE, "message": one_of("Logged out successfully")}),
    Contract("GET /auth/me", SESSION, 200, USER, foreign=404),
    # --- the dashboard's session
    Contract(
        "POST /web/login", PUBLIC, 200, WEB_SESSION, body={"email": "@email", "password": "@password"}, headers=OUR_PAGE,
        refusals=(
            Refusal(401, "Invalid email or password", body={"email": "nobody@example.com"}),
            Refusal(400, "Validation failed", without="password", code="VALIDATION_ERROR"),
            NOT_OUR_PAGE,
        ),
    ),
    Contract(
        "POST /web/refresh", PUBLIC, 200, WEB_SESSION, headers={**OUR_PAGE, "cookie": "@session_cookie"},
        refusals=(NOT_OUR_PAGE,),
    ),
    Contract(
        "POST /web/logout", PUBLIC, 200, {"success": TRUE, "message": one_of("Logged out successfully")}, headers=OUR_PAGE,
        refusals=(NOT_OUR_PAGE,),
    ),
    Contract(
        # One that was never made; the tests of sessions use links.
        "POST /web/link", PUBLIC, 401, {"error": TEXT, "code": one_of("LINK_OVER")}, body={"token": "@new_address"},
        headers=OUR_PAGE, refusals=(Refusal(400, "Validation failed", without="token"), NOT_OUR_PAGE),
    ),
    Contract(
        "POST /web/links", SESSION, 200, {"token": TEXT, "path": TEXT, "expiresAt": TIME},
        headers={"x-nexgent-machine-key": "@machine_key"},
        refusals=(Refusal(403, "Forbidden", without_headers=True, code="NOT_THE_MACHINE"),),
    ),
    # --- all agents together
    Contract(
        "GET /overview", "overview", 200,
        {
            "mode": MODE, "agents": INT, "openPositions": INT, "portfolioBalanceSol": DECIMAL, "solBalance": DECIMAL,
            "positionsValueSol": DECIMAL, "unrealizedProfitLossSol": DECIMAL,
            "periods": [
                {
                    "period": one_of("today", "7d", "30d", "all"), "since": Nullable(TIME), "closedTrades": INT, "wins": INT,
                    "winRate": NUMBER, "profitLossSol": DECIMAL, "profitLossUsd": DECIMAL,
                }
            ],
        },
        query={"timezone": "Europe/Berlin"},
        refusals=(Refusal(400, "mode", query={"mode": "paper"}), Refusal(400, "timezone", query={"timezone": "Mars"})),
    ),
    Contract(
        "GET /overview/equity", "overview", 200,
        {
            "mode": MODE, "timeframe": one_of("24h", "7d", "30d", "all"),
            "points": [{"time": TIME, "portfolioBalanceSol": DECIMAL, "wallets": INT}],
        },
        refusals=(Refusal(400, "timeframe", query={"timeframe": "1y"}),),
    ),
    Contract(
        "GET /overview/attention", "overview", 200,
        {
            "items": [
                dict.fromkeys(("code", "agentName", "walletAddress", "tokenAddress", "tokenSymbol"), Nullable(TEXT))
                | {
                    "kind": TEXT, "severity": one_of("danger", "warning", "info"), "text": TEXT, "agentId": Nullable(UUID),
                    "positionId": Nullable(UUID), "since": Nullable(TIME),
                }
            ]
        },
    ),
    # --- wallets
    Contract(
        "GET /wallets/agent/{agentId}", SESSION, 200,
        {
            "agentWallets": [
                {
                    "walletAddress": TEXT,
                    "walletType": MODE,
                    "isAvailable": BOOL,
                    "createdAt": TIME,
                    "updatedAt": TIME,
                    "source": Optional(TEXT),
                    "isUnlocked": Optional(BOOL),
                }
            ],
            "availableWallets": [{"walletAddress": TEXT, "isAssigned": BOOL}],
        },
        AGENT_ID, foreign=404, refusals=(BAD_AGENT_ID, NO_AGENT_ID),
    ),
    Contract(
        "POST /wallets/assign", SESSION, 200,
        {
            "success": TRUE,
            "walletAddress": TEXT,
            "walletType": MODE,
            "message": TEXT,
            "network": NETWORK,
        },
        body={"agentId": "@new_agent", "walletAddress": "@new_sim_address", "walletType": "simulation"}, foreign=404,
        refusals=(
            *BODY_AGENT,
            Refusal(400, "Validation failed", without="walletType"),
            Refusal(400, "Validation failed", body={"walletAddress": ""}),
            Refusal(400, "", body={"walletType": "live"}),
        ),
    ),
    Contract(
        "POST /wallets/{walletAddress}/reset", SESSION, 200, RESET, {"walletAddress": "@new_wallet"}, body={"confirm": True},
        foreign=404, refusals=(UNCONFIRMED, NO_WALLET),
    ),
    Contract(
        "POST /wallets/{walletAddress}/unassign", SESSION, 200, RESET, {"walletAddress": "@new_live_wallet"},
        body={"confirm": True}, foreign=404,
        refusals=(UNCONFIRMED, NO_WALLET, Refusal(400, "", ids={"walletAddress": "@wallet"})),
    ),
    Contract(
        "POST /wallets/{walletAddress}/check-deposits", SESSION, 200,
        {
            "success": TRUE,
            "depositDetected": BOOL,
            "previousBalance": NUMBER,
            "onChainBalance": NUMBER,
            "depositAmount": Nullable(NUMBER),
            "transactionId": Nullable(UUID),
            "message": TEXT,
        },
        {"walletAddress": "@live_wallet"}, body={"agentId": "@live_agent"}, foreign=403,
        refusals=(
            Refusal(400, "", without="agentId"),
            NO_WALLET,
            Refusal(400, "", ids={"walletAddress": "@wallet"}, body={"agentId": "@agent"}),
        ),
    ),
    Contract(
        "GET /wallets/{walletAddress}/reconciliation", SESSION, 200,
        {
            "walletAddress": TEXT,
            "checkedAt": Nullable(TIME),
            "slot": Nullable(INT),
            "orphans": [ORPHAN],
            "ignored": [TEXT],
        },
        {"walletAddress": "@new_orphan_wallet"}, foreign=404,
        refusals=(NO_WALLET, Refusal(400, "live wallets", ids={"walletAddress": "@wallet"})),
    ),
    Contract(
        "POST /wallets/{walletAddress}/reconcile", SESSION, 200,
        {
            "success": TRUE,
            "walletAddress": TEXT,
            "slot": INT,
            "booked": INT,
            "waiting": BOOL,
            "differences": [DIFFERENCE],
            "orphans": [ORPHAN],
        },
        {"walletAddress": "@new_orphan_wallet"}, body={}, foreign=404,
        refusals=(NO_WALLET, Refusal(400, "live wallets", ids={"walletAddress": "@wallet"})),
    ),
    Contract(
        "POST /wallets/{walletAddress}/adopt", SESSION, 200,
        {
            "success": TRUE,
            "positionId": UUID,
            "tokenAddress": TEXT,
            "tokenSymbol": TEXT,
            "amount": DECIMAL,
            "costSol": DECIMAL,
        },
        {"walletAddress": "@new_orphan_wallet"}, body={"tokenAddress": "@token", "costSol": "0.5", "symbol": "EXM"}, foreign=404,
        refusals=(
            NO_WALLET,
            Refusal(400, "tokenAddress", without="tokenAddress"),
            Refusal(400, "costSol", body={"costSol": "-1"}),
            Refusal(404, "no position accounts for", body={"tokenAddress": "@idle_token"}, code="NO_ORPHAN"),
        ),
    ),
    Contract(
        "POST /wallets/{walletAddress}/ignore", SESSION, 200, {"success": TRUE, "message": TEXT},
        {"walletAddress": "@new_orphan_wallet"}, body={"tokenAddress": "@token"}, foreign=404,
        refusals=(
            NO_WALLET,
            Refusal(400, "tokenAddress", without="tokenAddress"),
            Refusal(400, "ignored", body={"ignored": "yes"}),
        ),
    ),
    Contract(
        "GET /wallets/{walletAddress}/rent", SESSION, 200,
        {"walletAddress": TEXT, "locked": DECIMAL, "reclaimable": DECIMAL, "accounts": [RENT_ACCOUNT]},
        {"walletAddress": "@new_orphan_wallet"}, foreign=404,
        refusals=(NO_WALLET, Refusal(400, "live wallets", ids={"walletAddress": "@wallet"})),
    ),
    Contract(
        "POST /wallets/{walletAddress}/rent", SESSION, 200,
        {
            "success": TRUE,
            "transactionId": UUID,
            "signature": TEXT,
            "reclaimed": DECIMAL,
            "fee": DECIMAL,
            "accounts": [RENT_ACCOUNT],
            "left": INT,
        },
        {"walletAddress": "@new_rent_wallet"}, body={}, foreign=404,
        refusals=(
            NO_WALLET,
            Refusal(423, "locked", ids={"walletAddress": "@new_live_wallet"}, code="WALLET_LOCKED"),
        ),
    ),
    Contract(
        "POST /wallets", SESSION, 201,
        {
            "success": TRUE,
            "walletAddress": TEXT,
            "walletType": MODE,
            "network": NETWORK,
            "source": one_of("encrypted", "simulation"),
            "isUnlocked": one_of(False),
            "createdAt": TIME,
            "message": TEXT,
        },
        body={"agentId": "@new_agent", "walletType": "live", "passphrase": "@passphrase"}, foreign=404,
        refusals=(
            *BODY_AGENT,
            Refusal(400, "", without="passphrase"),
            Refusal(400, "", body={"passphrase": "short"}),
            Refusal(400, "", body={"walletType": "paper"}),
            Refusal(400, "", body={"privateKey": "no key"}),
            Refusal(409, "", body={"agentId": "@live_agent"}, code="WALLET_EXISTS"),
        ),
    ),
    Contract("GET /wallets", SESSION, 200, {"wallets": [OWN_WALLET]}),
    Contract(
        "GET /wallets/{walletAddress}/status", SESSION, 200, OWN_WALLET, {"walletAddress": "@wallet"}, foreign=404,
        refusals=(NO_WALLET,),
    ),
    Contract(
        "POST /wallets/{walletAddress}/unlock", SESSION, 200,
        {"success": TRUE, "walletAddress": TEXT, "isUnlocked": TRUE, "unlockedUntil": Nullable(TIME)},
        {"walletAddress": "@live_wallet"}, body={"passphrase": "@passphrase", "ttlSeconds": 600}, foreign=404,
        refusals=(
            NO_WALLET,
            Refusal(400, "", body={"ttlSeconds": 59}),
            Refusal(403, "", body={"passphrase": "another long passphrase"}, code="INVALID_PASSPHRASE"),
        ),
    ),
    Contract(
        "POST /wallets/{walletAddress}/lock", SESSION, 200, {"success": TRUE, "walletAddress": TEXT, "isUnlocked": one_of(False)},
        {"walletAddress": "@live_wallet"}, foreign=404,
        refusals=(NO_WALLET, Refusal(400, "", ids={"walletAddress": "@wallet"})),
    ),
    Contract(
        "POST /wallets/{walletAddress}/export", SESSION, 200,
        {"walletAddress": TEXT, "privateKey": TEXT, "format": one_of("base58")},
        {"walletAddress": "@live_wallet"}, body={"passphrase": "@passphrase", "confirm": True}, foreign=404,
        refusals=(
            UNCONFIRMED,
            NO_WALLET,
            Refusal(403, "", body={"passphrase": "another long passphrase"}, code="INVALID_PASSPHRASE"),
            Refusal(409, "", ids={"walletAddress": "@wallet"}),
        ),
    ),
    Contract(
        "DELETE /wallets/{walletAddress}", SESSION, 200, RESET, {"walletAddress": "@new_live_wallet"},
        body={"confirm": True, "passphrase": "@passphrase"}, foreign=404,
        refusals=(
            UNCONFIRMED,
            NO_WALLET,
            Refusal(403, "", body={"passphrase": "another long passphrase"}),
            Refusal(400, "", ids={"walletAddress": "@wallet"}),
        ),
    ),
    # --- everything else
    Contract(
        "GET /data-sources/status", SESSION, 200,
        {
            **dict.fromkeys(
                ("pythNetwork", "pythSolPriceFeed", "jupiter", "dexscreener", "liquidityChecks", "signalGeneration"),
                CONFIGURED,
            ),
            "grafanaUrl": Optional(TEXT),
        },
    ),
    Contract(
        "GET /price-feeds/sol-usd", "overview", 200,
        {"price": DECIMAL, "lastUpdated": Nullable(TIME), "isStale": BOOL, "source": TEXT},
    ),
    Contract(
        "POST /api-keys", SESSION, 201, {**KEY, "key": TEXT}, body={"name": "Contract", "scopes": ["signals", "signals"]},
        refusals=(
            Refusal(400, "expiresAt", body={"expiresAt": "2020-01-01T00:00:00Z"}),
            Refusal(400, "expiresAt", body={"expiresAt": "tomorrow"}),
            Refusal(400, "Validation failed", without="name"),
            Refusal(400, "Validation failed", body={"name": " "}),
            Refusal(400, "Validation failed", body={"scopes": []}),
            Refusal(400, "Validation failed", body={"scopes": ["everything"]}),
        ),
    ),
    Contract("GET /api-keys", SESSION, 200, {"items": [KEY]}),
    Contract("GET /api-keys/{id}", SESSION, 200, KEY, {"id": "@new_key"}, foreign=404, refusals=bad_id("API key")),
    Contract(
        "DELETE /api-keys/{id}", SESSION, 200, {"success": TRUE, "message": one_of("API key deleted successfully")},
        {"id": "@new_key"}, foreign=404, refusals=bad_id("API key"),
    ),
    Contract(
        "GET /notifications", SESSION, 200, [DELIVERY],
        refusals=(*PAGE, Refusal(400, "target", query={"targetId": "x"})),
    ),
    Contract(
        "POST /notifications/targets", SESSION, 201, {**TARGET, "secret": Nullable(TEXT)},
        body={
            "name": "Contract", "channel": "webhook", "url": "https://contract.example/in", "minLevel": "danger",
            "events": ["position_closed", "daily_report"], "agentIds": ["@agent"], "digestSeconds": 60,
            "quietHours": {"from": "22:00", "to": "07:30", "timeZone": "Europe/Berlin"},
        },
        foreign=404,
        refusals=(
            Refusal(400, "name", without="name"),
            Refusal(400, "name", body={"name": " "}),
            Refusal(400, "url", without="url"),
            Refusal(400, "url", body={"url": "ftp://contract.example"}, code="INVALID_NOTIFICATION_ADDRESS"),
            Refusal(400, "channel", body={"channel": "pigeon"}),
            Refusal(400, "minLevel", body={"minLevel": "loud"}),
            Refusal(400, "events", body={"events": ["test"]}),
            Refusal(400, "agent", body={"agentIds": ["x"]}),
            Refusal(404, "Agent not found", body={"agentIds": [UNKNOWN]}),
            Refusal(400, "digestSeconds", body={"digestSeconds": 3601}),
            Refusal(400, "time of the day", body={"quietHours": {"from": "24:00", "to": "07:00", "timeZone": "UTC"}}),
            Refusal(400, "time zone", body={"quietHours": {"from": "22:00", "to": "07:00", "timeZone": "Mars"}}),
        ),
    ),
    Contract("GET /notifications/targets", SESSION, 200, {"items": [TARGET]}),
    Contract(
        "GET /notifications/targets/{id}", SESSION, 200, TARGET, {"id": "@target"}, foreign=404,
        refusals=bad_id("target"),
    ),
    Contract(
        "PUT /notifications/targets/{id}", SESSION, 200, TARGET, {"id": "@target"},
        body={"quietHours": None, "digestSeconds": 0}, foreign=404,
        refusals=(*bad_id("target"), Refusal(400, "digestSeconds", body={"digestSeconds": -1})),
    ),
    Contract(
        "POST /notifications/targets/{id}/test", SESSION, 200, {"success": TRUE, "message": one_of("The test was sent")},
        {"id": "@target"}, foreign=404, refusals=bad_id("target"),
    ),
    Contract(
        "DELETE /notifications/targets/{id}", SESSION, 200,
        {"success": TRUE, "message": one_of("Notification target deleted successfully")},
        {"id": "@new_target"}, foreign=404, refusals=bad_id("target"),
    ),
    Contract(
        "POST /webhooks/test", PUBLIC, 200,
        {
            "success": TRUE,
            "message": TEXT,
            "timestamp": TIME,
            "received": {"headers": ANY, "body": ANY, "query": ANY, "method": one_of("POST"), "path": TEXT},
        },
        body={"hello": "world"},
    ),
    Contract(
        "GET /health", PUBLIC, 200,
        {
            "status": one_of("healthy", "degraded"),
            "timestamp": TIME,
            "uptime": INT,
            "version": TEXT,
            "services": {"database": SERVER, "redis": SERVER, "queue": SERVER},
            "message": Optional(TEXT),
            "engine": ENGINE,
            "reconciliation": Optional({"wallets": INT, "ageSeconds": INT, "differences": INT, "orphans": INT}),
        },
    ),
    Contract(
        "GET /health/ready", PUBLIC, 200,
        {
            "ready": TRUE, "timestamp": TIME, "degraded": Optional(BOOL), "message": Optional(TEXT),
            "engine": ENGINE,
        }
    ),
    Contract("GET /health/live", PUBLIC, 200, {"alive": TRUE, "timestamp": TIME, "uptime": INT}),
    Contract("GET /metrics", SESSION, 200, None, media_type="text/plain; version=0.0.4; charset=utf-8"),
    Contract(
        "POST /auth/register", PUBLIC, 403, {"error": TEXT, "code": one_of("REGISTRATION_DISABLED")},
        body={"email": "new@example.com", "password": "A-strong-one-1"},
    ),
    Contract(
        "GET /admin/audit", SESSION, 200, [AUDIT], query={"limit": "5"}, foreign=403,
        refusals=(
            Refusal(400, "Invalid outcome", query={"outcome": "maybe"}),
            Refusal(400, "Invalid user ID format", query={"userId": "x"}),
        ),
    ),
    # Engaging it would stop what other contracts do; the rest of it is in the tests of the routes.
    Contract(
        "GET /protections/panic", "kill_switch", 200, PANIC, query={"scope": "user"},
        refusals=(Refusal(400, "scope", query={"scope": "all"}),),
    ),
    Contract("GET /auth/audit", SESSION, 200, [AUDIT], query={"limit": "5"}),
    Contract("GET /admin/log-level", SESSION, 200, LOG_LEVEL),
    Contract(
        "PUT /admin/log-level", SESSION, 200, {**LOG_LEVEL, "processes": Nullable(INT)},
        body={"level": "debug", "logger": "nexgent.domain.prices"},
        refusals=(
            Refusal(400, "", body={"level": "loud"}),
            Refusal(400, "", without="level"),
            Refusal(400, "", body={"level": "debug", "logger": "httpx"}),
        ),
    ),
    Contract(
        "GET /admin/system", SESSION, 200,
        {
            "budgets": [
                {
                    "name": TEXT, "limit": INT, "windowSeconds": NUMBER, "left": Nullable(INT), "pausedSeconds": NUMBER,
                    "waiting": INT,
                }
            ],
            "warnings": [
                {
                    "event": TEXT, "what": TEXT, "advice": TEXT, "level": one_of("warning", "error"), "count": INT,
                    "firstAt": TIME, "lastAt": TIME, "fields": ANY,
                }
            ],
        },
        foreign=403,
    ),
    Contract(
        "GET /admin/users", SESSION, 200,
        [
            {
                "id": UUID, "email": TEXT, "createdAt": TIME, "administrator": BOOL, "active": BOOL, "agents": INT,
                "apiKeys": INT, "lastUsedAt": Nullable(TIME),
            }
        ],
        foreign=403, refusals=(*PAGE, Refusal(400, "cursor", query={"cursor": "x"})),
    ),
    Contract(
        "POST /admin/users", SESSION, 201, USER, body={"email": "@new_email", "password": "A-strong-one-1"}, foreign=403,
        refusals=(
            Refusal(400, "Validation failed", without="email"),
            Refusal(400, "Validation failed", body={"email": "no address"}),
            Refusal(400, "Validation failed", body={"password": "short"}),
            WEAK,
            Refusal(409, "already", body={"email": "@email"}, code="EMAIL_IN_USE"),
        ),
    ),
    Contract(
        "POST /admin/users/{id}/reset-password", SESSION, 200, {"success": TRUE, "message": TEXT}, {"id": "@new_user"},
        body={"password": "Another-strong-1"}, foreign=403,
        refusals=(*bad_id("User"), Refusal(400, "Validation failed", without="password"), WEAK, NOT_MINE),
    ),
    Contract(
        "POST /admin/users/{id}/deactivate", SESSION, 200, {"success": TRUE, "message": TEXT}, {"id": "@new_user"}, foreign=403,
        refusals=(*bad_id("User"), NOT_MINE),
    ),
    Contract(
        "GET /admin/cache/status", SESSION, 200,
        {
            "connected": BOOL,
            "keyPrefix": TEXT,
            "counts": dict.fromkeys(("positions", "balances", "configs", "prices", "agents", "activeAgents"), INT),
        },
        foreign=403,
    ),
    Contract("POST /admin/cache/warm", SESSION, 200, {"success": TRUE, "warmed": WARMED, "duration": NUMBER}, foreign=403),
    Contract(
        "POST /admin/cache/clear", SESSION, 200, {"success": TRUE, "cleared": INT, "duration": NUMBER}, body={"confirm": True},
        foreign=403, refusals=(UNCONFIRMED,),
    ),
    Contract(
        "POST /admin/cache-reset", SESSION, 200, {"success": TRUE, "cleared": INT, "warmed": WARMED, "duration": NUMBER},
        body={"confirm": True}, foreign=403, refusals=(UNCONFIRMED,),
    ),
)
