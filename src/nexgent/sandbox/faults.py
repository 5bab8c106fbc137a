"""Faults on order: which rules strike a request."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final

ENDPOINTS: Final = ("order", "execute", "price", "dexscreener", "tokens", "pyth", "rpc")
ANY_ENDPOINT: Final = "*"

# Kinds that concern the connection and the status line work everywhere; the others only where they mean something.
_TRANSPORT: Final = ("delay", "status", "rate_limit", "drop_before", "drop_after", "html_error", "timeout")
TRANSPORT_KINDS: Final = frozenset(_TRANSPORT)
_PRICED: Final = frozenset({"order", "price", "dexscreener", "tokens", "pyth"})
_KIND_ENDPOINTS: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(_TRANSPORT, frozenset(ENDPOINTS)),
    "empty": frozenset(ENDPOINTS),
    "missing_token": _PRICED - {"pyth"},
    "null_fields": frozenset({"price", "dexscreener", "tokens"}),
    "zero_price": _PRICED,
    "absurd_price": _PRICED,
    "garbled_price": frozenset({"price", "dexscreener"}),
    "other_price": frozenset({"price", "dexscreener"}),
    "frozen_price": frozenset({"price", "dexscreener"}),
    "stale_publish_time": frozenset({"pyth"}),
    "wide_conf": frozenset({"pyth"}),
    "sse_silence": frozenset({"pyth"}),
    "sse_end": frozenset({"pyth"}),
    "order_error": frozenset({"order"}),
    "hostile": frozenset({"order"}),
    "fail_execute": frozenset({"execute"}),
    "vanish": frozenset({"execute", "rpc"}),
    "land_later": frozenset({"execute", "rpc"}),
    "false_success": frozenset({"execute"}),
    "wrong_amounts": frozenset({"execute"}),
    "rpc_error": frozenset({"rpc"}),
    "behind": frozenset({"rpc"}),
}
KINDS: Final = tuple(_KIND_ENDPOINTS)
SSE_KINDS: Final = frozenset({"sse_silence", "sse_end"})
CONTENT_KINDS: Final = frozenset(KINDS) - TRANSPORT_KINDS
# On the RPC these two concern what was sent to the chain, nothing else.
_SENDING_KINDS: Final = frozenset({"vanish", "land_later"})


BENT_PRICES = (
    "missing_token",
    "zero_price",
    "absurd_price",
    "other_price",
    "frozen_price",
    "garbled_price",
    "null_fields",
)
"""What a source of prices may get wrong about a token."""


@dataclass(slots=True)
class FaultRule:
    """One rule. `times` None strikes for ever; `after` lets the request take effect before the fault shows.

    `seconds` is a duration (delay, timeout, age of a price, time until a transaction lands), `factor` a price factor or
    the ratio of confidence to price, `price_sol` what a source says instead of the price, `code` an error code, `updates`
    the stream updates still sent before it ends.
    """

    kind: str
    endpoint: str = ANY_ENDPOINT
    method: str | None = None
    mint: str | None = None
    times: int | None = None
    probability: float = 1.0
    seconds: float | None = None
    status: int | None = None
    code: int | None = None
    factor: str | None = None
    price_sol: str | None = None
    slots: int | None = None
    updates: int = 0
    after: bool = False
    message: str | None = None
    data: object = None
    headers: dict[str, str] = field(default_factory=dict)
    struck: int = 0
    frozen: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Prices in SOL and of SOL in USD, by mint, as they were when `frozen_price` struck first."""

    @property
    def spent(self) -> bool:
        """Say whether the rule has struck as often as it should."""
        return self.times is not None and self.struck >= self.times


def kinds_of(endpoint: str) -> list[str]:
    """Return the kinds that mean something at an endpoint."""
    if endpoint == ANY_ENDPOINT:
        return list(KINDS)
    return [kind for kind, endpoints in _KIND_ENDPOINTS.items() if endpoint in endpoints]


class FaultRules:
    """The rules in force, in the order they were given."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.rules: list[FaultRule] = []

    def add(self, rules: Iterable[FaultRule]) -> None:
        """Put rules in force."""
        self.rules.extend(rules)

    def clear(self) -> None:
        """Drop every rule."""
        self.rules.clear()

    def strike(
        self, endpoint: str, method: str | None, text: str, kinds: AbstractSet[str]
    ) -> list[FaultRule]:
        """Return the rules of these kinds that strike a request, and count them. `text` is where a mint is looked for."""
        if not self.rules:
            return []
        struck = []
        for rule in self.rules:
            if rule.kind not in kinds or rule.spent or not self._concerns(rule, endpoint, method, text):
                continue
            if rule.probability < 1 and self._random.random() >= rule.probability:
                continue
            rule.struck += 1
            struck.append(rule)
        return struck

    @staticmethod
    def _concerns(rule: FaultRule, endpoint: str, method: str | None, text: str) -> bool:
        if rule.endpoint not in (ANY_ENDPOINT, endpoint) or endpoint not in _KIND_ENDPOINTS[rule.kind]:
            return False
        if rule.method is not None and rule.method != method:
            return False
        if endpoint == "rpc" and rule.kind in _SENDING_KINDS and method != "sendTransaction":
            return False
        return rule.mint is None or rule.mint in text


def first(rules: Iterable[FaultRule], *kinds: str) -> FaultRule | None:
    """Return the first of the rules that is of one of these kinds."""
    return next((rule for rule in rules if rule.kind in kinds), None)


def for_mint(rules: Iterable[FaultRule], mint: str, *kinds: str) -> FaultRule | None:
    """Return the first of the rules that is of one of these kinds and concerns a mint."""
    return next((rule for rule in rules if rule.kind in kinds and rule.mint in (None, mint)), None)


def told_price(
    rule: FaultRule | None, mint: str, price_sol: Decimal, sol_usd: Decimal
) -> tuple[Decimal, Decimal]:
    """Return what an endpoint tells of a mint: its price in SOL, and the price of SOL in USD."""
    if rule is None:
        return price_sol, sol_usd
    match rule.kind:
        case "zero_price":
            return Decimal(0), sol_usd
        case "absurd_price":
            return price_sol * Decimal(rule.factor or 1000), sol_usd
        case "other_price":
            return Decimal(rule.price_sol or 0), sol_usd
        case "frozen_price":
            then = rule.frozen.setdefault(mint, (format(price_sol, "f"), format(sol_usd, "f")))
            return Decimal(then[0]), Decimal(then[1])
    return price_sol, sol_usd


def garbled_price(rule: FaultRule) -> str:
    """Return what stands in the place of a price."""
    return "NaN" if rule.message is None else rule.message
