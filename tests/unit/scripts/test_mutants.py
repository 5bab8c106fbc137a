"""The mistakes that are made on purpose still fit the code they are made in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.mutants import mistakes, runner
from scripts.mutants.__main__ import main
from scripts.mutants.mistakes import (
    ROOT,
    Area,
    Function,
    generate,
    is_code,
    mutated,
    read_table,
    run_by_module,
    thought_of,
)
from scripts.mutants.runner import _Forks
from tests.patience import PATIENCE_SECONDS


def test_every_named_mistake_can_be_made_and_has_its_tests() -> None:
    table = read_table()

    assert len({mutant.name for mutant in table.named}) == len(table.named) >= 20
    for mutant in table.named:
        source = (ROOT / mistakes.CODE / mutant.file).read_bytes()
        compile(mutated(source, mutant), mutant.file, "exec")
        assert mutated(source, mutant) != source
    for tests in [*(mutant.tests for mutant in table.named), *(area.tests for area in table.areas)]:
        assert tests
        assert [path for path in tests if not (ROOT / path).exists()] == []


def test_every_accepted_mistake_can_still_be_made() -> None:
    table = read_table()
    mutants = {mutant.name: mutant for area in table.areas for mutant in thought_of(area)}

    # Whether all the thousands of others are code takes long to find out, and matters when they are made.
    assert [name for name in table.accepted if name not in mutants or not is_code(mutants[name])] == []
    assert all(table.accepted.values())


def test_a_mistake_that_does_not_fit_the_code_any_more_is_told(tmp_path: Path) -> None:
    (tmp_path / mistakes.CODE).mkdir(parents=True)
    (tmp_path / mistakes.CODE / "a.py").write_text("x = 1\nx = 1\n")
    table = tmp_path / "mutants.toml"
    table.write_text('[[mutant]]\nname = "n"\nfile = "a.py"\nold = "x = 1"\nnew = "x = 2"\ntests = []\n')

    with pytest.raises(ValueError, match="is 2 times in a"):
        read_table(table, tmp_path)


def test_small_mistakes_are_made_up_where_something_is_decided(tmp_path: Path) -> None:
    code = tmp_path / mistakes.CODE
    code.mkdir(parents=True)
    (code / "a.py").write_text(
        '"""Text."""\n\n'
        "def f(a: int, b: int) -> int:\n"
        "    log.info('x', n=1)\n"
        "    if not a <= b and b:\n"
        "        go(a)\n"
        "    return a + 1\n"
    )

    found = list(generate(Area("a.py", ("tests",)), tmp_path))
    made = {mutated((code / "a.py").read_bytes(), mutant).decode().split("\n", 4)[4] for mutant in found}

    assert made == {
        "    if not a < b and b:\n        go(a)\n    return a + 1\n",
        "    if not a <= b or b:\n        go(a)\n    return a + 1\n",
        "    if (a <= b) and b:\n        go(a)\n    return a + 1\n",
        "    if (not (not a <= b and b)):\n        go(a)\n    return a + 1\n",
        "    if not a <= b and b:\n        pass\n    return a + 1\n",
        "    if not a <= b and b:\n        go(a)\n    return a - 1\n",
        "    if not a <= b and b:\n        go(a)\n    return a + 2\n",
    }


def test_what_a_module_runs_itself_is_known() -> None:
    source = b"def a(): b()\ndef b(): ...\ndef c(): a()\nclass D:\n    x = c()\nX = [a() for _ in Y]\n"

    assert run_by_module(source) == {"a", "b"}


def test_a_mistake_knows_its_function_and_the_lines_that_do_something(tmp_path: Path) -> None:
    code = tmp_path / mistakes.CODE
    code.mkdir(parents=True)
    (code / "a.py").write_text(
        "MOST = 1\n\n\n"
        "class A:\n"
        "    @staticmethod\n"
        "    def f(a: int) -> int:\n"
        "        return (\n"
        "            a +\n"
        "            b\n"
        "        )\n"
    )

    outside, inside = generate(Area("a.py", ("tests",)), tmp_path)

    assert (outside.name, outside.function, outside.lines) == ("a.py: `1` → `2`", None, (1,))
    assert inside.name == "a.py A.f: `a + b`, + → -"
    assert (inside.function, inside.lines) == (Function("A.f", 5), (7, 8, 9))


_CODE = """
MOST = 3


def grown(value: int) -> int:
    return value + 1


def is_more(value: int) -> bool:
    return value > MOST


def counted(most: int) -> int:
    value = 0
    while value < most:
        value = value + 1
    return value


def never(value: int) -> int:
    return -value


def doubled(value: int) -> int:
    return value * 2


def made(a: int, b: int) -> int:
    return a * b


MADE = made(MOST, MOST)
STEP = 1


def reached(most: int, value: int) -> int:
    while value != most:
        value = value + STEP
    return value
"""
_TESTS = """
import gc
from pathlib import Path

from nexgent.a import MADE, counted, doubled, grown, is_more, reached

# As the tests' own conftest does, which hides every function from whoever looks for it.
gc.freeze()


def test_grown() -> None:
    assert grown(1) == 2


def test_is_more() -> None:
    assert is_more(4)
    assert not is_more(1)


def test_counted() -> None:
    assert counted(3) == 3
    assert counted(0) == 0


def test_that_fails_anyway() -> None:
    assert grown(1) == 3


def test_made() -> None:
    assert grown(MADE) == 10


