"""Merge a partial configuration over a complete one."""

from __future__ import annotations

from collections.abc import Mapping


def deep_merge(base: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Return `base` with `patch` laid over it.

    Objects merge, everything else (arrays, scalars, null) replaces.

    A null that replaces an optional field clears it; on any other field validation refuses it.
    """
    merged = dict(base)
    for key, value in patch.items():
        existing = merged.get(key)
        if isinstance(existing, Mapping) and isinstance(value, Mapping):
            merged[key] = deep_merge(existing, value)
        else:
            merged[key] = value
    return merged
