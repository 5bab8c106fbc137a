"""Mistakes: those of `tests/mutants.toml`, and small ones made up wherever the code decides something."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "tests" / "mutants.toml"
CODE = Path("src") / "nexgent"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a module, not one inside another: its qualified name and the first line of its code object."""

    name: str
    first_line: int


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: in `file` (below src/nexgent), bytes `start` to `end` become `new`, and one of `tests` has to fail.

    `lines` are those that run when it does something; `function` is where, or `None` when it acts on import already.
    """

    name: str
    file: str
    start: int
    end: int
    new: str
    tests: tuple[str, ...]
    lines: tuple[int, ...] = ()
    function: Function | None = None


@dataclass(frozen=True, slots=True)
class Area:
    """Code of which mutants are generated, and the tests that are about it, the closest first."""

    path: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """What `tests/mutants.toml` says."""

    named: list[Mutant]
    areas: list[Area]
    accepted: dict[str, str] = field(default_factory=dict)
    """Generated mutants that may survive, by name, and why."""


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
        end = start + len(old)
        lines = range(source[:start].count(b"\n") + 1, source[:end].count(b"\n") + 2)
        # What is not below the code, such as a migration, is run by the servers' start and not by a test.
        function = None if entry["file"].startswith("..") else _function_around(source, lines)
        tests = tuple(entry["tests"])
        named.append(
            Mutant(entry["name"], entry["file"], start, end, entry["new"], tests, tuple(lines), function)
        )
    areas = [Area(entry["path"], tuple(entry["tests"])) for entry in document["area"]]
    return Table(named, areas, document.get("accepted", {}))


def mutated(source: bytes, mutant: Mutant) -> bytes:
    """Return a file with the mistake in it."""
    return source[: mutant.start] + mutant.new.encode() + source[mutant.end :]


def run_by_module(source: bytes) -> set[str]:
    """Return the names of what a module runs itself when it is imported, functions that only other functions call included."""
    body = ast.parse(source).body
    functions = {
        node.name: _names_in(node)
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    plain = (
        node for node in body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    reached = {name for node in plain for name in _names_in(node)}
    while more := {name for one in reached & functions.keys() for name in functions[one]} - reached:
        reached |= more
    return reached & functions.keys()


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _function_around(source: bytes, lines: range) -> Function | None:
    """Return the function in whose body all of the lines are."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    for function, body in finder.bodies:
        # A text that begins or ends with the end of a line touches the lines around it.
        if body[0] - 1 <= lines[0] and lines[-1] <= body[1] + 1:
            return function
    return None


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


@dataclass(frozen=True, slots=True)
class _Place:
    lines: tuple[int, ...]
    function: Function | None
    shown: str
    """What was there and what is there now, for people."""


class _Finder(ast.NodeVisitor):
    """Collects the places of a module where a small mistake can be made."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.found: dict[tuple[int, int, str], _Place] = {}
        self.bodies: list[tuple[Function, tuple[int, int]]] = []
        self._classes: list[str] = []
        self._function: Function | None = None
        self._began = 1
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
        start, end = self._span(node)
        self._found(start, end, new, f"`{self._plain(start, end)}` → `{' '.join(new.split())}`")

    def _plain(self, start: int, end: int) -> str:
        return " ".join(self.source[start:end].decode().split())

    def _found(self, start: int, end: int, new: str, shown: str) -> None:
        last = self.source[:end].count(b"\n") + 1
        lines = tuple(range(self._began, last + 1))
        self.found[start, end, new] = _Place(lines, self._function, shown)

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            self._began = node.lineno
        super().visit(node)

    def visit_match_case(self, node: ast.match_case) -> None:
        self._began = node.pattern.lineno
        self.generic_visit(node)

    def _between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        """Replace the operator between two operands."""
        start, end = self._span(left)[1], self._span(right)[0]
        gap = self.source[start:end].decode()
        if gap.count(old) == 1:
            whole = self._plain(self._span(left)[0], self._span(right)[1])
            self._found(start, end, gap.replace(old, new), f"`{whole}`, {old} → {new}")

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
        # Texts are documentation, what is logged is not what is done, and what is never reached is for the type checker.
        if isinstance(node.value, ast.Constant) or text.startswith(("log.", "assert_never(")):
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

    def visit_Call(self, node: ast.Call) -> None:
        """Leave alone what only asserts (`strict=` of `zip`) or only shows (`repr=` of a field)."""
        self.visit(node.func)
        for argument in (*node.args, *(k.value for k in node.keywords if k.arg not in {"strict", "repr"})):
            self.visit(argument)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
            self.visit(default)
        outer, classes = self._function, self._classes
        if outer is None:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            self._function = Function(".".join([*classes, node.name]), first)
            assert node.end_lineno is not None
            self.bodies.append((self._function, (node.body[0].lineno, node.end_lineno)))
        for statement in node.body:
            self.visit(statement)
        self._function, self._classes = outer, classes

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        # What a protocol says is never run.
        if any("Protocol" in ast.unparse(base) for base in node.bases):
            return
        self._classes = [*self._classes, node.name]
        for statement in node.body:
            self.visit(statement)
        self._classes = self._classes[:-1]


def generate(area: Area, root: Path = ROOT) -> Iterator[Mutant]:
    """Make up the mutants of an area, in the order of the code."""
    return (mutant for mutant in thought_of(area, root) if is_code(mutant, root))


def is_code(mutant: Mutant, root: Path = ROOT) -> bool:
    """Tell whether a file with the mistake in it is still Python."""
    try:
        compile(mutated((root / CODE / mutant.file).read_bytes(), mutant), mutant.file, "exec")
    except SyntaxError:
        return False
    return True


def thought_of(area: Area, root: Path = ROOT) -> Iterator[Mutant]:
    """Make up mutants, also some that are no code. Their names say nothing of lines, so that they last."""
    base = root / CODE / area.path
    for path in sorted(base.rglob("*.py")) if base.is_dir() else [base]:
        source = path.read_bytes()
        finder = _Finder(source)
        finder.visit(ast.parse(source))
        file = path.relative_to(root / CODE).as_posix()
        names = Counter[str]()
        for (start, end, new), found in sorted(finder.found.items(), key=lambda item: item[0]):
            place = f"{file} {found.function.name}" if found.function is not None else file
            name = f"{place}: {found.shown}"
            names[name] += 1
            if names[name] > 1:
                name += f" ({names[name]})"
            yield Mutant(name, file, start, end, new, area.tests, found.lines, found.function)
