"""Change the code on purpose and see whether the tests notice: a test that no mistake can fail proves nothing.

`python -m scripts.mutants` makes the mistakes of `tests/mutants.toml`, each with the tests that have to fail for it.
`python -m scripts.mutants --generated` makes small mistakes everywhere in the money's code (or a sample of them, `--sample 50
--seed 7`): another comparison, another sign, a negated condition, a statement left out. Both work on a copy of the sources, one
mistake at a time, and end with 1 when one survived that is not listed under `[accepted]` with its reason.

The known tools do not serve here: mutmut makes none of its mutants in dataclasses and calls coroutines through plain functions,
and most of this code is one or the other.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests" / "mutants.toml"
CODE = Path("src") / "nexgent"
COPIED = ("src", "tests", "migrations", "benchmarks", "scripts", "postman", "docs")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.egg-info")

KILLED, SURVIVED, BROKEN = "killed", "SURVIVED", "BROKEN"
# Passed; failed; interrupted, as when a module cannot be imported any more.
_VERDICTS = {0: SURVIVED, 1: KILLED, 2: KILLED}
_LONGEST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: in `file` (below src/nexgent), bytes `start` to `end` become `new`, and one of `tests` has to fail."""

    name: str
    file: str
    start: int
    end: int
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """Code of which mutants are generated, and the tests that are about it, quickest first."""

    path: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What `tests/mutants.toml` says."""

    named: list[Mutant]
    areas: list[Area]
    accepted: dict[str, str] = field(default_factory=dict)
    """Generated mutants that may survive, and why."""


def read_table(path: Path = TABLE, root: Path = ROOT) -> Table:
    """Return the table. Raises `ValueError` where it does not fit the code any more."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    named = []
    for entry in document["mutant"]:
        source = (root / CODE / entry["file"]).read_bytes()
        old = entry["old"].encode()
        if source.count(old) != 1:
            raise ValueError(
                f"{entry['name']}: `old` is {source.count(old)} times in {entry['file']}, not once"
            )
        start = source.index(old)
        tests = tuple(entry["tests"])
        named.append(Mutant(entry["name"], entry["file"], start, start + len(old), entry["new"], tests))
    areas = [Area(entry["path"], tuple(entry["tests"])) for entry in document["area"]]
    return Table(named, areas, document.get("accepted", {}))


def mutated(source: bytes, mutant: Mutant) -> bytes:
    """Return a file with the mistake in it."""
    return source[: mutant.start] + mutant.new.encode() + source[mutant.end :]


_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "*",
}


