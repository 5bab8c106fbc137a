"""Command line.

`python -m tests.vectors FILE`. Scenarios of the executor run against a sandbox started for each.

Exit code 0 when all vectors passed, 1 when one failed, 2 on bad input.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from tests.vectors.runner import GroupResult, VectorRunner, load
from tests.vectors.scenario_swaps import at_the_sandbox
from tests.vectors.scenarios import check_scenario


def main(arguments: list[str] | None = None) -> int:
    """Run the vectors of a file and print the counts."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.vectors", description="Run vectors through the domain."
    )
    parser.add_argument("file", type=Path, help="a JSON file in the format of trading-vectors.json")
    path = parser.parse_args(arguments).file
    try:
        document = load(path)
    except (OSError, ValueError) as error:
        print(f"cannot read the vectors: {error}", file=sys.stderr)
        return 2
    passed = failed = 0
    handlers = {"executor_scenarios": partial(check_scenario, market=at_the_sandbox)}
    for result in VectorRunner(handlers=handlers).run(document):
        _print(result)
        passed += result.passed
        failed += result.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _print(result: GroupResult) -> None:
    if result.outcomes is None:
        print(f"{result.group}: skipped")
        return
    print(f"{result.group}: {result.passed} passed / {result.failed} failed")
    for outcome in result.outcomes:
        for failure in outcome.failures:
            print(f"  FAILED {outcome.label}: {failure}")
        for reason in outcome.deviations:
            print(f"  deviation {outcome.label}: {reason}")


if __name__ == "__main__":
    sys.exit(main())
