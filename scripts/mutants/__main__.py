"""Change the code on purpose and see whether the tests notice.

`python -m scripts.mutants` makes the mistakes of `tests/mutants.toml`, each with the tests that have to fail for it.
`python -m scripts.mutants --generated` makes small mistakes everywhere in the money's code (or some of them: `--each 25 --seed 7`
takes 25 of each area): another comparison, another sign, a negated condition, a statement left out. Both work on a copy of the
sources, one mistake at a time, with those tests that run the changed lines, and end with a table; the exit code is 1 when one
survived, and 2 when tests fail on the unchanged code. What is listed under `[accepted]`, with the reason why no test can notice
it, is made by `--accepted` alone.

The known tools do not serve here: mutmut makes none of its mutants in dataclasses and calls coroutines through plain functions,
and most of this code is one or the other.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.mutants.measure import CACHE, Measurements
from scripts.mutants.mistakes import CODE, ROOT, Area, Mutant, Table, is_code, read_table, thought_of
from scripts.mutants.runner import KILLED, Bench, Trial

_COPIED = ("src", "tests", "migrations", "benchmarks", "scripts", "postman", "docs")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.egg-info")


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants, print what became of each, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts.mutants", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--generated", action="store_true", help="small mistakes everywhere instead of the named ones"
    )
    parser.add_argument("--sample", type=int, help="only so many of the generated ones, chosen by the seed")
    parser.add_argument("--each", type=int, help="only so many of each area, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accepted", action="store_true", help="only the generated ones that may survive")
    parser.add_argument(
        "--area",
        action="append",
        help="only what lies below this path, such as domain/ledger; may be repeated",
    )
    parser.add_argument(
        "--name",
        action="append",
        help="only those whose name contains this, such as one that survived; may be repeated",
    )
    parser.add_argument(
        "--closest",
        type=int,
        help="only the first so many of an area's tests: quicker, and what they alone notice",
    )
    parser.add_argument("--list", action="store_true", help="show the mutants and try none")
    options = parser.parse_args(arguments)

    table = read_table()
    generated = options.generated or options.accepted
    mutants = _generated(table, options) if generated else list(_within(table.named, options))
    if options.list:
        for mutant in mutants:
            print(mutant.name)
        return 0
    with tempfile.TemporaryDirectory(prefix="nexgent-mutants-") as name:
        folder = Path(name).resolve()
        # Root's test servers run as somebody else, who has to pass through.
        folder.chmod(0o711)
        _copy(folder)
        return _try_all(folder, mutants, table)


def _copy(folder: Path) -> None:
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=_NOT_COPIED)
    for file in ROOT.iterdir():
        # Settings and secrets of whoever runs this are none of the tests' business.
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, folder)


def _generated(table: Table, options: argparse.Namespace) -> list[Mutant]:
    chosen = []
    for area in table.areas:
        close = replace(area, tests=area.tests[: options.closest])
        own = (
            mutant
            for mutant in _within(thought_of(close), options)
            if _area_of(mutant, table.areas) == area.path
            and (mutant.name in table.accepted) is options.accepted
        )
        chosen += _some([mutant for mutant in own if is_code(mutant)], options.each, options.seed)
    return _some(chosen, options.sample, options.seed)


def _some(mutants: list[Mutant], most: int | None, seed: int) -> list[Mutant]:
    if most is None or most >= len(mutants):
        return mutants
    chosen = random.Random(seed).sample(range(len(mutants)), most)
    return [mutants[number] for number in sorted(chosen)]


def _within(mutants: Iterable[Mutant], options: argparse.Namespace) -> Iterator[Mutant]:
    areas, names = tuple(options.area or [""]), options.name or [""]
    return (
        mutant
        for mutant in mutants
        if mutant.file.startswith(areas) and any(name in mutant.name for name in names)
    )


def _try_all(folder: Path, mutants: Sequence[Mutant], table: Table) -> int:
    files = {mutant.file for mutant in table.named}
    paths = [area.path for area in table.areas]
    areas = [path for path in paths if not any(path.startswith(f"{other}/") for other in paths)]
    # What is not below the code, such as a migration, runs for all tests or for none.
    outside = sorted(file for file in files if not file.startswith((*areas, "..")))
    code = [(CODE / path).as_posix() for path in (*areas, *outside)]
    wanted = dict.fromkeys(path for mutant in mutants for path in mutant.tests)
    tests = Measurements(folder, ROOT / CACHE).of(wanted, code)
    for node in (node for node, test in tests.items() if not test.passed):
        print(f"Fails on the unchanged code, so it proves nothing: {node}", file=sys.stderr)

    trials: list[Trial] = []
    # The tests' own output goes elsewhere.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as out:

        def told(trial: Trial) -> None:
            trials.append(trial)
            note = _reason(trial, table)
            print(
                f"{len(trials):4}/{len(mutants)}  {trial.verdict:<9} {trial.seconds:5.1f} s"
                f" {trial.tests:4} tests  {trial.mutant.name}{note}",
                file=out,
                flush=True,
            )

        Bench(folder, tests, told).try_all(mutants)
    _print_table(trials, table)
    if not all(test.passed for test in tests.values()):
        return 2
    return 0 if all(trial.verdict == KILLED or _reason(trial, table) for trial in trials) else 1


def _reason(trial: Trial, table: Table) -> str:
    reason = table.accepted.get(trial.mutant.name) if trial.verdict != KILLED else None
    return f"  ({reason})" if reason else ""


def _print_table(trials: Sequence[Trial], table: Table) -> None:
    """Print the figures of each area, the killed in percent of those without a reason, and every mutant that was not killed."""
    places = dict.fromkeys(_area_of(trial.mutant, table.areas) for trial in trials)
    width = max((len(place) for place in (*places, "package")), default=0)
    print(f"\n{'package':<{width}}  tried  killed  survived  with a reason      %  seconds each")
    for place in (*sorted(places), "all"):
        own = [trial for trial in trials if place in {"all", _area_of(trial.mutant, table.areas)}]
        killed = sum(trial.verdict == KILLED for trial in own)
        excused = sum(bool(_reason(trial, table)) for trial in own)
        each = sum(trial.seconds for trial in own) / max(len(own), 1)
        # What no test can notice says nothing about the tests.
        rate = 100 * killed / max(len(own) - excused, 1)
        print(
            f"{place:<{width}}  {len(own):5}  {killed:6}  {len(own) - killed:8}  {excused:13}  {rate:5.1f}  {each:12.1f}"
        )
    left = [trial for trial in trials if trial.verdict != KILLED]
    if left:
        print("\nNot killed:")
    for trial in left:
        print(f"  {trial.verdict:<9} {trial.mutant.name}{_reason(trial, table)}")


def _area_of(mutant: Mutant, areas: Sequence[Area]) -> str:
    """Return the innermost area a mutant is in, else its package."""
    inside = [area.path for area in areas if mutant.file.startswith(area.path)]
    return max(inside, key=len, default=str(Path(mutant.file).parent))


if __name__ == "__main__":
    sys.exit(main())
