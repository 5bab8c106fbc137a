"""Tries mutants: the tests are collected once, and each mistake is made in a process forked from that one.

A mistake inside a function is a function with other code; the rest of the program is as it was imported. What acts on import
(a constant of a module, the default of a field) is tried by a pytest of its own on changed sources, which takes seconds instead.

A busy machine fails tests as well, and makes them late. So a test that fails has noticed the mistake only if it passes on the
unchanged code right after. How long that takes says as well whether one that did not end in its time had time enough.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from scripts.mutants.measure import PYTEST, Measured, environment, few_examples
from scripts.mutants.mistakes import CODE, Function, Mutant, mutated, run_by_module

KILLED, SURVIVED, UNREACHED, BROKEN = "killed", "SURVIVED", "UNREACHED", "BROKEN"
# Passed; failed; interrupted, or nothing found to run, as when a module cannot be imported any more; never ended.
_VERDICTS = {0: SURVIVED, 1: KILLED, 2: KILLED, 4: KILLED, -signal.SIGALRM: KILLED}
_TIMES_THE_USUAL = 10
_LEAST_SECONDS = 5.0
_MORE_PATIENCE = 4
_START_SECONDS = 120.0
_MOST_MEMORY_BYTES = 2 << 30
_SERVED = pytest.StashKey[bool]()
_WITNESSES, _DEADLINES, _LAST = "witnesses.txt", "deadlines.json", "last.txt"


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a mutant."""

    mutant: Mutant
    verdict: str
    seconds: float
    tests: int


