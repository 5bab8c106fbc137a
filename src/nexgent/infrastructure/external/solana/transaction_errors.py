"""What the chain says of a transaction that failed."""

from __future__ import annotations

from collections.abc import Mapping


def error_in_words(err: object, programs: Mapping[int, str] | None = None) -> str:
    """Return a transaction error in words; the program's number is the last of nested values.

    `programs` says what such numbers mean.
    """
    match err:
        case {"InstructionError": [_, {"Custom": int(code)}]}:
            if programs is None:
                return f"error {code}"
            return f"{programs.get(code, 'the program refused')} (error {code})"
        case {"InstructionError": [_, str(name)]}:
            return name
        case str(name):
            return name
        case _:
            return "transaction error"
