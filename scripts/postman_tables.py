"""What the Postman collection takes from nowhere else: names of folders and variables, circumstances, scripts."""

from __future__ import annotations

# Tag, and the folder its requests are in. Newman runs them in this order.
FOLDERS = {
    "health": "Health",
    "auth": "Authentication",
    "dashboard": "Dashboard",
    "agents": "Agents",
    "overview": "Overview",
    "balances": "Agent Balances",
    "transactions": "Agent Transactions",
    "signals": "Trading Signals",
    "signal webhooks": "Signal Webhooks",
    "trades": "Trades",
    "positions": "Agent Positions",
    "historical swaps": "Agent Historical Swaps",
    "wallets": "Wallets",
    "api-keys": "API Keys",
    "notifications": "Notifications",
    "protections": "Protections",
    "price feeds": "Price Feeds",
    "price history": "Price History",
    "data sources": "Data Sources",
    "metrics": "Metrics",
    "webhooks": "Webhooks",
    "websocket": "WebSocket",
    "admin": "Admin",
    "audit": "Audit Log",
}
KEY_FOLDER = "With an API Key"
VARIABLES = {
    "base_url": "http://localhost:4000",
    "user_email": "admin@example.com",
    "user_password": "",
    "access_token": "",
    "refresh_token": "",
    "user_id": "",
    "agent_id": "",
    "wallet_address": "",
    "balance_id": "",
    "signal_id": "",
    "position_id": "",
    "transaction_id": "",
    "swap_id": "",
    "token_address": "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf",
    "wallet_passphrase": "a long passphrase nobody guesses",
    "api_key_id": "",
    "api_key": "",
    "api_key_prefix": "",
    "webhook_id": "",
    "webhook_secret": "",
    "target_id": "",
}
SECRETS = {"user_password", "access_token", "refresh_token", "api_key", "wallet_passphrase", "webhook_secret"}
NOBODY = "00000000-0000-4000-8000-000000000000"

ID_OF_TAG = {
    "agents": "agent_id",
    "protections": "agent_id",
    "positions": "agent_id",
    "balances": "balance_id",
    "signals": "signal_id",
    "transactions": "transaction_id",
    "historical swaps": "swap_id",
    "api-keys": "api_key_id",
    "signal webhooks": "webhook_id",
    "notifications": "target_id",
}
FIELDS = {
    "mint": "token_address",
    "agentId": "agent_id",
    "walletAddress": "wallet_address",
    "positionId": "position_id",
    "tokenAddress": "token_address",
    "email": "user_email",
    "password": "user_password",
    "refreshToken": "refresh_token",
    "passphrase": "wallet_passphrase",
}
VALUES = {"confirm": "true", "timezone": "Europe/Berlin", "currency": "SOL", "solPrice": "150.25"}

# Of what a request can have, what each needs.
HEADERS = {"X-Nexgent-Web": "1"}

