"""`python -m benchmarks [ticks] [product] [ws] [storm] [restart] [floods] [dashboard] [--runs N]`: a table of our own times.

Without a name, all of them. `--runs` measures each so often, one after the other, and gives medians; what was measured is kept in
`benchmarks/figures.json`, from which `make figures` writes the tables of the documents. `--no-file` leaves the file alone.

`ws` by name listens for a minute, `dashboard` watches the browser's memory for ten; as one of all, for a shorter time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import uvloop

from benchmarks import dashboard, figures, floods, product, restart, sockets, storm, table, ticks
from nexgent.shared.money import install_decimal_context


def main() -> int:
    """Run the benchmarks that were named."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure our own times.")
    parser.add_argument("names", nargs="*", help="what to measure; everything by default")
    parser.add_argument("--runs", type=int, default=1, help="how often (medians are given)")
    parser.add_argument("--no-file", action="store_true", help="keep no figures")
    options = parser.parse_args()
    install_decimal_context()
    seconds = sockets.FULL_SECONDS if "ws" in options.names else sockets.SHORT_SECONDS
    minutes = dashboard.FULL_MINUTES if "dashboard" in options.names else dashboard.SHORT_MINUTES
    known: dict[str, Callable[[], list[table.Row]]] = {
        "ticks": ticks.run,
        "product": lambda: uvloop.run(product.run()),
        "ws": lambda: uvloop.run(sockets.run(seconds=seconds)),
        "storm": lambda: uvloop.run(storm.run()),
        "restart": lambda: uvloop.run(restart.run()),
        "floods": lambda: uvloop.run(floods.run()),
        "dashboard": lambda: uvloop.run(dashboard.run(minutes=minutes)),
    }
    names = options.names or list(known)
    unknown = sorted(set(names) - set(known))
    if unknown or options.runs < 1:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}; at least one run", file=sys.stderr)
        return 2
    busy, runs = figures.load(), []
    for number in range(options.runs):
        if options.runs > 1:
            print(f"run {number + 1} of {options.runs}", file=sys.stderr)
        runs.append([row for name in names for row in known[name]()])
    table.show(figures.merged(runs))
    if not options.no_file:
        today = datetime.now(UTC).date().isoformat()
        figures.keep(figures.of_runs(runs, measured_on=today, where=figures.machine(), busy=busy))
        print(f"\nkept in {figures.FILE.name}; `make figures` writes the documents' tables anew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
