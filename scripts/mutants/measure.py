"""Which test runs which lines, and how long it takes: measured once, and again where a test or what it runs has changed.

Run as a program it measures the test modules it is given, in the folder it is started in, and prints what it found as JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest
from hypothesis import Phase, settings

from scripts.mutants.mistakes import ROOT

# The plug-in of hypothesis is imported before pytest is, here.
PYTEST = ("-n", "0", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
EXAMPLES = 25
"""As many examples as a property gets here: mistakes are found early, or hardly ever."""
_AT_ONCE = 8
"""Of so many test modules it is kept what they run, before the next ones are looked at."""
CACHE = Path(".mutants") / "measured.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found out about a test on the unchanged code. `lines` by file of the code."""

    seconds: float
    passed: bool
    lines: dict[str, frozenset[int]]


class Measurements:
    """Every test of some modules, as measured in a folder; kept in a file from one run to the next."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._cache = cache
        self._modules: dict[str, Any] = {}
        if cache.exists():
            self._modules = json.loads(cache.read_text(encoding="utf-8"))

    def of(self, paths: Iterable[str], code: Sequence[str]) -> dict[str, Measured]:
        """Return the tests below the paths by node id, with the lines they run below the paths of code."""
        modules = sorted({module for path in paths for module in self._modules_of(path)})
        stale = [module for module in modules if not self._is_fresh(module, code)]
        for number in range(0, len(stale), _AT_ONCE):
            print(f"Measuring test modules, {len(stale) - number} to go", flush=True)
            self._measure(stale[number : number + _AT_ONCE], code)
        return {
            node: Measured(
                test["seconds"],
                test["passed"],
                {file: frozenset(lines) for file, lines in test["lines"].items()},
            )
            for module in modules
            for node, test in self._modules[module]["tests"].items()
        }

    def _modules_of(self, path: str) -> list[str]:
        whole = self._folder / path
        found = sorted(whole.rglob("test_*.py")) if whole.is_dir() else [whole]
        return [module.relative_to(self._folder).as_posix() for module in found]

    def _is_fresh(self, module: str, code: Sequence[str]) -> bool:
        known = self._modules.get(module)
        if known is None or known["code"] != list(code):
            return False
        return all(self._hash(file) == stamp for file, stamp in known["stamps"].items())

    def _hash(self, file: str) -> str:
        path = self._folder / file
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""

    def _measure(self, modules: Sequence[str], code: Sequence[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "scripts.mutants.measure", json.dumps([modules, code])],
            cwd=self._folder,
            # The tracer that newer Pythons take by themselves tells of a line only the first test that runs it.
            env={**environment(self._folder), "COVERAGE_CORE": "ctrace"},
            stdout=subprocess.PIPE,
            check=True,
        )
        tests = json.loads(done.stdout)
        for module in modules:
            own = {node: test for node, test in tests.items() if node.split("::")[0] == module}
            files = {module, *(file for test in own.values() for file in test["lines"])}
            stamps = {file: self._hash(file) for file in sorted(files)}
            self._modules[module] = {"code": list(code), "stamps": stamps, "tests": own}
        self._cache.parent.mkdir(exist_ok=True)
        self._cache.write_text(json.dumps(self._modules, separators=(",", ":")), encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which a Python has the code of a folder, and this program."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "src"), str(ROOT)])}


def few_examples(item: pytest.Item) -> None:
    """Let a property be tried with few examples, and not be shrunk."""
    function = getattr(item, "function", None)
    own: settings | None = getattr(function, "_hypothesis_internal_use_settings", None)
    if function is not None and own is not None:
        function._hypothesis_internal_use_settings = settings(
            own,
            max_examples=min(own.max_examples, EXAMPLES),
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
        )


class _Watch:
    """Notes what each test runs."""

    def __init__(self, tracer: coverage.Coverage) -> None:
        self._tracer = tracer
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        few_examples(item)
        self._tracer.switch_context(item.nodeid)
        began = time.monotonic()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.monotonic() - began
            self._tracer.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)


def main(modules: Sequence[str], code: Sequence[str]) -> dict[str, Any]:
    """Run test modules in the current folder; return seconds, result and lines of each test."""
    here = Path.cwd()
    paths = [here / path for path in code]
    include = [str(path / "*") if path.is_dir() else str(path) for path in paths]
    tracer = coverage.Coverage(data_file=None, config_file=False, include=include)
    watch = _Watch(tracer)
    tracer.start()
    with contextlib.redirect_stdout(sys.stderr):
        pytest.main([*PYTEST, *modules], plugins=[watch])
    tracer.stop()
    lines: dict[str, dict[str, list[int]]] = {node: {} for node in watch.seconds}
    data = tracer.get_data()
    for file in data.measured_files():
        name = Path(file).relative_to(here).as_posix()
        for line, nodes in data.contexts_by_lineno(file).items():
            for node in nodes:
                if node:
                    lines[node].setdefault(name, []).append(line)
    return {
        node: {"seconds": round(seconds, 4), "passed": node not in watch.failed, "lines": lines[node]}
        for node, seconds in watch.seconds.items()
    }


if __name__ == "__main__":
    print(json.dumps(main(*json.loads(sys.argv[1]))))