def test_reached() -> None:
    assert reached(3, 0) == 3


def test_that_fails_from_the_second_time_on() -> None:
    assert doubled(0) == 0
    Path("busy").touch(exist_ok=False)
"""
_RUN = """
from pathlib import Path
from scripts.mutants.measure import Measurements
from scripts.mutants import runner
from scripts.mutants.mistakes import Area, generate
from scripts.mutants.runner import Bench

runner._LEAST_SECONDS = 1.0


class Noted(Bench):
    def on_import(self, mutant):
        print("ALONE", mutant.name)
        return super().on_import(mutant)


folder = Path.cwd()
mutants = list(generate(Area("a.py", ("tests/test_a.py",)), folder))
tests = Measurements(folder, folder / "cache" / "measured.json").of(["tests/test_a.py"], ["src/nexgent"])
print("FAILING", [node for node, test in tests.items() if not test.passed])
trials = []
Noted(folder, tests, trials.append).try_all(mutants)
for trial in trials:
    print("TRIAL", trial.verdict, trial.tests, trial.mutant.name)
"""


def test_mistakes_are_tried_with_the_tests_that_run_them(tmp_path: Path) -> None:
    (tmp_path / "src" / "nexgent").mkdir(parents=True)
    (tmp_path / "src" / "nexgent" / "a.py").write_text(_CODE)
    (tmp_path / "src" / "nexgent" / "__init__.py").write_text("")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(_TESTS)
    (tmp_path / "pytest.ini").write_text(
        # Plug-ins that are not needed, and take seconds of each process.
        "[pytest]\npythonpath = src\naddopts = --import-mode=importlib -p no:valkey -p no:schemathesis\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE_SECONDS,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert "FAILING ['tests/test_a.py::test_that_fails_anyway']" in lines, done.stderr
    # A pytest of its own takes seconds, and is for what acts on import.
    assert [line.removeprefix("ALONE ") for line in lines if line.startswith("ALONE ")] == [
        "a.py: `3` → `4`",
        "a.py made: `a * b`, * → //",
        "a.py: `1` → `2`",
    ]
    assert [line.removeprefix("TRIAL ") for line in lines if line.startswith("TRIAL ")] == [
        "killed 2 a.py grown: `value + 1`, + → -",
        "killed 2 a.py grown: `1` → `2`",
        "SURVIVED 1 a.py is_more: `value > MOST`, > → >=",
        "killed 1 a.py counted: `0` → `1`",
        "killed 1 a.py counted: `value < most`, < → <=",
        # Never ends, which is noticed as well.
        "killed 1 a.py counted: `value + 1`, + → -",
        "killed 1 a.py counted: `1` → `2`",
        # A test that fails on the unchanged code as well has noticed nothing.
        "SURVIVED 1 a.py doubled: `value * 2`, * → //",
        "SURVIVED 1 a.py doubled: `2` → `3`",
        "killed 1 a.py reached: `value != most`, != → ==",
        "killed 1 a.py reached: `value + STEP`, + → -",
        "killed 6 a.py: `3` → `4`",
        "UNREACHED 0 a.py never: `-value` → `(value)`",
        # No test runs it, but the module does.
        "killed 0 a.py made: `a * b`, * → //",
        # Never ends either, in a pytest of its own.
        "killed 6 a.py: `1` → `2`",
    ]


def test_what_may_survive_is_not_made_again_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--area", "domain/trading/book/triggers.py", "--list"]

    assert main(["--generated", *place]) == 0
    others = set(capsys.readouterr().out.splitlines())
    assert main(["--accepted", *place]) == 0
    made = set(capsys.readouterr().out.splitlines())

    accepted = {name for name in read_table().accepted if name.startswith("domain/trading/book/triggers.py ")}
    assert made == accepted != set()
    assert others
    assert not others & accepted


class _Session:
    def __init__(self) -> None:
        self.items: list[Any] = []
        self.stash = pytest.Stash()


class _Item:
    """A test below some folders."""

    def __init__(self, session: _Session, *folders: str, fixtures: tuple[str, ...] = ()) -> None:
        self.session = session
        self.fixturenames = fixtures
        self.nodeid = str(len(session.items))
        self._folders = folders
        session.items.append(self)

    def listchain(self) -> list[object]:
        return [self.session, *self._folders, self]


def test_what_a_test_leaves_set_up_belongs_to_as_few_others_as_possible() -> None:
    session = _Session()
    first: Any = _Item(session, "integration", "database")
    _Item(session, "integration", "database")
    _Item(session, "integration", "queue")
    unit = _Item(session, "unit")
    another: Any = _Forks._another

    assert another(first) is unit
    session.items.remove(unit)
    assert another(first) is session.items[2]
    session.items[:] = [first]
    assert another(first) is None


def test_whoever_is_first_to_need_servers_may_start_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(runner._DEADLINES).write_text('{"0": 5, "1": 5, "2": 5}')
    alarms: list[float] = []
    monkeypatch.setattr(signal, "setitimer", lambda _, seconds: alarms.append(seconds))
    session = _Session()
    tests: list[Any] = [_Item(session, fixtures=names) for names in ((), ("servers",), ("servers",))]

    for test in tests:
        running = runner.pytest_runtest_protocol(test)
        next(running)
        assert Path(runner._LAST).read_text() == test.nodeid
        assert list(running) == []

    start = runner._START_SECONDS
    assert alarms == [5, start, start + 5, start, 5, start]
