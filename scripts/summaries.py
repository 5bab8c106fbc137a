"""Write what the tests prove into `tests/UNIT_TESTS_SUMMARY.md` and `tests/INTEGRATION_TESTS_SUMMARY.md`.

The names of tests are sentences and their modules say what they are about: this only collects both, without running anything.
`--check` writes nothing and ends with 1 when a summary is not what the suite says.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.generated import out_of_date

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "make summaries"


@dataclass(frozen=True, slots=True)
class Summary:
    """One of the documents, and the folders of tests it is about."""

    file: str
    title: str
    about: str
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """One file of tests: where it is, what it is about, what its tests say."""

    path: Path
    about: str
    sentences: tuple[str, ...]


SUMMARIES = (
    Summary(
        "UNIT_TESTS_SUMMARY.md",
        "Unit tests",
        "Rules, use cases and adapters, each alone or over parts in memory: no network, no servers.",
        ("unit",),
    ),
    Summary(
        "INTEGRATION_TESTS_SUMMARY.md",
        "Integration, contract, security and end-to-end tests",
        "Against real PostgreSQL and Valkey, real HTTP and WebSockets, and the local market of `nexgent sandbox`; the"
        " end-to-end tests start the product as people do.",
        ("integration", "contract", "security", "e2e"),
    ),
)


def sentence(name: str) -> str:
    """Return the name of a test as the sentence it is."""
    words = name.removeprefix("test_").replace("_", " ")
    return words[:1].upper() + words[1:]


def read_module(path: Path) -> Module:
    """Return what a file of tests says, by its syntax alone."""
    tree = ast.parse(path.read_bytes())
    about = (ast.get_docstring(tree) or "").split("\n\n")[0]
    sentences = tuple(
        sentence(node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )
    return Module(path, " ".join(about.split()), sentences)


def modules_of(folder: Path) -> Iterator[Module]:
    """Return the files with tests below a folder, those of one folder side by side."""
    for path in sorted(folder.rglob("test_*.py"), key=lambda path: (path.parent, path.name)):
        module = read_module(path)
        if module.sentences:
            yield module


def document(summary: Summary, tests: Path) -> str:
    """Return the text of a summary."""
    modules = [module for folder in summary.folders for module in modules_of(tests / folder)]
    count = sum(len(module.sentences) for module in modules)
    lines = [
        f"# {summary.title}",
        "",
        f"<!-- Written by `{COMMAND}` from the names of the tests; edits are lost. -->",
        "",
        summary.about,
        "",
        f"{count} tests in {len(modules)} files; many run with several inputs, or with ones that Hypothesis makes up.",
        f'`make test ARGS="{" ".join(f"tests/{folder}" for folder in summary.folders)}"` runs them.',
    ]
    folder = None
    for module in modules:
        if module.path.parent != folder:
            folder = module.path.parent
            lines += ["", f"## {folder.relative_to(tests).as_posix()}"]
        lines += ["", f"### {module.path.name}", ""]
        if module.about:
            lines += [module.about, ""]
        lines += [f"- {one}" for one in module.sentences]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Write or check the summaries and return the exit code."""
    check = "--check" in (sys.argv[1:] if arguments is None else arguments)
    tests = root / "tests"
    made = {tests / summary.file: document(summary, tests) for summary in SUMMARIES}
    stale = out_of_date(made)
    if check and stale:
        names = " and ".join(file.relative_to(root).as_posix() for file in stale)
        print(f"{names}: not what the tests say any more; `{COMMAND}` writes them anew", file=sys.stderr)
        return 1
    for file in stale:
        file.write_text(made[file], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
