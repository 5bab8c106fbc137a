"""What Redis answers as bytes or as text, by how its client was made."""

from __future__ import annotations


def as_text(answer: bytes | str) -> str:
    """Return an answer as text."""
    return answer.decode() if isinstance(answer, bytes) else answer