class _Finder(ast.NodeVisitor):
    """Collects the places of a module where a small mistake can be made."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.found: list[tuple[int, int, str]] = []
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._lines[node.lineno - 1] + node.col_offset
        return start, self._lines[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self.source[start:end].decode()

    def _add(self, node: ast.expr | ast.stmt, new: str) -> None:
        self.found.append((*self._span(node), new))

    def _between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        """Replace the operator between two operands."""
        start, end = self._span(left)[1], self._span(right)[0]
        gap = self.source[start:end].decode()
        if gap.count(old) == 1:
            self.found.append((start, end, gap.replace(old, new)))

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for number, operator in enumerate(node.ops):
            old = ast.unparse(ast.Compare(ast.Name("a"), [operator], [ast.Name("b")]))[2:-2].strip()
            self._between(operands[number], operands[number + 1], old, _COMPARISONS[type(operator)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        new = _ARITHMETIC.get(type(node.op))
        if new is not None and not isinstance(node.left, ast.Constant | ast.JoinedStr):
            old = ast.unparse(ast.BinOp(ast.Name("a"), node.op, ast.Name("b")))[2:-2].strip()
            self._between(node.left, node.right, old, new)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between(left, right, old, new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not | ast.USub):
            self._add(node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._add(node, str(not node.value))
        elif isinstance(node.value, int):
            self._add(node, str(node.value + 1))

    def visit_If(self, node: ast.If) -> None:
        self._add(node.test, f"(not ({self._text(node.test)}))")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._add(node.test, f"(not ({self._text(node.test)}))")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        text = self._text(node.value)
        # Texts are documentation, and what is logged is not what is done.
        if isinstance(node.value, ast.Constant) or text.startswith("log."):
            return
        self._add(node, "pass")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._add(node, "pass")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        """Leave annotations alone."""

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
            self.visit(default)
        for statement in node.body:
            self.visit(statement)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        # What a protocol says is never run.
        if any("Protocol" in ast.unparse(base) for base in node.bases):
            return
        for statement in node.body:
            self.visit(statement)


def generate(area: Area, root: Path = ROOT) -> Iterator[Mutant]:
    """Make up the mutants of an area, in the order of the code."""
    base = root / CODE / area.path
    for path in sorted(base.rglob("*.py")) if base.is_dir() else [base]:
        source = path.read_bytes()
        finder = _Finder(source)
        finder.visit(ast.parse(source))
        file = path.relative_to(root / CODE).as_posix()
        for start, end, new in sorted(set(finder.found)):
            line = source[:start].count(b"\n") + 1
            old = " ".join(source[start:end].decode().split())
            shown = " ".join(new.split())
            mutant = Mutant(f"{file}:{line} `{old}` → `{shown}`", file, start, end, new, area.tests)
            try:
                compile(mutated(source, mutant), file, "exec")
            except SyntaxError:
                continue
            yield mutant


class Bench:
    """A copy of the sources in which one mutant at a time is tried."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=NOT_COPIED)
        for file in ROOT.iterdir():
            # Settings and secrets of whoever runs this are none of the tests' business.
            if file.is_file() and not file.name.startswith("."):
                shutil.copy(file, folder)

    def passes(self, tests: Sequence[str]) -> bool:
        """Tell whether tests pass on the unchanged code: only then does a failure say anything."""
        return self._run(tests)[0] == 0

    def try_out(self, mutant: Mutant) -> tuple[str, float]:
        """Return what became of a mutant and how long it took."""
        path = self._folder / CODE / mutant.file
        source = path.read_bytes()
        path.write_bytes(mutated(source, mutant))
        try:
            code, seconds = self._run(mutant.tests)
        finally:
            path.write_bytes(source)
        return _VERDICTS.get(code, BROKEN), seconds

    def _run(self, tests: Sequence[str]) -> tuple[int, float]:
        began = time.monotonic()
        command = [
            sys.executable,
            "-B",
            "-m",
            "pytest",
            "-n",
            "0",
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            *tests,
        ]
        environment = {**os.environ, "PYTHONPATH": str(self._folder / "src")}
        try:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_LONGEST_SECONDS,
                check=False,
            )
            code = done.returncode
        except subprocess.TimeoutExpired:
            # What runs for ever has been noticed as well.
            code = 1
        return code, time.monotonic() - began


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants, print what became of each, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts.mutants", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--generated", action="store_true", help="small mistakes everywhere instead of the named ones"
    )
    parser.add_argument("--sample", type=int, help="only so many of the generated ones, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--area", help="only what lies below this path, such as domain/ledger")
    parser.add_argument("--list", action="store_true", help="show the mutants and try none")
    options = parser.parse_args(arguments)

    table = read_table()
    mutants = _generated(table, options) if options.generated else list(_within(table.named, options.area))
    if options.list:
        for mutant in mutants:
            print(mutant.name)
        return 0
    with tempfile.TemporaryDirectory(prefix="nexgent-mutants-") as folder:
        # Root's test servers run as somebody else, who has to pass through.
        Path(folder).chmod(0o711)
        return _try_all(Bench(Path(folder)), mutants, table.accepted)


def _generated(table: Table, options: argparse.Namespace) -> list[Mutant]:
    everything = [mutant for area in table.areas for mutant in generate(area)]
    wanted = list(_within(everything, options.area))
    if options.sample is not None and options.sample < len(wanted):
        chosen = random.Random(options.seed).sample(range(len(wanted)), options.sample)
        wanted = [wanted[number] for number in sorted(chosen)]
    return wanted


def _within(mutants: Iterable[Mutant], area: str | None) -> Iterator[Mutant]:
    return (mutant for mutant in mutants if area is None or mutant.file.startswith(area))


def _try_all(bench: Bench, mutants: Sequence[Mutant], accepted: dict[str, str]) -> int:
    for tests in dict.fromkeys(mutant.tests for mutant in mutants):
        if not bench.passes(tests):
            print(f"These tests do not pass on the unchanged code: {' '.join(tests)}", file=sys.stderr)
            return 2
    counts = dict.fromkeys((KILLED, SURVIVED, BROKEN), 0)
    excused = 0
    for number, mutant in enumerate(mutants, 1):
        verdict, seconds = bench.try_out(mutant)
        counts[verdict] += 1
        reason = accepted.get(mutant.name) if verdict == SURVIVED else None
        excused += reason is not None
        note = f"  ({reason})" if reason else ""
        print(f"{number:4}/{len(mutants)}  {verdict:<8}  {seconds:5.1f} s  {mutant.name}{note}", flush=True)
    rate = 100 * counts[KILLED] / len(mutants) if mutants else 100.0
    print(
        f"\n{counts[KILLED]} of {len(mutants)} killed ({rate:.1f} %), {counts[SURVIVED]} survived"
        f" ({excused} of them with a reason), {counts[BROKEN]} could not be tried"
    )
    return 0 if counts[KILLED] + excused == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
