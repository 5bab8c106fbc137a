"""The words of the contract's table: for each endpoint who may call it, what it answers, and how it refuses.

`@name` stands for a value of the world of the test: an id, an address. Names beginning with `new_` are made for each use. `query`
and `body` are those of a good request; a refusal says what is changed in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.contract.shapes import (
    Shape,
)

SOL = "So11111111111111111111111111111111111111112"
UNKNOWN = "00000000-0000-4000-8000-000000000000"

PUBLIC, SESSION = "public", "session"


@dataclass(frozen=True)
class Refusal:
    """A request that differs from the good one in its body, query or ids, and how it is refused."""

    status: int
    text: str = ""
    body: dict[str, Any] | None = None
    without: str = ""
    query: dict[str, str] | None = None
    ids: dict[str, str] | None = None
    code: str | None = None
    without_headers: bool = False
    twice: bool = False
    """Whether it is the second of two equal requests that is refused."""

    @property
    def title(self) -> str:
        """What is wrong, for the name of the test."""
        wrong = (
            f"without {self.without}" if self.without else str(self.body or self.query or self.ids or "as is")
        )
        return f"{wrong} -> {self.status}"


@dataclass(frozen=True)
class Contract:
    """One endpoint."""

    name: str
    access: str
    status: int
    shape: Shape | None
    ids: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    foreign: int | None = None
    refusals: Sequence[Refusal] = ()
    media_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    """Headers that a good request has beside those of its caller."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.name.split()[0]

    @property
    def path(self) -> str:
        """The path below the prefix, with its parameters."""
        return self.name.split()[1]


# Refusals that many endpoints share.
BAD_AGENT = Refusal(400, "Invalid agent ID format", ids={"id": "x"})
NO_AGENT = Refusal(404, "Agent not found", ids={"id": UNKNOWN})
BAD_AGENT_ID = Refusal(400, "Invalid agent ID format", ids={"agentId": "x"})
NO_AGENT_ID = Refusal(404, "Agent not found", ids={"agentId": UNKNOWN})
QUERY_AGENT = (
    Refusal(400, "agentId", without="agentId"),
    Refusal(400, "", query={"agentId": "x"}),
    Refusal(404, "Agent not found", query={"agentId": UNKNOWN}),
)
BODY_AGENT = (
    Refusal(400, "", without="agentId"),
    Refusal(400, "", body={"agentId": "x"}),
    Refusal(404, "Agent not found", body={"agentId": UNKNOWN}),
)
PAGE = (Refusal(400, "limit", query={"limit": "0"}), Refusal(400, "offset", query={"offset": "-1"}))
NO_WALLET = Refusal(404, "not found", ids={"walletAddress": "nobodys"})
UNCONFIRMED = Refusal(400, "Confirmation required", without="confirm")


def bad_id(what: str) -> tuple[Refusal, Refusal]:
    """Return the refusals of an id that is none, and of one that leads nowhere."""
    return Refusal(400, "ID format", ids={"id": "x"}), Refusal(404, f"{what} not found", ids={"id": UNKNOWN})


ID, AGENT_ID = {"id": "@agent"}, {"agentId": "@agent"}
DEPOSIT = {
    "agentId": "@agent",
    "transactionType": "DEPOSIT",
    "transactionValueUsd": 15,
    "transactionTime": "2026-01-01T00:00:00Z",
    "inputMint": SOL,
    "inputSymbol": "SOL",
    "inputAmount": "0.1",
    "inputPrice": "1",
}
NEW_SWAP = {
    "agentId": "@agent",
    "tokenAddress": "@token",
    "tokenSymbol": "EXM",
    "amount": "100",
    "purchasePrice": "0.001",
    "salePrice": 0.002,
    "changePercent": "100",
    "profitLossUsd": "-1.5",
    "profitLossSol": "0.1",
    "purchaseTime": "2026-01-01T00:00:00Z",
    "saleTime": "2026-01-02T00:00:00Z",
    "closeReason": "manual",
}
NEW_SIGNAL = {"tokenAddress": "@new_address", "signalType": "CONTRACT", "signalStrength": 3}
SOLD = (
    Refusal(404, "not found", ids={"positionId": UNKNOWN}),
    Refusal(400, "ID format", ids={"positionId": "x"}),
    Refusal(400, "reason", body={"reason": "boredom"}),
)
