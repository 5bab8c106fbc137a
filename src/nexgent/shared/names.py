"""Names that users give to what is theirs."""

from __future__ import annotations

from nexgent.shared.errors import InvalidInputError

MAX_NAME_LENGTH = 100


def checked_name(name: str) -> str:
    """Return a name without blanks around it. Raises `InvalidInputError` for one that is empty or too long then."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidInputError(
            f"Invalid name: 1 to {MAX_NAME_LENGTH} characters that are not all blanks are required"
        )
    return name
