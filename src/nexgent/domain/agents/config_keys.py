"""Which keys a configuration has, so that one which would change nothing is refused instead of dropped.

Only what somebody sends is asked. What is stored stays readable, whatever earlier versions and other programs have left in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from nexgent.domain.agents.config_models import SignalsConfig, TradingConfig
from nexgent.shared.mints import is_mint

IGNORED = frozenset(
    {
        # The samples of the reference's Postman collection.
        "purchaseLimits.min",
        "purchaseLimits.max",
        "stopLoss.continuousTrailing",
        # What clients of a fork send.
        "autoTrade",
        "portfolio",
        "signals.minSignalScore",
        "signals.minExpectedMove",
    }
)
"""Keys that clients of the reference send and that mean nothing: taken and dropped, whatever is in them."""
_MOST = 20
"""So many are named: looking for what was meant takes a while, and a body holds a hundred thousand keys."""
_SHOWN = 60


def key_problems(patch: Mapping[str, object]) -> list[str]:
    """Return "path: message" for keys that are no settings, each with what was probably meant."""
    found: list[str] = []
    for problem in _unknown(TradingConfig, patch, ""):
        found.append(problem)
        if len(found) == _MOST:
            break
    return found


def token_problems(patch: Mapping[str, object], current: SignalsConfig) -> list[str]:
    """Return "path: message" for tokens that are no mints. Those that are in the list already may be sent back."""
    signals = patch.get("signals")
    tokens = signals.get("tokenList") if isinstance(signals, Mapping) else None
    if not isinstance(tokens, list | tuple):
        return []
    known = frozenset(current.token_list)
    return [
        f"signals.tokenList.{index}: must be a mint address (32 bytes in base58)"
        for index, token in enumerate(tokens)
        # Other lengths and types are told by the schema.
        if isinstance(token, str) and 32 <= len(token) <= 44 and token not in known and not is_mint(token)
    ]


def _unknown(model: type[BaseModel], value: object, path: str) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield from _unknown(model, item, f"{path}.{index}")
        return
    if not isinstance(value, Mapping):
        return
    keys = _keys(model)
    for key, inner in value.items():
        full = f"{path}.{key}" if path else str(key)
        if key in keys:
            below = keys[key]
            if below is not None:
                yield from _unknown(below, inner, full)
        elif full not in IGNORED:
            yield _problem(path, str(key), keys)


def _problem(path: str, key: str, keys: Mapping[str, object]) -> str:
    prefix = f"{path}." if path else ""
    shown = f"{prefix}{key[:_SHOWN]}"
    meant = _nearest(key[:_SHOWN], {name: f"{prefix}{name}" for name in keys}) or _nearest(
        key[:_SHOWN], _everywhere()
    )
    if meant is not None:
        return f"{shown}: is not a setting; did you mean {meant}?"
    return f"{shown}: is not a setting; known here are {', '.join(keys)}"


def _nearest(key: str, candidates: Mapping[str, str]) -> str | None:
    """Return what a key most resembles, whatever its case."""
    folded = {name.casefold(): whole for name, whole in candidates.items()}
    close = get_close_matches(key.casefold(), folded, n=1, cutoff=0.7)
    return folded[close[0]] if close else None


@cache
def _keys(model: type[BaseModel]) -> Mapping[str, type[BaseModel] | None]:
    """Return the keys of a section in their order, each with the model of what is in it, if it is a section or a list of such."""
    return {
        info.serialization_alias or info.alias or name: _model_in(info.annotation)
        for name, info in model.model_fields.items()
    }


@cache
def _everywhere() -> Mapping[str, str]:
    """Return all keys by their name alone; of two with one name, the first."""
    found: dict[str, str] = {}
    pending: list[tuple[type[BaseModel], str]] = [(TradingConfig, "")]
    while pending:
        model, path = pending.pop(0)
        for key, below in _keys(model).items():
            whole = f"{path}.{key}" if path else key
            found.setdefault(key, whole)
            if below is not None:
                pending.append((below, whole))
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
