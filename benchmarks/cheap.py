"""What costs little to measure and tells a lot: CPU time of a tick, of a trade from signal to sale, and of folding entries.

`python -m benchmarks.cheap [--smallest]` measures once and prints JSON. `benchmarks.compare` runs it in two trees.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from decimal import Decimal

import structlog

import nexgent
from benchmarks import ticks
from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import WalletState, apply
from nexgent.domain.positions.models import CloseReason
from nexgent.domain.trading.orders.sell import ClosePositionRequest
from nexgent.infrastructure.database.projection.project import project
from nexgent.shared.money import install_decimal_context
from nexgent.shared.types import TokenAddress
from tests.builders import a_signal, an_agent
from tests.fakes.engine import FakeEngine

AGENTS = 20
SILENT = 50


def main() -> int:
    """Measure once."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(SILENT))
    install_decimal_context()
    smallest = "--smallest" in sys.argv[1:]
    signals = 5 if smallest else 25
    gc.disable()
    entries, seconds = asyncio.run(_traded(signals))
    figures = {
        "trade, from signal to sale, µs": seconds / (signals * AGENTS) * 1e6,
        "fold an entry, µs": _per_entry(_fold, entries),
        "project an entry, µs": _per_entry(project, entries),
    }
    if not smallest:
        figures |= {f"{row.name}, {row.unit}": row.value for row in ticks.run(large=False)}
    print(json.dumps({"tree": nexgent.__file__, "figures": figures}))
    return 0


async def _traded(signals: int) -> tuple[list[Entry], float]:
    """Return the entries that signals for tokens of their own left, and the CPU time they took."""
    engine = FakeEngine()
    agents = [await engine.add_agent(an_agent(), Decimal(10_000)) for _ in range(AGENTS)]
    entries = list(engine.journal.entries)
    spent = 0.0
    for number in range(signals + 1):
        token = TokenAddress(f"{number:044d}")
        # The journal of the tests looks through all it has: it is emptied, so that it costs the same each time.
        engine.journal.entries.clear()
        started = time.process_time()
        await engine.parts.process_signal.execute(a_signal(number + 1, token_address=token), 0.0)
        engine.move_to(Decimal("0.0011"), token)
        for agent in agents:
            (held,) = engine.book.of_agent(agent.id)
            wallet, position_id = held.position.wallet_address, held.position.id
            await engine.sales.execute(
                ClosePositionRequest(
                    wallet_address=wallet, position_id=position_id, reason=CloseReason.MANUAL
                )
            )
        await engine.settle(5)
        # The first one warms up.
        spent += time.process_time() - started if number else 0
        entries += engine.journal.entries
        engine.events.clear()
        engine.clock.advance(1)
    return entries, spent


def _fold(entries: list[Entry]) -> None:
    states: dict[str, WalletState] = {}
    for entry in entries:
        known = states.get(entry.wallet_address) or WalletState(entry.wallet_address, entry.agent_id)
        states[entry.wallet_address] = apply(known, entry)


def _per_entry(work: object, entries: list[Entry]) -> float:
    assert callable(work)
    times = []
    for _ in range(5):
        started = time.process_time()
        work(entries)
        times.append(time.process_time() - started)
    return min(times) / len(entries) * 1e6


if __name__ == "__main__":
    sys.exit(main())