BODIES: dict[str, object] = {
    "POST /wallets": {"agentId": "{{agent_id}}", "walletType": "live", "passphrase": "{{wallet_passphrase}}"},
    "POST /auth/logout": {"refreshToken": "{{refresh_token}}"},
    "PUT /protections/kill-switch": {"engaged": False},
    "POST /signal-webhooks": {"name": "Postman"},
    "PUT /signal-webhooks/{id}": {"maxAgeSeconds": 300},
    "POST /notifications/targets": {
        "name": "Postman",
        "channel": "webhook",
        "url": "https://hooks.example.com/nexgent",
    },
    "PUT /notifications/targets/{id}": {"minLevel": "warning"},
    "POST /signal-webhooks/{id}/in": {
        "secret": "{{webhook_secret}}",
        "tokenAddress": "{{token_address}}",
        "signalStrength": 4,
    },
    "POST /signal-webhooks/{id}/test": {"alert": {"tokenAddress": "{{token_address}}", "signalStrength": 4}},
}
# What later requests need from an answer: variable, and where it is.
SAVES = {
    "POST /auth/login": {
        "access_token": "accessToken",
        "refresh_token": "refreshToken",
        "user_id": "user.id",
        "user_email": "user.email",
    },
    "POST /auth/register": {
        "access_token": "accessToken",
        "refresh_token": "refreshToken",
        "user_id": "user.id",
        "user_email": "user.email",
    },
    "POST /auth/refresh": {"access_token": "accessToken"},
    "POST /agents": {"agent_id": "id"},
    "POST /agent-balances": {"balance_id": "id"},
    "GET /agent-balances": {"balance_id": "0.id"},
    "POST /agent-transactions": {"transaction_id": "id"},
    "GET /agent-transactions": {"transaction_id": "0.id"},
    "POST /agent-historical-swaps": {"swap_id": "id"},
    "GET /agent-historical-swaps": {"swap_id": "0.id"},
    "POST /trading-signals": {"signal_id": "id"},
    "POST /trades/execute": {"position_id": "positionId"},
    "GET /agent-positions/{agentId}": {"position_id": "0.id"},
    "POST /wallets": {"wallet_address": "walletAddress"},
    "POST /api-keys": {"api_key_id": "id", "api_key": "key", "api_key_prefix": "prefix"},
    "POST /signal-webhooks": {"webhook_id": "id", "webhook_secret": "secret"},
    "POST /signal-webhooks/{id}/rotate-secret": {"webhook_secret": "secret"},
    "POST /notifications/targets": {"target_id": "id"},
}
# Variables that lead nowhere after a request; the next one that needs them makes them anew.
CLEARS = {
    "POST /auth/logout": ["access_token", "refresh_token"],
    "POST /agents": ["wallet_address", "position_id"],
    "DELETE /agents/{id}": ["agent_id", "wallet_address", "position_id", "balance_id"],
    "DELETE /wallets/{walletAddress}": ["wallet_address"],
    "DELETE /api-keys/{id}": ["api_key_id", "api_key", "api_key_prefix"],
    "DELETE /signal-webhooks/{id}": ["webhook_id", "webhook_secret"],
    "DELETE /notifications/targets/{id}": ["target_id"],
}
# Answers that are as right as the documented success, with the circumstances.
ALSO_FINE = {
    "GET /health": {503: "a server is away"},
    "GET /health/ready": {503: "the engine is starting"},
    "POST /auth/register": {403: "registration is switched off", 400: "the account exists"},
    "GET /agent-balances/{id}": {404: "the agent holds nothing"},
    "PUT /agent-balances/{id}": {404: "the agent holds nothing"},
    "DELETE /agent-balances/{id}": {404: "the agent holds nothing"},
    "POST /agent-balances": {409: "it exists"},
    "POST /trading-signals": {409: "the same signal within a minute"},
    "GET /agent-historical-swaps/{id}": {404: "nothing was sold yet", 400: "nothing was sold yet"},
    "PUT /agent-historical-swaps/{id}": {404: "nothing was sold yet", 400: "nothing was sold yet"},
    "DELETE /agent-historical-swaps/{id}": {404: "nothing was sold yet", 400: "nothing was sold yet"},
    "POST /trades/preview": {
        400: "the agent has a position",
        409: "no fresh price",
        502: "the market refused",
    },
    "POST /trades/execute": {
        400: "the agent has a position",
        409: "no fresh price",
        502: "the market refused",
    },
    "POST /agent-positions/{agentId}/{positionId}/close": {404: "nothing is open", 409: "it is being sold"},
    "POST /agents/{id}/positions/{positionId}/close": {
        404: "it was closed a moment ago",
        409: "it is being sold",
    },
    "POST /agents/{id}/positions/{positionId}/preview-sale": {
        404: "it was closed a moment ago",
        409: "it is being sold",
        502: "the market refused",
    },
    "POST /agents/{id}/positions/{positionId}/sell-part": {
        404: "it was closed a moment ago",
        409: "it is being sold",
    },
    "POST /web/link": {401: "a link is good once"},
    "POST /web/links": {403: "only for commands on the service's own machine"},
    "POST /wallets": {409: "the agent has a live wallet"},
    "POST /wallets/assign": {
        200: "it replaces one",
        400: "not a wallet of that type",
        409: "the old one is not flat",
    },
    "POST /wallets/{walletAddress}/unassign": {400: "a paper wallet"},
    "POST /wallets/{walletAddress}/check-deposits": {400: "a paper wallet", 502: "no Solana node"},
    "POST /wallets/{walletAddress}/lock": {400: "a paper wallet"},
    "POST /wallets/{walletAddress}/export": {409: "a paper wallet"},
    "DELETE /wallets/{walletAddress}": {400: "a paper wallet"},
    "POST /webhooks/test": {404: "not in production"},
    "POST /notifications/targets/{id}/test": {422: "nobody answers there"},
    "POST /signal-webhooks/{id}/in": {409: "the same signal within a minute"},
}
ORDER = ["/auth/register", "/auth/login", "/auth/me", "/auth/refresh", "/auth/logout"]
LAST = ["/wallets/{walletAddress}/unassign", "/agents/{id}/positions/{positionId}/close"]

