"""What people read of warnings: every one that the code can log has words, without names from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nexgent
from nexgent.api.v1.admin.warning_words import WORDS, words_of

_METHODS = {"warning", "error", "exception", "critical", "_raise_alarm"}
_INTERNAL = re.compile(
    r"\b[Jj]ournal\b|\b[Pp]roject(?:ion|or)\b|\b(?:intent|epoch|lease|mirror|ledger|asyncio)\b|_[a-z]"
)


def _logged() -> set[str]:
    """Return the events of all warnings and errors in the code of the service."""
    found: set[str] = set()
    package = Path(nexgent.__file__).parent
    for path in package.rglob("*.py"):
        if path.is_relative_to(package / "cli" / "telegram_bot"):
            # A process with a log of its own, which docs/telegram.md explains.
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr=method, value=owner), args=[event, *_]) if (
                    method in _METHODS
                ):
                    if method == "_raise_alarm" or ast.unparse(owner).endswith("log"):
                        found.update(_texts(event))
    return found


def _texts(event: ast.expr) -> Iterator[str]:
    match event:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one)
            yield from _texts(other)


def test_every_warning_has_words_and_nothing_else_has() -> None:
    logged = _logged()
    assert {"event_loop.late", "prices.source_thawed", "recovery.agent_gone"} <= logged
    assert logged == set(WORDS)


@pytest.mark.parametrize("event", WORDS)
def test_words_are_sentences_that_a_newcomer_understands(event: str) -> None:
    for text in words_of(event):
        assert text[0].isupper()
        assert text.endswith(".")
        assert _INTERNAL.findall(text) == []


def test_what_a_library_says_is_told_as_that() -> None:
    what, advice = words_of("Unclosed connection")
    assert what == "A library that the service uses says: Unclosed connection"
    assert "log" in advice
    assert "feed" not in words_of("feed.unheard_of").what
