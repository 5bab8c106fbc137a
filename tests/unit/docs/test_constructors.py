"""A constructor that takes eight parts holds two jobs: the limit, kept by the shape of the code itself."""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src"
MOST_PARTS = 7


def parts_of(function: ast.FunctionDef) -> int:
    """Return how many values a constructor takes, besides itself."""
    arguments = function.args
    return len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs) - 1


def is_error(found: ast.ClassDef) -> bool:
    """Tell whether a class is an error: a value that is raised, whose parts are what it says and not what it works with."""
    return found.name.endswith(("Error", "Exception"))


def too_large(tree: ast.Module) -> list[str]:
    """Return the classes whose constructor takes too much."""
    return [
        found.name
        for found in ast.walk(tree)
        if isinstance(found, ast.ClassDef) and not is_error(found)
        for member in found.body
        if isinstance(member, ast.FunctionDef) and member.name == "__init__" and parts_of(member) > MOST_PARTS
    ]


def test_no_constructor_takes_eight_parts() -> None:
    found = {
        f"{path.relative_to(SOURCE)}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for name in too_large(ast.parse(path.read_text()))
    }

    assert found == set(), "split it by job; wrapping its parameters in a bag is no split"


def test_what_is_counted() -> None:
    letters = ", ".join("abcdefgh")
    code = f"class Large:\n def __init__(self, *, {letters}): ...\nclass LargeError:\n def __init__(self, {letters}): ...\n"
    small = "class Small:\n def __init__(self, a, /, b, *, c, d, e, f, g): ...\n"

    assert too_large(ast.parse(code + small)) == ["Large"]
