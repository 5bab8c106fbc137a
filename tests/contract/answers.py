"""The shapes of answers, field by field, as the contract has them."""

from __future__ import annotations

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

MODE = one_of("simulation", "live")
NETWORK = one_of("testnet", "mainnet")
TRUE = one_of(True)
DONE = {"success": TRUE, "message": TEXT}
USER = {"id": UUID, "email": TEXT, "createdAt": TIME, "administrator": BOOL}
TOKENS = {"accessToken": TEXT, "refreshToken": TEXT, "user": USER}
AGENT = {
    "id": UUID,
    "userId": UUID,
    "name": TEXT,
    "tradingMode": MODE,
    "automatedTradingSimulation": BOOL,
    "automatedTradingLive": BOOL,
    "createdAt": TIME,
    "updatedAt": TIME,
}
PERFORMANCE = dict.fromkeys(
    (
        "portfolioBalanceSol",
        "totalProfitLossSol",
        "realizedProfitLossSol",
        "unrealizedProfitLossSol",
        "averageReturn",
        "winRate",
    ),
    NUMBER,
) | {"totalClosedTrades": INT, "totalOpenPositions": INT}
BALANCE = {
    "id": UUID,
    "agentId": UUID,
    "walletAddress": TEXT,
    "tokenAddress": TEXT,
    "tokenSymbol": TEXT,
    "balance": DECIMAL,
    "lastUpdated": TIME,
}
POSITION = {
    "id": UUID,
    "agentId": UUID,
    "walletAddress": TEXT,
    "tokenAddress": TEXT,
    "tokenSymbol": TEXT,
    "purchase": {
        "priceNative": NUMBER,
        "priceUsd": NUMBER,
        "amount": NUMBER,
        "transaction": {"id": UUID, "hash": Nullable(TEXT), "time": TIME},
    },
    "current": {"priceNative": NUMBER, "priceUsd": NUMBER, "valueNative": NUMBER, "valueUsd": NUMBER},
    "profitLoss": {"native": NUMBER, "usd": NUMBER, "percent": NUMBER, "priceChangePercent": NUMBER},
    "stopLoss": {"percentage": NUMBER, "peakPrice": NUMBER},
    "takeProfit": {
        "levelsHit": INT,
        "totalLevels": Nullable(INT),
        "tpBatchStartLevel": INT,
        "remainingAmount": NUMBER,
        "originalAmount": NUMBER,
        "soldPercent": NUMBER,
        "moonBagActivated": BOOL,
        "moonBagAmount": Nullable(NUMBER),
        "lastTakeProfitTime": Nullable(TIME),
        "transactionIds": [UUID],
    },
    "dca": {"count": INT, "totalInvestedSol": NUMBER, "lastDcaTime": Nullable(TIME)},
    "createdAt": TIME,
    "updatedAt": TIME,
}
PART_SOLD = {
    "success": BOOL,
    "transactionId": UUID,
    "positionId": UUID,
    "inputAmount": NUMBER,
    "outputAmount": NUMBER,
    "remainingAmount": NUMBER,
    "transactionHash": Nullable(TEXT),
}
SALE_FORECAST = {
    **dict.fromkeys(("amount", "remainingAmount", "receivedSol", "priceSol", "priceImpactPercent"), NUMBER),
    "protocolFeeSol": Nullable(NUMBER),
    **dict.fromkeys(("networkFeeSol", "rentSol", "costSol", "profitLossSol", "profitLossPercent"), NUMBER),
    "source": TEXT,
    "ageMs": INT,
}
CLOSED = {
    "success": TRUE,
    "transactionId": UUID,
    "historicalSwapId": UUID,
    "positionId": UUID,
    "inputAmount": NUMBER,
    "outputAmount": NUMBER,
    "salePrice": NUMBER,
    "profitLossSol": NUMBER,
    "profitLossUsd": NUMBER,
    "changePercent": NUMBER,
    "transactionHash": Nullable(TEXT),
}
_TEXTS = (
    "inputMint",
    "inputSymbol",
    "outputMint",
    "outputSymbol",
    "destinationAddress",
    "transactionHash",
    "walletAddress",
)
_DECIMALS = ("inputAmount", "inputPrice", "outputAmount", "outputPrice", "slippage", "priceImpact", "fees")
_FEES = ("protocolFeeSol", "networkFeeSol")
TRANSACTION = {
    "id": UUID,
    "agentId": UUID,
    "transactionType": one_of("DEPOSIT", "SWAP", "BURN"),
    "transactionValueUsd": DECIMAL,
    "transactionTime": TIME,
    "signalId": Nullable(INT),
    "routes": ANY,
    "isDca": BOOL,
    "isTakeProfit": BOOL,
    "createdAt": TIME,
    "updatedAt": TIME,
    **dict.fromkeys(_TEXTS, Nullable(TEXT)),
    **dict.fromkeys((*_DECIMALS, *_FEES), Nullable(DECIMAL)),
}
SWAP = {
    "id": UUID,
    "agentId": UUID,
    "walletAddress": Nullable(TEXT),
    "tokenAddress": TEXT,
    "tokenSymbol": TEXT,
    **dict.fromkeys(
        ("amount", "purchasePrice", "salePrice", "changePercent", "profitLossUsd", "profitLossSol"), DECIMAL
    ),
    "purchaseTime": TIME,
    "saleTime": TIME,
    "purchaseTransactionId": Nullable(UUID),
    "saleTransactionId": Nullable(UUID),
    "signalId": Nullable(TEXT),
    "closeReason": Nullable(TEXT),
    "createdAt": TIME,
}
SIGNAL = {
    "id": INT,
    "createdAt": TIME,
    "updatedAt": TIME,
    "tokenAddress": TEXT,
    "symbol": Nullable(TEXT),
    "signalType": TEXT,
    "activationReason": Nullable(TEXT),
    "signalStrength": one_of(1, 2, 3, 4, 5),
    "source": Nullable(TEXT),
}
KEY = {
    "id": UUID,
    "name": TEXT,
    "prefix": TEXT,
    "scopes": [TEXT],
    "createdAt": TIME,
    "expiresAt": Nullable(TIME),
}
OWN_WALLET = {
    "walletAddress": TEXT,
    "agentId": Nullable(UUID),
    "walletType": MODE,
    "source": one_of("environment", "encrypted", "simulation"),
    "isAvailable": BOOL,
    "isUnlocked": BOOL,
    "unlockedUntil": Nullable(TIME),
    "createdAt": TIME,
    "updatedAt": TIME,
}
RESET = {
    "success": TRUE,
    "message": TEXT,
    "walletAddress": TEXT,
    "deleted": dict.fromkeys(
        ("positions", "historicalSwaps", "balances", "transactions", "balanceSnapshots"), INT
    ),
    "duration": NUMBER,
}
WARMED = {"configs": INT, "positions": INT, "balances": INT}
ENGINE = {
    "role": one_of("engine"),
    "holder": TEXT,
    "epoch": INT,
    "ageSeconds": NUMBER,
    "unresolved": INT,
    "unresolvedWallets": [TEXT],
}
SERVER = {"status": one_of("healthy", "unhealthy"), "latency": Optional(NUMBER)}
CONFIGURED = {"configured": BOOL}
CONFIG = {
    "config": {
        "purchaseLimits": {
            "minimumAgentBalance": NUMBER,
            "maxPurchasePerToken": NUMBER,
            "maxPriceImpact": NUMBER,
        },
        "signals": {
            "minScore": INT,
            "allowedSignalTypes": [TEXT],
            "tokenFilterMode": TEXT,
            "tokenList": [TEXT],
        },
        "stopLoss": {"enabled": BOOL, "defaultPercentage": NUMBER, "mode": TEXT, "trailingLevels": [ANY]},
        "positionCalculator": {
            "solBalanceThresholds": {"minimum": NUMBER, "medium": NUMBER, "large": NUMBER},
            "positionSizes": {size: {"min": NUMBER, "max": NUMBER} for size in ("small", "medium", "large")},
            "randomization": {"enabled": BOOL},
        },
        "staleTrade": {
            "enabled": BOOL,
            "minHoldTimeMinutes": NUMBER,
            "minProfitPercent": NUMBER,
            "maxProfitPercent": NUMBER,
        },
        "dca": {
            "enabled": BOOL,
            "mode": TEXT,
            "levels": [ANY],
            "maxDCACount": NUMBER,
            "cooldownSeconds": NUMBER,
        },
        "takeProfit": {
            "enabled": BOOL,
            "mode": TEXT,
            "levels": [{"targetPercent": NUMBER, "sellPercent": NUMBER}],
            "moonBag": {"enabled": BOOL, "triggerPercent": NUMBER, "retainPercent": NUMBER},
        },
        "protections": Optional(ANY),
        "shadow": Optional(ANY),
    }
}
