"""`python -m benchmarks.compare BASE`: measure two commits alternately in one run and print the ratios with their spread.

What is measured is `benchmarks.cheap` of this tree, in CPU time: BASE is checked out beside it, with an environment of its own
when its lock is another one. The machine may be busy with other things; both are measured under the same load, turn by turn.

`--gate` measures the smallest part and ends with 1 only when something takes more than 1.5 times as long, and does so again when
it is measured once more. Without an earlier commit there is nothing to compare with, and it says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORST_RATIO = 1.5
ROUNDS = 7
GATE_ROUNDS = 3
_TIMEOUT_SECONDS = 600.0
_LOCK = "requirements.lock"


class NotComparableError(Exception):
    """There is no other commit, or it cannot be measured."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much longer something takes than before: the median of the rounds, and the ends of what they gave."""

    name: str
    before: float
    after: float
    median: float
    lowest: float
    highest: float


def main(arguments: Sequence[str]) -> int:
    """Compare, print, judge."""
    parser = argparse.ArgumentParser(prog="benchmarks.compare", description="Compare two commits.")
    parser.add_argument(
        "base", nargs="?", help="the commit to compare with; by default where this one branched off"
    )
    parser.add_argument("--rounds", type=int, default=None, help="how often each is measured")
    parser.add_argument(
        "--gate", action="store_true", help="the smallest part; fail on what is slower, twice"
    )
    options = parser.parse_args(arguments)
    rounds = options.rounds or (GATE_ROUNDS if options.gate else ROUNDS)
    try:
        base = commit_of(options.base) if options.base else earlier_commit()
        with tempfile.TemporaryDirectory(prefix="nexgent-compare-") as folder:
            tree = Path(folder) / "base"
            _git("worktree", "add", "--detach", "--quiet", str(tree), base)
            try:
                return _compare(tree, base, rounds, gate=options.gate)
            finally:
                _git("worktree", "remove", "--force", str(tree))
    except NotComparableError as error:
        print(f"nothing compared: {error}", file=sys.stderr)
        return 0 if options.gate else 2


def _compare(tree: Path, base: str, rounds: int, *, gate: bool) -> int:
    python = _python_of(tree, gate=gate)
    shutil.copy(ROOT / "benchmarks/cheap.py", tree / "benchmarks/cheap.py")
    print(f"against {base[:10]}, {rounds} rounds, CPU time")
    slower = judged(lambda: ratios(*_measured(python, tree, rounds, smallest=gate)), again=gate)
    for name in sorted(slower):
        print(f"more than {WORST_RATIO} times as long as {base[:10]}, twice: {name}", file=sys.stderr)
    return 1 if slower else 0


def judged(measure: Callable[[], Sequence[Ratio]], *, again: bool) -> set[str]:
    """Measure and show; return what takes too long, and does so again when it is measured once more.

    Nothing is said to take too long where nothing is to be measured `again`.
    """
    found = measure()
    _show(found)
    slower = worse(found)
    if not again or not slower:
        return set()
    print(f"more than {WORST_RATIO} times as long; measured once more:")
    repeated = measure()
    _show(repeated)
    return slower & worse(repeated)


def ratios(before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]]) -> list[Ratio]:
    """Return the ratios of what both trees measured, round by round."""
    names = [name for name in after[0] if all(name in one for one in (*before, *after))]
    found: list[Ratio] = []
    for name in names:
        each = [new[name] / old[name] for old, new in zip(before, after, strict=True)]
        found.append(
            Ratio(
                name,
                statistics.median(old[name] for old in before),
                statistics.median(new[name] for new in after),
                statistics.median(each),
                min(each),
                max(each),
            )
        )
    return found


def worse(found: Sequence[Ratio]) -> set[str]:
    """Return the names of what takes more than `WORST_RATIO` times as long."""
    return {one.name for one in found if one.median > WORST_RATIO}


def commit_of(name: str) -> str:
    """Return the commit a name stands for. Raises `NotComparableError` when there is none."""
    try:
        return _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except (subprocess.CalledProcessError, FileNotFoundError):
        raise NotComparableError(f"there is no commit {name}") from None


def earlier_commit() -> str:
    """Return where this commit branched off, or the one before it. Raises `NotComparableError`."""
    head = commit_of("HEAD")
    for branch in ("origin/main", "main"):
        try:
            base = _git("merge-base", "HEAD", branch)
        except subprocess.CalledProcessError:
            continue
        if base != head:
            return base
    return commit_of("HEAD~1")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _python_of(tree: Path, *, gate: bool) -> Path:
    """Return the interpreter for a tree: ours where the lock is the same, otherwise that of an environment of its own."""
    lock = tree / _LOCK
    if lock.exists() and lock.read_bytes() == (ROOT / _LOCK).read_bytes():
        return Path(sys.executable)
    if gate:
        raise NotComparableError("its lock is another one; `make bench-compare` makes an environment for it")
    try:
        subprocess.run(["sh", "scripts/setup.sh", "dev"], cwd=tree, check=True)
    except subprocess.CalledProcessError:
        raise NotComparableError("no environment could be made for it") from None
    return tree / ".venv/bin/python"


def _measured(
    python: Path, tree: Path, rounds: int, *, smallest: bool
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    before: list[dict[str, float]] = []
    after: list[dict[str, float]] = []
    for number in range(rounds):
        turns = [(python, tree, before), (Path(sys.executable), ROOT, after)]
        for interpreter, folder, figures in turns if number % 2 == 0 else reversed(turns):
            figures.append(_once(interpreter, folder, smallest=smallest))
    return before, after


def _once(python: Path, tree: Path, *, smallest: bool) -> dict[str, float]:
    command = [str(python), "-m", "benchmarks.cheap", *(["--smallest"] if smallest else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tree / "src"), str(tree)))}
    done = subprocess.run(
        command,
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        if tree == ROOT:
            raise RuntimeError(f"benchmarks.cheap failed: {last}")
        raise NotComparableError(f"today's benchmarks do not run on it ({last})")
    measured = json.loads(done.stdout.strip().splitlines()[-1])
    if not Path(measured["tree"]).is_relative_to(tree / "src"):
        raise RuntimeError(f"{measured['tree']} was measured instead of {tree}")
    return dict(measured["figures"])


def _show(found: Sequence[Ratio]) -> None:
    for one in found:
        spread = f"{one.lowest:.2f}–{one.highest:.2f}"
        print(f"  {one.median:5.2f} ({spread})  {one.before:10.2f} → {one.after:10.2f}  {one.name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
