"""`python -m benchmarks [NAME …] [--runs N]`: a table of our own times.

Names are ticks, budget, rest, product, memory, ws, storm, restart, floods, bystanders, engines, dashboard and history; without
one, all.
`--runs` measures each so often, one after the other, and gives medians; what was measured is kept in `benchmarks/figures.json`,
from which `make figures` writes the tables of the documents. `--no-file` leaves the file alone.

`ws` by name listens for a minute, `dashboard` watches the browser's memory for ten; as one of all, for a shorter time.
`engines` has 200 agents (`--agents 3000`), and by name takes engines away 80 times, as one of all 12 times (`--takeovers`);
each that is frozen takes a dozen seconds.
`history` by name is a year (`--scale 0.02` for a fiftieth, which it is as one of all), whose database stays in `--folder`; with
`--prepare` it is made there and nothing is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from benchmarks import (
    budget,
    bystanders,
    dashboard,
    engines,
    figures,
    floods,
    history,
    memory,
    product,
    rest,
    restart,
    sockets,
    storm,
    table,
    ticks,
)
from nexgent.shared.money import install_decimal_context


def main() -> int:
    """Run the benchmarks that were named."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure our own times.")
    parser.add_argument("names", nargs="*", help="what to measure; everything by default")
    parser.add_argument("--runs", type=int, default=1, help="how often (medians are given)")
    parser.add_argument("--no-file", action="store_true", help="keep no figures")
    parser.add_argument("--scale", type=float, help="how much of a year of history there is")
    parser.add_argument("--folder", type=Path, help="where the database with a history is kept")
    parser.add_argument(
        "--prepare", action="store_true", help="make the database with a history in --folder, and no more"
    )
    parser.add_argument(
        "--agents", type=int, default=engines.AGENTS, help="how many agents several engines have"
    )
    parser.add_argument(
        "--takeovers", type=int, help="how often an engine is killed, and how often one is frozen"
    )
    options = parser.parse_args()
    if options.prepare and options.folder is None:
        parser.error("--prepare needs a --folder")
    install_decimal_context()
    seconds = sockets.FULL_SECONDS if "ws" in options.names else sockets.SHORT_SECONDS
    minutes = dashboard.FULL_MINUTES if "dashboard" in options.names else dashboard.SHORT_MINUTES
    scale = options.scale or (1.0 if "history" in options.names else history.SHORT_SCALE)
    takeovers = options.takeovers
    if takeovers is None:
        takeovers = engines.FULL_TAKEOVERS if "engines" in options.names else engines.SHORT_TAKEOVERS
    known: dict[str, Callable[[], list[table.Row]]] = {
        "ticks": ticks.run,
        "budget": lambda: uvloop.run(budget.run()),
        "rest": lambda: uvloop.run(rest.run()),
        "product": lambda: uvloop.run(product.run()),
        "memory": lambda: uvloop.run(memory.run()),
        "ws": lambda: uvloop.run(sockets.run(seconds=seconds)),
        "storm": lambda: uvloop.run(storm.run()),
        "restart": lambda: uvloop.run(restart.run()),
        "floods": lambda: uvloop.run(floods.run()),
        "bystanders": lambda: uvloop.run(bystanders.run()),
        "engines": lambda: uvloop.run(engines.run(agents=options.agents, takeovers=takeovers)),
        "history": lambda: uvloop.run(history.run(scale=scale, folder=options.folder)),
        "dashboard": lambda: uvloop.run(dashboard.run(minutes=minutes)),
    }
    if options.prepare:
        uvloop.run(history.prepare(options.folder, scale=options.scale or 1.0))
        return 0
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
