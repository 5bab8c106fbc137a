"""How long the two walks of `docs/architecture.md` are: `python -m benchmarks.hops`, with `--list` every step.

The engine is built as the product builds it, over a market and a journal in memory, and everything of ours that runs is counted:
functions, files, and kinds of values that are made on the way. Less is not better by itself; a step that does nothing is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import CodeType, FrameType

import nexgent
from nexgent.shared.money import install_decimal_context
from tests.builders import a_signal, an_agent
from tests.fakes.engine import FakeEngine

_PACKAGE = Path(nexgent.__file__).parent
_STOPPED_OUT = Decimal("0.0006")
_ROUNDS = 50


@dataclass(slots=True)
class Walk:
    """What ran: functions as file and name, and the kinds of values that were made."""

    functions: dict[str, None] = field(default_factory=dict)
    kinds: dict[str, None] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The files the functions are in, in the order in which they were entered."""
        return list(dict.fromkeys(name.partition(" ")[0] for name in self.functions))


class Tracer:
    """Notes what runs while it is on. Comprehensions belong to the function they are in."""

    def __init__(self) -> None:
        self.walk = Walk()
        self._known: dict[CodeType, str | None] = {}

    def __enter__(self) -> Walk:
        sys.setprofile(self._called)
        return self.walk

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code.co_name in {"__init__", "__new__"}:
            self._made(frame, code)
        name = self._known.get(code, "")
        if name == "":
            name = self._known[code] = _named(code)
        if name is not None:
            self.walk.functions.setdefault(name)

    def _made(self, frame: FrameType, code: CodeType) -> None:
        """Note a value; those are made by generated functions, which are in no file."""
        if code.co_filename.startswith(str(_PACKAGE)):
            return
        first = frame.f_locals.get(code.co_varnames[0]) if code.co_varnames else None
        kind = first if isinstance(first, type) else type(first)
        if kind.__module__.startswith("nexgent."):
            self.walk.kinds.setdefault(f"{kind.__module__.removeprefix('nexgent.')}.{kind.__qualname__}")


def _named(code: CodeType) -> str | None:
    path = Path(code.co_filename)
    if code.co_name.startswith("<") or not path.is_relative_to(_PACKAGE):
        return None
    return f"{path.relative_to(_PACKAGE).as_posix()} {code.co_qualname.replace('.<locals>', '')}"


async def walked(begin: Callable[[], Awaitable[object]], done: Callable[[], bool]) -> Walk:
    """Return what runs from a beginning until it is done. Raises `AssertionError` when it is not after a while."""
    with Tracer() as walk:
        await begin()
        for _ in range(_ROUNDS):
            if done():
                break
            await asyncio.sleep(0)
    assert done(), "the walk did not come to its end"
    return walk


async def walks() -> dict[str, Walk]:
    """Walk both: a signal to an open position, and a poll whose price sells that."""
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent())
    found = {
        "signal → position open": await walked(
            lambda: engine.parts.process_signal.execute(a_signal(), 0.0),
            lambda: bool(engine.positions(agent)),
        )
    }
    # A fall that far is confirmed by the next poll.
    for price in (engine.feed.price, _STOPPED_OUT):
        engine.feed.price = price
        await engine.poller.tick()
        engine.clock.advance(1)
    engine.swaps.price_sol = _STOPPED_OUT
    found["price → position gone"] = await walked(engine.poller.tick, lambda: not engine.positions(agent))
    return found


def main() -> int:
    """Print the counts."""
    parser = argparse.ArgumentParser(prog="benchmarks.hops", description=__doc__)
    parser.add_argument("--list", action="store_true", help="every function and kind of value")
    options = parser.parse_args()
    install_decimal_context()
    for name, walk in asyncio.run(walks()).items():
        print(
            f"{name}: {len(walk.functions)} functions, {len(walk.files)} files, {len(walk.kinds)} kinds of values"
        )
        if options.list:
            for one in (*walk.functions, *walk.kinds):
                print(f"  {one}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
