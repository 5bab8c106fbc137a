"""`python -m benchmarks [ticks] [product]`: print the table of our own times; without a name, all of them."""

from __future__ import annotations

import sys

import uvloop

from benchmarks import product, table, ticks
from nexgent.shared.money import install_decimal_context


def main() -> int:
    """Run the benchmarks that were named."""
    install_decimal_context()
    known = {"ticks": ticks.run, "product": lambda: uvloop.run(product.run())}
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