# Runs before each request: whoever clicks a request in the middle, or runs the folders one by one, has what it needs.
PREPARE = """\
const here = pm.request.url.toString() + JSON.stringify(pm.request.body || {}) + JSON.stringify(pm.request.headers || {});
const lacks = (name) => !pm.environment.get(name);
const uses = (name) => here.includes('{{' + name + '}}');
const call = (method, path, body) => new Promise((resolve, reject) => pm.sendRequest({
    url: pm.environment.get('base_url') + '/api/v1' + path,
    method,
    header: {'Content-Type': 'application/json', 'Authorization': 'Bearer ' + pm.environment.get('access_token')},
    body: body ? {mode: 'raw', raw: JSON.stringify(body)} : undefined,
}, (error, response) => error ? reject(error) : resolve(response.json())));
const isPublic = pm.request.auth && pm.request.auth.type === 'noauth' && !uses('api_key') && !uses('webhook_id');
(async () => {
    if (isPublic) return;
    if (lacks('access_token')) {
        const made = await call('POST', '/auth/login', {
            email: pm.environment.get('user_email'), password: pm.environment.get('user_password'),
        });
        pm.environment.set('access_token', made.accessToken);
        pm.environment.set('refresh_token', made.refreshToken);
    }
    if (lacks('agent_id') && (uses('agent_id') || uses('wallet_address'))) {
        const made = await call('POST', '/agents', {name: 'Postman', tradingMode: 'simulation'});
        pm.environment.set('agent_id', made.id);
        await call('POST', '/agent-transactions', {
            agentId: made.id, transactionType: 'DEPOSIT', transactionValueUsd: 0, transactionTime: new Date().toISOString(),
            inputMint: 'So11111111111111111111111111111111111111112', inputSymbol: 'SOL', inputAmount: '10', inputPrice: '1',
        });
    }
    if (lacks('wallet_address') && uses('wallet_address')) {
        const wallets = await call('GET', '/wallets/agent/' + pm.environment.get('agent_id'));
        pm.environment.set('wallet_address', wallets.agentWallets[0].walletAddress);
    }
    if (lacks('api_key') && (uses('api_key') || uses('api_key_id'))) {
        const made = await call('POST', '/api-keys', {name: 'Postman', scopes: ['full_access']});
        pm.environment.set('api_key_id', made.id);
        pm.environment.set('api_key', made.key);
    }
    if ((lacks('webhook_id') || lacks('webhook_secret')) && (uses('webhook_id') || uses('webhook_secret'))) {
        const made = await call('POST', '/signal-webhooks', {name: 'Postman'});
        pm.environment.set('webhook_id', made.id);
        pm.environment.set('webhook_secret', made.secret);
    }
    if (lacks('target_id') && uses('target_id')) {
        const made = await call('POST', '/notifications/targets', {
            name: 'Postman', channel: 'webhook', url: 'https://hooks.example.com/nexgent',
        });
        pm.environment.set('target_id', made.id);
    }
    for (const name of ['balance_id', 'transaction_id', 'swap_id', 'position_id']) {
        if (lacks(name) && uses(name)) pm.environment.set(name, '%s');
    }
    if (lacks('signal_id') && uses('signal_id')) pm.environment.set('signal_id', '2147483647');
})();
""".replace("%s", NOBODY)
ALWAYS = """\
pm.test('The answer can be found in the log', () => pm.expect(pm.response.headers.get('X-Request-Id')).to.be.a('string'));
pm.test('An error says what is wrong', () => {
    if (pm.response.code >= 400 && !pm.response.json().status && pm.response.json().ready === undefined) {
        pm.expect(pm.response.json().error).to.be.a('string').that.is.not.empty;
    }
});
"""
