"""Compare a step of a scenario with its vector: shapes exactly, numbers within the contract's tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

_RELATIVE = Decimal("1e-9")
_LAMPORT = Decimal("1e-9")
# Profits are whole lamports here and doubles there; a percentage or USD figure of one inherits the difference.
_ABSOLUTE = {
    "profitLossSol": _LAMPORT,
    # A sum of as many profits as there were partial sales.
    "realizedProfitSol": 3 * _LAMPORT,
    "profitLossUsd": Decimal("1e-6"),
    "changePercent": Decimal("1e-6"),
}
_IDS = ("agentId", "walletAddress", "transactionId", "positionId", "historicalSwapId")


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Return where `actual` differs. Ids are masked in the vectors: only whether there is one counts."""
    field = path.rsplit(".", 1)[-1]
    if field in _IDS:
        return [] if (expected is None) == (actual is None) or field == "agentId" else [f"{path}: {actual!r}"]
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return [f"{path}: expected {expected}, got {actual}"]
        lines: list[str] = []
        for key, value in expected.items():
            if key in ("op", "agentId", "walletAddress"):
                continue
            where = f"{path}.{key}" if path else str(key)
            if key not in actual:
                lines.append(f"{where}: no such result")
            else:
                lines += differences(value, actual[key], where)
        return lines
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        if not isinstance(actual, Sequence) or len(actual) != len(expected):
            return [f"{path}: expected {len(expected)} of them, got {actual}"]
        pairs = zip(expected, actual, strict=True)
        return [line for n, (want, got) in enumerate(pairs) for line in differences(want, got, f"{path}.{n}")]
    want, got = _number(expected), _number(actual)
    if want is not None and got is not None:
        allowed = max(
            _RELATIVE * abs(want), _ABSOLUTE.get(field, Decimal("1e-12") if want == 0 else Decimal(0))
        )
        return [] if abs(want - got) <= allowed else [f"{path}: expected {want}, got {got}"]
    return [] if expected == actual else [f"{path}: expected {expected!r}, got {actual!r}"]


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None
