"""`python -m tests.chaos [--full] [--cells N] [--rounds N] [--seed N] [--part K/N]`: carry cells of the grid out and print it.

Then come the rounds, in which one of several engines is struck, or the servers they share, while agents trade (`--agents`).
The parts 1/N to N/N of the same cells are those cells, each once: they run side by side, on several machines, or one a day.
Rounds belong to the first part. Exit code 0 when all cells and rounds passed, 1 when one did not.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.grid import Cell, Fault, Mode, Operation, all_cells, part, part_of, sample
from tests.chaos.several import Strike, several_engines
from tests.chaos.world import struck_world

CELLS_A_PRODUCT = 40
ROUNDS_A_WORLD = 14
LIVE_AGENTS = 4
PAUSE_SECONDS = 1.0
"""Between signals."""


async def carry_out(cells: Sequence[Cell], hang_seconds: float) -> dict[Cell, str]:
    """Return what was wrong in each cell; an empty text where nothing was."""
    results: dict[Cell, str] = {}
    for start in range(0, len(cells), CELLS_A_PRODUCT):
        batch = list(cells[start : start + CELLS_A_PRODUCT])
        while batch:
            with tempfile.TemporaryDirectory(prefix="nexgent-chaos-") as folder:
                Path(folder).chmod(0o711)
                wallets = sum(cell.mode is Mode.LIVE for cell in batch)
                async with struck_world(Path(folder), wallets, hang_seconds) as world:
                    while batch:
                        cell = batch.pop(0)
                        began = time.monotonic()
                        try:
                            await world.run(cell)
                            results[cell] = ""
                        except Exception as error:
                            results[cell] = f"{type(error).__name__}: {error}"
                            kept = Path(tempfile.mkdtemp(prefix="nexgent-chaos-failed-"))
                            for log in Path(folder).glob("*.log"):
                                shutil.copy(log, kept)
                            print(f"        the logs are kept in {kept}", flush=True)
                        seconds = time.monotonic() - began
                        print(
                            f"{'FAILED' if results[cell] else 'passed'} {seconds:6.1f} s  {cell.title}",
                            flush=True,
                        )
                        if results[cell]:
                            print(f"        {results[cell][:1000]}", flush=True)
                            # What is wrong with this product is not held against the cells to come.
                            break
    return results


async def carry_out_rounds(strikes: Sequence[Strike], seed: int, agents: int) -> dict[int, str]:
    """Return what was wrong in each round, by its place; an empty text where nothing was."""
    results: dict[int, str] = {}
    left = list(enumerate(strikes))
    while left:
        with tempfile.TemporaryDirectory(prefix="nexgent-chaos-") as name:
            folder = Path(name)
            folder.chmod(0o711)
            async with several_engines(folder, agents=agents, live=LIVE_AGENTS) as world:
                # A live wallet's swaps are listed up to a number.
                for _ in range(min(ROUNDS_A_WORLD, len(left))):
                    number, strike = left.pop(0)
                    began, said = time.monotonic(), ""
                    try:
                        outcomes = await world.run(strike, random.Random(f"{seed} {number}"), PAUSE_SECONDS)
                        said = ", ".join(f"{times} {one}" for one, times in outcomes.most_common())
                        results[number] = ""
                    except Exception as error:
                        results[number] = f"{type(error).__name__}: {error}"
                        kept = Path(tempfile.mkdtemp(prefix="nexgent-chaos-failed-"))
                        for log in folder.glob("*/*.log"):
                            shutil.copy(log, kept / f"{log.parent.name}-{log.name}")
                        said = f"{results[number][:2000]}; the logs are kept in {kept}"
                    passed = "FAILED" if results[number] else "passed"
                    print(f"{passed} {time.monotonic() - began:6.1f} s  {strike}: {said}", flush=True)
                    if results[number]:
                        # What is wrong with these services is not held against the rounds to come.
                        break
    return results


def strikes_of(seed: int, count: int) -> list[Strike]:
    """Return what is struck in so many rounds: everything once, in an order by chance, then again."""
    chance = random.Random(seed)
    strikes: list[Strike] = []
    while len(strikes) < count:
        strikes += chance.sample(list(Strike), len(Strike))
    return strikes[:count]


def show(results: dict[Cell, str]) -> None:
    """Print the grid: passed of run, by fault and operation."""
    run, passed = Counter[tuple[Fault, Operation]](), Counter[tuple[Fault, Operation]]()
    for cell, wrong in results.items():
        run[cell.fault, cell.operation] += 1
        passed[cell.fault, cell.operation] += not wrong
    width = max(len(fault) for fault in Fault)
    print(" " * width, *(f"{operation:>12}" for operation in Operation))
    for fault in Fault:
        row = (
            f"{passed[fault, operation]}/{run[fault, operation]}" if run[fault, operation] else "-"
            for operation in Operation
        )
        print(f"{fault:<{width}}", *(f"{one:>12}" for one in row))


def _part(text: str) -> tuple[int, int]:
    try:
        return part_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def options_of(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line. Ends the process with code 2 and what is wrong with it."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every cell of the grid")
    parser.add_argument("--cells", type=int, default=20, help="how many (20)")
    parser.add_argument("--rounds", type=int, help="how many with several engines (14, all 140 with --full)")
    parser.add_argument("--agents", type=int, default=300, help="how many trade in a round (300)")
    parser.add_argument("--match", default="", help="only cells whose title contains this")
    parser.add_argument("--seed", type=int, help="which (one at random)")
    parser.add_argument("--part", type=_part, help="only part K of N of them", metavar="K/N")
    parser.add_argument("--hang", type=float, default=30.0, help="seconds of a hang (30)")
    options = parser.parse_args(arguments)
    if options.part and not options.full and options.seed is None:
        parser.error("--part needs --full or --seed: parts of samples that differ do not add up")
    return options


def main() -> int:
    """Run the command line."""
    options = options_of()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    everything = [cell for cell in all_cells() if options.match in cell.title]
    cells = everything if options.full else sample(seed, options.cells, everything)
    title = f"seed {seed}"
    if options.part:
        title += ", part {}/{}".format(*options.part)
        cells = part(cells, *options.part)
    print(f"{title}: {len(cells)} of {len(everything)} cells", flush=True)
    results = asyncio.run(carry_out(cells, options.hang))
    failed = sum(bool(wrong) for wrong in results.values())
    show(results)
    print(f"{title}: {len(results)} cells run, {len(results) - failed} passed, {failed} failed")
    rounds = options.rounds if options.rounds is not None else 140 if options.full else 14
    if options.part and options.part[0] > 1:
        rounds = 0
    struck = asyncio.run(carry_out_rounds(strikes_of(seed, rounds), seed, options.agents))
    wrong = sum(bool(one) for one in struck.values())
    print(f"{title}: {len(struck)} rounds with several engines, {len(struck) - wrong} passed, {wrong} failed")
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
