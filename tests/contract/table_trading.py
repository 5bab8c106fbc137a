"""The contract of agents and what they hold, do and hear, written down by hand."""

from __future__ import annotations

from tests.contract.answers import (
    AGENT,
    BALANCE,
    CLOSED,
    CONFIG,
    PART_SOLD,
    PERFORMANCE,
    POSITION,
    SALE_FORECAST,
    SIGNAL,
    SWAP,
    TRANSACTION,
    TRUE,
)
from tests.contract.contract import (
    AGENT_ID,
    BAD_AGENT,
    BAD_AGENT_ID,
    BODY_AGENT,
    DEPOSIT,
    ID,
    NEW_SIGNAL,
    NEW_SWAP,
    NO_AGENT,
    NO_AGENT_ID,
    PAGE,
    QUERY_AGENT,
    SESSION,
    SOL,
    SOLD,
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
_SPREAD = Nullable({"mean": TEXT, "median": TEXT, "worst": TEXT})
_FEE = {"fills": INT, "realSol": TEXT, "paperSol": TEXT}
SHADOW = {
    "tokenAddress": Nullable(TEXT), "tokenSymbol": Nullable(TEXT), "fills": INT, "buys": INT, "sales": INT,
    "priceGapPercent": _SPREAD, "priceGapSol": TEXT, "networkFee": _FEE, "priorityFee": _FEE, "platformFee": _FEE,
    "triggerToOrderMs": _SPREAD, "orderToLandingMs": _SPREAD, "triggerToLandingMs": _SPREAD,
}
TRADING = (
    # --- agents
    Contract(
        "POST /agents", SESSION, 201, AGENT, body={"name": "Contract", "bio": "unknown keys are dropped"},
        refusals=(
            Refusal(400, "Validation failed", without="name"),
            Refusal(400, "Validation failed", body={"name": "ab"}),
            Refusal(400, "Validation failed", body={"name": "x" * 51}),
            Refusal(400, "Validation failed", body={"tradingMode": "paper"}),
            Refusal(400, "Name is required", body={"name": "    "}),
        ),
    ),
    Contract("GET /agents", "agents", 200, [AGENT]),
    Contract("GET /agents/{id}", "agents", 200, AGENT, ID, foreign=404, refusals=(BAD_AGENT, NO_AGENT)),
    Contract(
        "PUT /agents/{id}", SESSION, 200, AGENT, {"id": "@new_agent"}, body={"name": "Renamed"}, foreign=404,
        refusals=(
            BAD_AGENT,
            NO_AGENT,
            Refusal(400, "", without="name"),
            Refusal(400, "Validation failed", body={"automatedTradingLive": "yes"}),
        ),
    ),
    Contract(
        "DELETE /agents/{id}", SESSION, 200,
        {"success": TRUE, "message": one_of("Agent deleted successfully"), "openPositions": INT},
        {"id": "@new_agent"}, foreign=404, refusals=(BAD_AGENT, NO_AGENT),
    ),
    Contract("GET /agents/{id}/config", "agents", 200, CONFIG, ID, foreign=404, refusals=(BAD_AGENT, NO_AGENT)),
    *(
        Contract(
            f"{method} /agents/{{id}}/config", SESSION, 200, CONFIG, ID,
            body={"config": {"dca": {"enabled": False}}}, foreign=404,
            refusals=(
                BAD_AGENT,
                NO_AGENT,
                Refusal(400, "Config is required", without="config"),
                Refusal(400, "Invalid trading configuration", body={"config": {"signals": {"minScore": 6}}}),
                Refusal(400, "", body={"config": "text"}),
            ),
        )
        for method in ("PUT", "PATCH")
    ),
    Contract(
        "GET /agents/{id}/config/history", "agents", 200,
        [{"id": INT, "savedAt": TIME, "savedBy": Nullable(TEXT), "changed": [TEXT], "config": ANY}], ID, foreign=404,
        refusals=(BAD_AGENT, NO_AGENT, *PAGE),
    ),
    Contract("GET /agents/{id}/positions", "agents", 200, [POSITION], ID, foreign=404, refusals=(BAD_AGENT, NO_AGENT)),
    Contract(
        "GET /agents/{id}/performance", "agents", 200, PERFORMANCE, ID, foreign=404,
        refusals=(BAD_AGENT, NO_AGENT, Refusal(400, "timeframe", query={"timeframe": "1h"})),
    ),
    Contract(
        "GET /agents/{id}/live-check", SESSION, 200,
        {
            "agentId": UUID, "ok": BOOL, "checkedAt": TIME,
            "findings": [{"name": TEXT, "verdict": one_of("ok", "warn", "fail"), "found": TEXT, "advice": TEXT}],
        },
        ID, {"capSol": "5"}, foreign=404,
        refusals=(
            BAD_AGENT,
            NO_AGENT,
            Refusal(400, "capSol", query={"capSol": "0"}),
            Refusal(400, "minimumSol", query={"minimumSol": "much"}),
            Refusal(400, "token", query={"token": "x"}),
        ),
    ),
    Contract(
        "GET /agents/{id}/shadow", SESSION, 200,
        {
            "agentId": UUID, "enabled": BOOL, "hasLiveWallet": BOOL, "since": TIME, "complete": BOOL, "total": SHADOW,
            "tokens": [SHADOW],
        },
        ID, {"days": "7"}, foreign=404,
        refusals=(BAD_AGENT, NO_AGENT, Refusal(400, "days", query={"days": "0"}), Refusal(400, "days", query={"days": "x"})),
    ),
    Contract(
        "GET /agents/{id}/balance-history", "agents", 200,
        {
            "agentId": UUID,
            "timeframe": one_of("24h", "all"),
            "snapshots": [
                {
                    "timestamp": TIME,
                    "portfolioBalanceSol": DECIMAL,
                    "solBalance": DECIMAL,
                    "positionsValueSol": DECIMAL,
                    "unrealizedPnLSol": DECIMAL,
                }
            ],
        },
        ID, {"walletAddress": "@wallet"}, foreign=404,
        refusals=(
            BAD_AGENT,
            NO_AGENT,
            Refusal(400, "walletAddress", without="walletAddress"),
            Refusal(400, "timeframe", query={"timeframe": "1h"}),
            Refusal(404, "Wallet not found or access denied", query={"walletAddress": "nobodys"}),
        ),
    ),
    # --- balances
    Contract(
        "POST /agent-balances", SESSION, 201, BALANCE, foreign=404,
        body={"agentId": "@new_agent", "tokenAddress": SOL, "tokenSymbol": "SOL", "balance": "1.5"},
        refusals=(
            *BODY_AGENT,
            Refusal(400, "", without="tokenSymbol"),
            Refusal(400, "", body={"tokenAddress": " "}),
            Refusal(400, "", body={"tokenSymbol": "x" * 21}),
            Refusal(400, "", body={"balance": "much"}),
            Refusal(400, "", body={"walletAddress": "nobodys"}),
            Refusal(409, "", body={"agentId": "@agent"}),
        ),
    ),
    Contract(
        "GET /agent-balances", "balances", 200, [{**BALANCE, "priceSol": Optional(NUMBER)}], query=AGENT_ID, foreign=404,
        refusals=QUERY_AGENT,
    ),
    Contract("GET /agent-balances/{id}", "balances", 200, BALANCE, {"id": "@balance"}, foreign=404, refusals=bad_id("Balance")),
    Contract(
        "PUT /agent-balances/{id}", SESSION, 200, BALANCE, {"id": "@new_balance"}, body={"balance": "2.5"}, foreign=404,
        refusals=(*bad_id("Balance"), Refusal(400, "", without="balance"), Refusal(400, "", body={"balance": "much"})),
    ),
    Contract(
        "DELETE /agent-balances/{id}", SESSION, 200, {"success": TRUE, "message": one_of("Balance deleted successfully")},
        {"id": "@new_balance"}, foreign=404, refusals=bad_id("Balance"),
    ),
    # --- positions
    Contract(
        "GET /agent-positions/{agentId}", "positions", 200, [POSITION], AGENT_ID, foreign=404,
        refusals=(BAD_AGENT_ID, NO_AGENT_ID, Refusal(404, "Wallet not found", query={"walletAddress": "nobodys"})),
    ),
    Contract(
        "GET /agent-positions/{agentId}/take-profit-summary", "positions", 200,
        {
            **dict.fromkeys(("totalPositions", "positionsWithTakeProfitHit", "activeMoonBags", "totalLevelsHit"), INT),
            "positions": [
                {
                    "id": UUID,
                    "tokenSymbol": TEXT,
                    "levelsHit": INT,
                    "remainingPercent": NUMBER,
                    "moonBagActivated": BOOL,
                    "lastTakeProfitTime": Nullable(TIME),
                }
            ],
        },
        AGENT_ID, {"includePositions": "true"}, foreign=404, refusals=(BAD_AGENT_ID, NO_AGENT_ID),
    ),
    Contract(
        "POST /agent-positions/{agentId}/{positionId}/close", "trading", 200, CLOSED,
        {"agentId": "@agent", "positionId": "@new_position"}, body={}, foreign=403,
        refusals=(BAD_AGENT_ID, NO_AGENT_ID, *SOLD),
    ),
    Contract(
        "POST /agents/{id}/positions/{positionId}/close", "trading", 200, CLOSED,
        {"id": "@agent", "positionId": "@new_position"}, body={"reason": "stop_loss"}, foreign=403,
        refusals=(BAD_AGENT, NO_AGENT, *SOLD),
    ),
    Contract(
        "POST /agents/{id}/positions/{positionId}/sell-part", "trading", 200, PART_SOLD,
        {"id": "@agent", "positionId": "@new_position"}, body={"percent": 25}, foreign=403,
        refusals=(
            BAD_AGENT,
            NO_AGENT,
            *SOLD[:2],
            Refusal(400, "percent", body={"percent": None}),
            Refusal(400, "percent", body={"percent": 0}),
            Refusal(400, "percent", body={"percent": 100}),
            Refusal(400, "percent", body={"percent": "half"}),
        ),
    ),
    Contract(
        "POST /agents/{id}/positions/{positionId}/preview-sale", "trading", 200, SALE_FORECAST,
        {"id": "@agent", "positionId": "@position"}, body={"percent": 25}, foreign=403,
        refusals=(
            BAD_AGENT,
            NO_AGENT,
            *SOLD[:2],
            Refusal(400, "percent", body={"percent": None}),
            Refusal(400, "percent", body={"percent": 0}),
            Refusal(400, "percent", body={"percent": "100.000000001"}),
            Refusal(400, "percent", body={"percent": "half"}),
        ),
    ),
    # --- transactions
    Contract(
        "POST /agent-transactions", SESSION, 201, TRANSACTION, body=DEPOSIT, foreign=403,
        refusals=(
            *BODY_AGENT,
            Refusal(400, "", body={"walletAddress": "nobodys"}),
            Refusal(400, "", body={"transactionType": "WITHDRAWAL"}),
            Refusal(400, "", body={"transactionValueUsd": -1}),
            Refusal(400, "", body={"transactionValueUsd": "much"}),
            Refusal(400, "", body={"transactionTime": "soon"}),
            Refusal(400, "", body={"signalId": "x"}),
            Refusal(404, "Trading signal not found", body={"signalId": 2147483647}),
            Refusal(400, "", body={"isDca": "yes"}),
            Refusal(400, "", body={"inputSymbol": "x" * 21}),
            Refusal(400, "", without="inputMint"),
            Refusal(400, "", body={"inputAmount": "0"}),
            Refusal(400, "Insufficient balance", body={"transactionType": "BURN", "inputAmount": "1000000"}),
            Refusal(400, "Balance not found for token", body={"transactionType": "BURN", "inputMint": "@idle_token"}),
        ),
    ),
    Contract(
        "GET /agent-transactions", "transactions", 200, [TRANSACTION], query=AGENT_ID, foreign=403,
        refusals=(
            *QUERY_AGENT,
            *PAGE,
            Refusal(400, "", query={"transactionType": "GIFT"}),
            Refusal(400, "", query={"startTime": "soon"}),
            Refusal(400, "", query={"signalId": "x"}),
        ),
    ),
    Contract(
        "GET /agent-transactions/{id}", "transactions", 200, TRANSACTION, {"id": "@transaction"}, foreign=403,
        refusals=bad_id("Transaction"),
    ),
    Contract(
        "PUT /agent-transactions/{id}", SESSION, 200, TRANSACTION, {"id": "@new_transaction"},
        body={"fees": "0.01", "slippage": 1}, foreign=403,
        refusals=(*bad_id("Transaction"), Refusal(400, "", body={"isDca": "yes"}), Refusal(400, "", body={"fees": "much"})),
    ),
    Contract(
        "DELETE /agent-transactions/{id}", SESSION, 204, None, {"id": "@new_transaction"}, foreign=403,
        refusals=bad_id("Transaction"),
    ),
    # --- closed trades
    Contract(
        "POST /agent-historical-swaps", SESSION, 201, SWAP, body=NEW_SWAP, foreign=403,
        refusals=(
            *BODY_AGENT,
            Refusal(400, "", without="tokenSymbol"),
            Refusal(400, "", body={"amount": "-1"}),
            Refusal(400, "", body={"purchasePrice": 0}),
            Refusal(400, "", body={"saleTime": "2025-01-01T00:00:00Z"}),
            Refusal(400, "", body={"closeReason": "boredom"}),
            Refusal(404, "not found", body={"purchaseTransactionId": UNKNOWN}),
            Refusal(404, "Trading signal not found", body={"signalId": 2147483647}),
        ),
    ),
    Contract(
        "GET /agent-historical-swaps", "history", 200, [SWAP], query=AGENT_ID, foreign=403,
        refusals=(
            *QUERY_AGENT,
            *PAGE,
            Refusal(400, "", query={"startSaleTime": "soon"}),
            Refusal(400, "", query={"minProfitLossUsd": "much"}),
        ),
    ),
    Contract(
        "GET /price-history/{mint}", "history", 200,
        {
            "mint": TEXT, "resolution": one_of("1s", "1m", "1h"),
            "candles": [dict.fromkeys(("open", "high", "low", "close"), DECIMAL) | {"time": TIME, "source": Nullable(TEXT)}],
            "markers": [
                {
                    "time": TIME, "kind": one_of("signal", "entry", "average_down", "partial_sale", "exit"),
                    "agentId": Nullable(UUID), "signalId": Nullable(INT), "transactionId": Nullable(UUID),
                    "price": Nullable(DECIMAL), "amountSol": Nullable(DECIMAL), "profitLossSol": Nullable(DECIMAL),
                    "reason": Nullable(TEXT),
                }
            ],
            "lines": [
                {
                    "positionId": UUID, "agentId": UUID,
                    "points": [
                        {
                            "time": TIME, "stopPrice": Nullable(DECIMAL), "peakPrice": DECIMAL, "targetPrice": Nullable(DECIMAL)
                        }
                    ],
                }
            ],
            "sources": [{"source": TEXT, "points": [{"time": TIME, "price": DECIMAL}]}],
            "refusals": [{"source": TEXT, "reason": TEXT, "inDoubt": BOOL, "since": TIME, "until": Nullable(TIME)}],
        },
        {"mint": "@token"}, query={"resolution": "1s"},
        refusals=(Refusal(400, "mint", ids={"mint": "x"}), Refusal(400, "1s, 1m or 1h", query={"resolution": "5m"})),
    ),
    Contract(
        "GET /agent-transactions/export", "transactions", 200, None, query=AGENT_ID, foreign=403,
        refusals=(
            *QUERY_AGENT,
            Refusal(400, "", query={"signalId": "x"}),
            Refusal(400, "", query={"transactionType": "GIFT"}),
            Refusal(400, "format", query={"format": "xml"}),
        ),
        media_type="text/csv; charset=utf-8",
    ),
    Contract(
        "GET /agent-historical-swaps/export", "history", 200, None, query=AGENT_ID, foreign=403,
        refusals=(*QUERY_AGENT, Refusal(400, "", query={"signalId": "x"})), media_type="text/csv; charset=utf-8",
    ),
    Contract(
        "GET /agent-historical-swaps/{id}", "history", 200, SWAP, {"id": "@swap"}, foreign=403, refusals=bad_id("Historical swap")
    ),
    Contract(
        "PUT /agent-historical-swaps/{id}", SESSION, 200, SWAP, {"id": "@new_swap"}, body={"closeReason": None}, foreign=403,
        refusals=(*bad_id("Historical swap"), Refusal(400, "", body={"saleTime": "2020-01-01T00:00:00Z"})),
    ),
    Contract(
        "DELETE /agent-historical-swaps/{id}", SESSION, 204, None, {"id": "@new_swap"}, foreign=403,
        refusals=bad_id("Historical swap"),
    ),
    # --- signals
    Contract(
        "POST /trading-signals", "signals", 201, SIGNAL, body=NEW_SIGNAL,
        refusals=(
            Refusal(400, "", without="tokenAddress"),
            Refusal(400, "", body={"signalType": " "}),
            Refusal(400, "", body={"signalStrength": 6}),
            Refusal(400, "", body={"signalStrength": "3"}),
            Refusal(400, "", body={"symbol": "x" * 51}),
            Refusal(400, "", body={"action": "sell"}),
            Refusal(400, "percent is required for action reduce", body={"action": "reduce"}),
            Refusal(400, "", body={"action": "reduce", "percent": 100}),
            Refusal(400, "Invalid percent: it belongs to action reduce", body={"action": "close", "percent": 50}),
            Refusal(
                409, "", body={"tokenAddress": "@token", "signalType": "TEST"}, code="SIGNAL_DUPLICATE", twice=True
            ),
        ),
    ),
    Contract(
        "GET /trading-signals", "signals", 200, [SIGNAL], refusals=(*PAGE, Refusal(400, "", query={"startDate": "soon"}))
    ),
    Contract(
        "GET /trading-signals/export", "signals", 200, None, refusals=(Refusal(400, "", query={"endDate": "soon"}),),
        media_type="text/csv; charset=utf-8",
    ),
    *(
        Contract(
            f"{method} /trading-signals/{{id}}", "signals", status, shape, {"id": made}, body=body, foreign=404,
            refusals=(
                Refusal(400, "Signal ID must be a valid integer", ids={"id": "x"}),
                Refusal(404, "Trading signal not found", ids={"id": "2147483647"}),
            ),
        )
        for method, status, shape, made, body in (
            ("GET", 200, SIGNAL, "@signal", None),
            ("PUT", 200, SIGNAL, "@new_signal", {"signalStrength": 4, "source": None}),
            ("DELETE", 204, None, "@new_signal", None),
        )
    ),
    Contract(
        "DELETE /trading-signals/all", "signals", 200,
        {"message": one_of("All trading signals deleted successfully"), "deletedCount": INT},
        query={"confirm": "true"}, refusals=(UNCONFIRMED,),
    ),
    # --- trades
    Contract(
        "POST /trades/preview", "trading", 200,
        {
            "walletAddress": TEXT,
            **dict.fromkeys(
                ("sizeSol", "amount", "priceSol", "priceImpactPercent", "networkFeeSol", "rentSol", "totalSol"), NUMBER
            ),
            "balanceAfterSol": NUMBER,
            **dict.fromkeys(
                ("maxPriceImpactPercent", "protocolFeeSol", "stopLossPercentage", "stopPriceSol"), Nullable(NUMBER)
            ),
        },
        body={"agentId": "@agent", "tokenAddress": "@new_token", "positionSize": 0.2}, foreign=404,
        refusals=(
            *BODY_AGENT,
            Refusal(400, "", without="tokenAddress"),
            Refusal(400, "", body={"positionSize": 0}),
            Refusal(400, "", body={"tokenAddress": "@token"}, code="POSITION_EXISTS"),
            Refusal(404, "not found", body={"walletAddress": "nobodys"}, code="WALLET_NOT_FOUND"),
        ),
    ),
    Contract(
        "POST /trades/execute", "trading", 200,
        {
            "success": TRUE,
            "transactionId": UUID,
            "positionId": Nullable(UUID),
            "inputAmount": NUMBER,
            "outputAmount": NUMBER,
            "purchasePrice": NUMBER,
            "transactionHash": Nullable(TEXT),
            "stopLossInitialized": BOOL,
            "stopLossPercentage": Optional(NUMBER),
            "signalId": Optional(INT),
        },
        body={"agentId": "@agent", "tokenAddress": "@new_token", "positionSize": 0.2}, foreign=404,
        refusals=(
            *BODY_AGENT,
            Refusal(400, "", without="tokenAddress"),
            Refusal(400, "", body={"positionSize": 0}),
            Refusal(400, "", body={"positionSize": "much"}),
            Refusal(400, "", body={"tokenAddress": "@token"}, code="POSITION_EXISTS"),
            Refusal(404, "not found", body={"walletAddress": "nobodys"}, code="WALLET_NOT_FOUND"),
        ),
    ),
)
