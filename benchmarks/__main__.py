"""`python -m benchmarks [ticks] [product] [ws] [storm] [restart] [floods]`: print the table of our own times.

Without a name, all of them.

`ws` by name listens for a minute; as one of all, for a shorter time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import uvloop

from benchmarks import floods, product, restart, sockets, storm, table, ticks
from nexgent.shared.money import install_decimal_context


def main() -> int:
    """Run the benchmarks that were named."""
    install_decimal_context()
    seconds = sockets.FULL_SECONDS if "ws" in sys.argv[1:] else sockets.SHORT_SECONDS
    known: dict[str, Callable[[], list[table.Row]]] = {
        "ticks": ticks.run,
        "product": lambda: uvloop.run(product.run()),
        "ws": lambda: uvloop.run(sockets.run(seconds=seconds)),
        "storm": lambda: uvloop.run(storm.run()),
        "restart": lambda: uvloop.run(restart.run()),
        "floods": lambda: uvloop.run(floods.run()),
    }
    names = sys.argv[1:] or list(known)
    unknown = sorted(set(names) - set(known))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}", file=sys.stderr)
        return 2
    rows = [row for name in names for row in known[name]()]
    table.show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
