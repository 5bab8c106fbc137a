"""Compile the statements of the stores (`statements` beside this) from SQLAlchemy Core to texts for asyncpg: `make sql`.

`--check` writes nothing and fails when the texts are not what would be written.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path
from textwrap import wrap
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.compiler import SQLCompiler

from scripts import statements
from scripts.generated import out_of_date
from scripts.statements import Listing, Statement, public

FOLDER = Path(__file__).resolve().parent.parent / "src/nexgent/infrastructure/database/stores/sql"
_WIDTH = 120
_PLACE = re.compile(r"\$(\d+)")
_QUOTED = re.compile(r"'[^']*'")


def documents() -> dict[str, str]:
    """Return the files by name."""
    made = {}
    for module in pkgutil.iter_modules(statements.__path__):
        source = importlib.import_module(f"{statements.__name__}.{module.name}")
        made[f"{module.name}.py"] = _document(module.name, public(vars(source)))
    return made


def _document(name: str, found: dict[str, Statement | Listing]) -> str:
    lists = any(isinstance(one, Listing) for one in found.values())
    lines = [
        f'"""Compiled by `make sql` from `scripts/statements/{name}.py`; changes belong there."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
    ]
    if lists:
        lines += ["from nexgent.infrastructure.database.stores.listing import Condition, Listing", ""]
    for constant, one in sorted(found.items()):
        if isinstance(one, Statement):
            lines += [f'{constant}: Final = """', *_wrapped(compiled(one)), '"""']
            lines += [f'"""Arguments: {", ".join(one.arguments)}."""'] if one.arguments else []
        else:
            lines += _listing(constant, one)
    return "\n".join(lines) + "\n"


def _listing(constant: str, one: Listing) -> list[str]:
    lines = [f"{constant}: Final = Listing(", '    selected="""', *_wrapped(_text(one.selected)[0]), '""",']
    lines.append("    conditions=(")
    for condition in one.conditions:
        text, names = _text(condition)
        named = _PLACE.sub(lambda place, names=names: f"{{{names[int(place[1]) - 1]}}}", text)  # type: ignore[misc]
        arguments = ", ".join(f'"{name}"' for name in names)
        lines.append(f"        Condition('{named}', ({arguments},)),")
    order = ", ".join(_text(column)[0] for column in one.order)
    lines += ["    ),", f'    order="{order}",']
    if one.key is not None:
        lines += [f'    key="{_text(one.key)[0]}",', f'    keys="{_text(select(one.key))[0]}",']
    return [*lines, ")"]


def compiled(one: Statement) -> str:
    """Return the text of a statement, its arguments numbered in the order in which they are given."""
    text, names = _text(one.made)
    if set(names) != set(one.arguments):
        raise ValueError(f"the statement has {sorted(set(names))}, not {sorted(one.arguments)}: {text}")
    return _PLACE.sub(lambda place: f"${one.arguments.index(names[int(place[1]) - 1]) + 1}", text)


def _text(made: Any) -> tuple[str, list[str]]:
    compiler = made.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    assert isinstance(compiler, SQLCompiler)
    text = " ".join(str(compiler).split())
    if any(" " in quoted for quoted in _QUOTED.findall(text)):
        raise ValueError(f"a text in quotes would be broken into lines: {text}")
    return text, list(compiler.positiontup or ())


def _wrapped(text: str) -> list[str]:
    return wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def main(arguments: list[str]) -> int:
    """Write the texts, or compare them."""
    made = documents()
    stale = [file.name for file in out_of_date({FOLDER / name: text for name, text in made.items()})]
    gone = [path.name for path in FOLDER.glob("*.py") if path.name not in {*made, "__init__.py"}]
    if "--check" in arguments:
        for name in stale + gone:
            print(
                f"src/nexgent/infrastructure/database/stores/sql/{name} is not what would be compiled: run `make sql`"
            )
        return 1 if stale or gone else 0
    for name in stale:
        (FOLDER / name).write_text(made[name])
    for name in gone:
        (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
