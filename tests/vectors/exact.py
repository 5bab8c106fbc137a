"""Prefer the answer of exact arithmetic where a vector says that its own is an artefact of doubles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PREFIX = "exactArithmetic"
_NAMES = {"WouldTrigger": "shouldTrigger", "WouldClose": "close", "WouldExecute": "shouldExecute"}


def with_exact_arithmetic(expected: Any, *holders: Mapping[str, Any]) -> Any:
    """Return the expectation with every `exactArithmetic…` field, of itself and the holders, put in place.

    When such a field turns a decision around, the other fields describe the wrong decision and are dropped.
    """
    if not isinstance(expected, Mapping):
        return expected
    exact: dict[str, Any] = {}
    for holder in (expected, *holders):
        for key, value in holder.items():
            if key.startswith(_PREFIX):
                name = key[len(_PREFIX) :]
                exact[_NAMES.get(name, name[:1].lower() + name[1:])] = value
    kept = {key: value for key, value in expected.items() if not key.startswith(_PREFIX)}
    turned = any(isinstance(value, bool) and kept.get(key) != value for key, value in exact.items())
    return exact if turned else {**kept, **exact}
