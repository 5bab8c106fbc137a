"""What is in effect and where it comes from; secrets are told apart from their values."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import SecretStr

from nexgent.config.section import Section, is_secret, names_of

DEFAULT, FILE, ENVIRONMENT = "default", "file", "environment"


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting: its variable, its value as text (None: not set), where that comes from, and whether it is secret.

    The value of a secret is None whether it is set or not; `is_set` tells.
    """

    name: str
    value: str | None
    origin: str
    secret: bool
    is_set: bool


def in_effect(
    sections: Iterable[Section], environment: Mapping[str, str], file: Mapping[str, str]
) -> list[Effective]:
    """Return every setting in the order of `env.example`'s sections. The environment wins over the file."""
    found: list[Effective] = []
    for section in sections:
        for attribute, field in type(section).model_fields.items():
            names = names_of(field)
            given = next((name for name in names if _has(environment, name) or _has(file, name)), None)
            origin = DEFAULT
            if given is not None:
                origin = ENVIRONMENT if _has(environment, given) else FILE
            value = getattr(section, attribute)
            text = _text(value)
            secret = is_secret(field) or (text is not None and "@" in text and "://" in text)
            found.append(
                Effective(given or names[0], None if secret else text, origin, secret, text is not None)
            )
    return found


def strangers(names: Collection[str], known: Collection[str]) -> dict[str, str | None]:
    """Return what of a file is no setting, each with the setting that it resembles most (None: it resembles none)."""
    return {
        name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.75)), None)
        for name in sorted(names)
        if name not in known
    }


def _has(values: Mapping[str, str], name: str) -> bool:
    return bool(values.get(name, "").strip())


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case SecretStr():
            return "set"
        case Enum():
            return str(value.value)
        case tuple() | list() | frozenset():
            return ",".join(str(_text(one)) for one in value) or None
        case float() if value == int(value):
            return str(int(value))
        case _:
            return str(value) or None