class Bench:
    """Chooses the tests of a mutant and tries it, in a copy of the sources."""

    def __init__(self, folder: Path, tests: dict[str, Measured], told: Callable[[Trial], None]) -> None:
        self._folder = folder
        self._tests = {node: test for node, test in tests.items() if test.passed}
        self._told = told

    def try_all(self, mutants: Sequence[Mutant]) -> None:
        """Tell of each mutant what became of it, those that need no other process first."""
        inside = [mutant for mutant in mutants if mutant.function is not None and self.witnesses(mutant)]
        names = {mutant.name for mutant in inside}
        nodes = sorted({node for mutant in inside for node in self.witnesses(mutant)})
        if nodes:
            here = Path.cwd()
            modules = sorted({node.split("::")[0] for node in nodes})
            os.chdir(self._folder)
            try:
                with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
                    pytest.main([*PYTEST, *modules], plugins=[_Forks(self, inside)])
            finally:
                os.chdir(here)
        for mutant in mutants:
            if mutant.name not in names:
                self._try_outside(mutant)

    def _try_outside(self, mutant: Mutant) -> None:
        """Try what acts on import. That may be a function as well: one that no test runs, but the module itself."""
        function = mutant.function
        if function is not None and function.name not in run_by_module(self.source(mutant).read_bytes()):
            self.tell(mutant, UNREACHED, 0.0)
            return
        verdict, seconds = self.on_import(replace(mutant, function=None))
        self.tell(mutant, verdict, seconds)

    def tell(self, mutant: Mutant, verdict: str, seconds: float) -> None:
        self._told(Trial(mutant, verdict, seconds, len(self.witnesses(mutant))))

    def witnesses(self, mutant: Mutant) -> list[str]:
        """Return the tests that run what was changed: the closest first, of those the fastest."""
        file = (CODE / mutant.file).as_posix()
        lines = set(mutant.lines)
        chosen = []
        for node, test in self._tests.items():
            ran = test.lines.get(file)
            if ran is None or (mutant.function is not None and not ran & lines):
                continue
            module = node.split("::")[0]
            distance = next((n for n, path in enumerate(mutant.tests) if module.startswith(path)), None)
            if distance is not None:
                chosen.append((distance, test.seconds, node))
        if not chosen and mutant.function is None:
            # Nothing but declarations, which no measured line belongs to.
            chosen = [
                (n, test.seconds, node)
                for n, path in enumerate(mutant.tests)
                for node, test in self._tests.items()
                if node.startswith(path)
            ]
        return [node for _, _, node in sorted(chosen)]

    def deadline_seconds(self, node: str) -> float:
        """Return how long a test may take before it is looked at whether it ends at all."""
        return max(_LEAST_SECONDS, _TIMES_THE_USUAL * self._tests[node].seconds)

    def source(self, mutant: Mutant) -> Path:
        return self._folder / CODE / mutant.file

    def on_import(self, mutant: Mutant) -> tuple[str, float]:
        """Run the tests on changed sources."""
        nodes = self.witnesses(mutant)
        if not nodes:
            return UNREACHED, 0.0
        began = time.monotonic()
        code, last = self._changed(mutant, nodes)
        while last is not None and _VERDICTS.get(code) == KILLED:
            late = code == -signal.SIGALRM
            if self._alone([last], _MORE_PATIENCE)[0] == 0 and (
                not late or self._changed(mutant, [last], _MORE_PATIENCE)[0] != 0
            ):
                break
            # It fails anyway at present: what do the others say?
            nodes = nodes[nodes.index(last) + 1 :]
            if not nodes:
                return SURVIVED, time.monotonic() - began
            code, last = self._changed(mutant, nodes)
        return _VERDICTS.get(code, BROKEN), time.monotonic() - began

    def _changed(self, mutant: Mutant, nodes: Sequence[str], patience: float = 1.0) -> tuple[int, str | None]:
        """Run tests on changed sources, as `_alone` does."""
        path = self.source(mutant)
        before = path.read_bytes()
        path.write_bytes(mutated(before, mutant))
        try:
            return self._alone(nodes, patience)
        finally:
            path.write_bytes(before)

    def _alone(self, nodes: Sequence[str], patience: float = 1.0) -> tuple[int, str | None]:
        """Run tests in a pytest of their own; return its exit code and the test that ran last, which is the one that failed."""
        deadlines = {node: patience * self.deadline_seconds(node) for node in nodes}
        (self._folder / _WITNESSES).write_text("\n".join(nodes), encoding="utf-8")
        (self._folder / _DEADLINES).write_text(json.dumps(deadlines), encoding="utf-8")
        last = self._folder / _LAST
        last.unlink(missing_ok=True)
        plugin = ["-p", "scripts.mutants.runner"]
        process = subprocess.Popen(
            [sys.executable, "-B", "-m", "pytest", *PYTEST, "-x", *plugin, f"@{_WITNESSES}"],
            cwd=self._folder,
            env=environment(self._folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return code, last.read_text(encoding="utf-8") if last.exists() else None


# What follows is a plug-in of that pytest. Nothing handles the alarm: it ends the process.


def pytest_configure() -> None:
    signal.setitimer(signal.ITIMER_REAL, _START_SECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        few_examples(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    Path(_LAST).write_text(item.nodeid, encoding="utf-8")
    seconds = json.loads(Path(_DEADLINES).read_text(encoding="utf-8"))[item.nodeid]
    if "servers" in getattr(item, "fixturenames", ()) and not item.session.stash.get(_SERVED, False):
        # The first one starts them, which is no part of what it usually takes.
        item.session.stash[_SERVED] = True
        seconds += _START_SECONDS
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, _START_SECONDS)


class _Forks:
    """Instead of running the collected tests, runs for each mutant its own, in a fork."""

    def __init__(self, bench: Bench, mutants: Sequence[Mutant]) -> None:
        self._bench = bench
        self._mutants = mutants
        self._failed = False
        self._servers = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for item in session.items:
            few_examples(item)
        # The tests set aside what collecting them made, where it would not be found.
        gc.unfreeze()
        functions = _functions()
        gc.collect()
        gc.freeze()
        for mutant in self._mutants:
            chosen = [items[node] for node in self._bench.witnesses(mutant)]
            assert mutant.function is not None
            found = functions.get((str(self._bench.source(mutant)), mutant.function), [])
            code = _code(self._bench.source(mutant), mutant) if found else None
            began = time.monotonic()
            if code is None or any(len(f.__code__.co_freevars) != len(code.co_freevars) for f in found):
                self._bench.tell(mutant, *self._bench.on_import(mutant))
            else:
                self._start_servers(chosen)
                verdict = self._verdict(found, code, chosen)
                self._bench.tell(mutant, verdict, time.monotonic() - began)
        return True

    def _start_servers(self, chosen: Sequence[pytest.Item]) -> None:
        """Let the forks share the servers of this process, once any of them needs servers."""
        needy = [item for item in chosen if "servers" in getattr(item, "fixturenames", ())]
        if needy and not self._servers:
            self._servers = True
            item = next((item for item in needy if "database_url" in item.fixturenames), needy[0])  # type: ignore[attr-defined]
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=self._another(item))

    @staticmethod
    def _another(item: pytest.Item) -> pytest.Item | None:
        """Return the test that shares least with this one: what belongs to folders of both would stay set up, and be in the way
        of tests of other folders, which then fail whatever the code is like.
        """
        own = set(item.listchain())
        others = (other for other in item.session.items if other is not item)
        return min(others, key=lambda other: len(own.intersection(other.listchain())), default=None)

    def _verdict(self, functions: list[FunctionType], code: CodeType, chosen: Sequence[pytest.Item]) -> str:
        while chosen:
            status, number = self._fork(functions, code, chosen)
            verdict = _VERDICTS.get(status, BROKEN)
            if verdict != KILLED:
                return verdict
            failed = chosen[number]
            late = status == -signal.SIGALRM
            began = time.monotonic()
            if self._fork([], code, [failed], _MORE_PATIENCE)[0] == 0:
                # So long it takes at present: was there as many times that?
                enough = _TIMES_THE_USUAL * (time.monotonic() - began)
                patience = enough / self._bench.deadline_seconds(failed.nodeid)
                if not late or patience <= 1 or self._fork(functions, code, [failed], patience)[0] != 0:
                    return KILLED
            chosen = chosen[number + 1 :]
        return SURVIVED

    def _fork(
        self,
        functions: list[FunctionType],
        code: CodeType,
        chosen: Sequence[pytest.Item],
        patience: float = 1.0,
    ) -> tuple[int, int]:
        """Run tests with other code in some functions; return how that ended, and the number of the test it ended at."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            status = 70
            try:
                os.setsid()
                status = self._child(functions, code, chosen, patience, writing)
            finally:
                os._exit(status)
        os.close(writing)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        began = os.read(reading, len(chosen))
        os.close(reading)
        return os.waitstatus_to_exitcode(status), max(len(began) - 1, 0)

    def _child(
        self,
        functions: list[FunctionType],
        code: CodeType,
        chosen: Sequence[pytest.Item],
        patience: float,
        writing: int,
    ) -> int:
        for function in functions:
            function.__code__ = code
        _limit_memory()
        self._failed = False
        for item, following in zip(chosen, [*chosen[1:], self._another(chosen[-1])], strict=True):
            os.write(writing, b".")
            # Nothing handles this signal: it ends the process.
            signal.setitimer(signal.ITIMER_REAL, patience * self._bench.deadline_seconds(item.nodeid))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self._failed:
                return 1
        return 0


def _limit_memory() -> None:
    """Let what collects for ever fail before the machine does, where the system tells how much there is now."""
    statistics = Path("/proc/self/statm")
    if statistics.exists():
        pages = int(statistics.read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + _MOST_MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _functions() -> dict[tuple[str, Function], list[FunctionType]]:
    """Return every function there is, by file and place."""
    found: dict[tuple[str, Function], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            code = thing.__code__
            place = Function(code.co_qualname, code.co_firstlineno)
            found.setdefault((code.co_filename, place), []).append(thing)
    return found


def _code(path: Path, mutant: Mutant) -> CodeType | None:
    """Return the code of the function with the mistake in it."""
    whole = compile(mutated(path.read_bytes(), mutant), str(path), "exec")
    return next(
        (
            code
            for code in _codes(whole)
            if Function(code.co_qualname, code.co_firstlineno) == mutant.function
        ),
        None,
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
