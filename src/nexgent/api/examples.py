"""Realistic values for the documentation, put together from the names of fields.

Names mean the same everywhere in this interface, so one table serves all shapes, those of endpoints to come included. A model's
own `examples` win over what is put together here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_AGENT = "6f9b3c1e-5a40-4d33-9a0b-1c1de8a3b0f2"
_TRANSACTION = "b1a6a0de-3f0e-4a39-8a61-d3c5f2a4c9e7"
_POSITION = "0d7c2f55-98a1-4a3f-bb0d-6e3f1c7a2b90"
_ID = "3c0f2d7a-6a52-4f3e-9d41-8f5b7e6a1c24"
_WALLET = "sim_4cHcmpCsEvbjCPMU9aKbXrT6uGmqzNF7dpWzk2"
_MINT = "6FYwxnApS3eRB8BcAafmbTisg8SphzKHXbjYFd82sXrf"
_SOL = "So11111111111111111111111111111111111111112"
_TIME = "2026-01-01T12:00:00.000Z"
_JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl"

_UUID_FIELDS = {
    "id": _ID,
    "userId": "9f1c7d24-0b4e-4c8e-8d55-2b1f0a6e3c77",
    "agentId": _AGENT,
    "positionId": _POSITION,
    "transactionId": _TRANSACTION,
    "purchaseTransactionId": _TRANSACTION,
    "saleTransactionId": "e4f2b8c1-7d36-4b0a-9e58-a1c3d5f70b26",
    "historicalSwapId": "5d9e1b3f-2c47-4e8a-b6d0-f7a9c1e3b584",
    "intentId": "a7c3e5b1-9d2f-4f60-8b14-c6d8e0f2a439",
}
_TIME_FIELDS = frozenset({"transactionTime", "purchaseTime", "saleTime"})
_EXAMPLES: dict[str, object] = {
    "accessToken": _JWT,
    "activationReason": "Volume tripled within five minutes",
    "closeReason": "take_profit",
    "code": None,
    "depositAmount": 1.5,
    "destinationAddress": None,
    "duration": 12,
    "email": "admin@example.com",
    "fees": "0.005",
    "hash": None,
    "inputAmount": "0.5",
    "inputMint": _SOL,
    "inputPrice": "1",
    "inputSymbol": "SOL",
    "key": "nex_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4",
    "latencyMs": {"total": 2.4},
    "message": "Done",
    "moonBagAmount": None,
    "name": "First agent",
    "networkFeeSol": "0.000005",
    "note": None,
    "outcome": "bought",
    "outputAmount": "1250.5",
    "outputMint": _MINT,
    "outputPrice": "0.0004",
    "outputSymbol": "EXM",
    "passphrase": "a long passphrase nobody guesses",
    "prefix": "nex_Zm9v",
    "priceAgeMs": 340,
    "priceImpact": "0.0012",
    "priceSol": 0.0004,
    "priceSource": "dexscreener",
    "privateKey": "4Z7cXSyeFR8wNGMVXUE1TwtKn5D5Vu7FzEv69dokLv7KrQk7h6pu4LF8ZRR9yQBhc7uSM6RTTZtU1fmaxiNrxXrs",
    "protocolFeeSol": "0.0025",
    "reason": "The price fell",
    "refreshToken": _JWT,
    "signalId": 42,
    "signalType": "Velocity (Breakout Confirmation)",
    "sizeSol": "0.5",
    "slippage": "0.5",
    "source": "example",
    "symbol": "EXM",
    "ticket": "dGhpcyBpcyBub3QgYSB0aWNrZXQgZm9yIGFueWJvZHk",
    "tokenAddress": _MINT,
    "tokenSymbol": "EXM",
    "transactionHash": None,
    "transactionIds": [_TRANSACTION],
    "transactionType": "SWAP",
    "uptime": 86400,
    "walletAddress": _WALLET,
}
_CHOICES = {"source": "simulation"}


def annotate(schemas: Mapping[str, Schema]) -> None:
    """Give every shape an example, and write defaults that are decimals as the numbers they are here."""
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            default = field.get("default")
            if isinstance(default, str) and "number" in _kinds(field) and "string" not in _kinds(field):
                field["default"] = float(default)
    for schema in schemas.values():
        if schema.get("type") == "object" and "examples" not in schema:
            schema["examples"] = [example_of(schema, schemas)]


def example_of(schema: Schema, schemas: Mapping[str, Schema], name: str = "") -> object:
    """Return a realistic value of a schema."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    for fixed in ("const", "default"):
        if schema.get(fixed) is not None:
            return schema[fixed]
    for listed in ("examples", "enum"):
        if schema.get(listed):
            return _CHOICES[name] if _CHOICES.get(name) in schema[listed] else schema[listed][0]
    kinds = _kinds(schema)
    if name in _UUID_FIELDS and "string" in kinds:
        return _UUID_FIELDS[name]
    if name in _TIME_FIELDS and "string" in kinds:
        return _TIME
    if name in _EXAMPLES and (known := _as_kind(_EXAMPLES[name], kinds)) is not _UNFIT:
        return known
    return _put_together(schema, schemas, name)


def _put_together(schema: Schema, schemas: Mapping[str, Schema], name: str) -> object:
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        return example_of(options[0], schemas, name)
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {
                key: example_of(field, schemas, key)
                for key, field in schema.get("properties", {}).items()
                if key in required or field.get("default") is not None
            }
        case "array":
            return [example_of(schema.get("items", {}), schemas, name)]
        case "integer":
            return max(1, int(schema.get("minimum", 1)))
        case "number":
            return 1.5
        case "boolean":
            return True
        case "string":
            return "text"
        case _:
            return None


_UNFIT = object()


def _as_kind(value: object, kinds: set[str]) -> object:
    """Return a value as one of the types a field has: amounts are texts here and numbers there."""
    if value is None:
        return None if "null" in kinds else _UNFIT
    if isinstance(value, str):
        if "string" in kinds:
            return value
        try:
            return float(value) if "number" in kinds else _UNFIT
        except ValueError:
            return _UNFIT
    if isinstance(value, (int, float)):
        if kinds & {"integer", "number"}:
            return value
        return str(value) if "string" in kinds else _UNFIT
    return value if kinds & {"array", "object"} else _UNFIT


def _kinds(schema: Schema) -> set[str]:
    found = {schema["type"]} if isinstance(schema.get("type"), str) else set()
    return found.union(*(_kinds(one) for one in schema.get("anyOf", ())))
