"""Stories a market can tell: what happens to a token and its sources, second by second.

A scenario is a list of steps that are carried out over the control API, so it plays on any running sandbox. Prices are multiples
of the one it began with. The last step leaves the sources well; a price stays where the story left it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from nexgent.sandbox.control import SandboxControl
from nexgent.shared.errors import InvalidInputError

Play = Callable[[SandboxControl, "Token"], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Token:
    """The token a story is about: mint, symbol, and price (SOL) and liquidity (SOL) at its beginning."""

    mint: str
    symbol: str
    price_sol: Decimal
    liquidity_sol: Decimal


@dataclass(frozen=True, slots=True)
class Step:
    """What happens `at` so many seconds after the beginning, in words and in deed."""

    at: float
    says: str
    do: Play


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story with its steps, in the order of their time."""

    name: str
    about: str
    steps: Sequence[Step]

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.steps[-1].at


def _price(factor: str, liquidity: str = "1") -> Play:
    async def do(control: SandboxControl, token: Token) -> None:
        await control.set_price(
            token.mint,
            token.price_sol * Decimal(factor),
            liquidity_sol=token.liquidity_sol * Decimal(liquidity),
        )

    return do


def _faults(*rules: Mapping[str, object]) -> Play:
    async def do(control: SandboxControl, _token: Token) -> None:
        for rule in rules:
            await control.fault(**rule)  # type: ignore[arg-type]  # kind, endpoint and what belongs to them

    return do


async def _well(control: SandboxControl, _token: Token) -> None:
    await control.clear_faults()


def _path(factors: Sequence[Decimal], every: float, begin: float = 0.0) -> list[Step]:
    return [
        Step(begin + number * every, f"price × {factor.normalize():f}", _price(str(factor)))
        for number, factor in enumerate(factors)
    ]


def _even(first: str, last: str, count: int) -> list[Decimal]:
    """Return so many factors in equal steps."""
    low, high = Decimal(first), Decimal(last)
    return [
        (low + (high - low) * number / (count - 1)).quantize(Decimal("0.0001")) for number in range(count)
    ]


SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario(
            "pump",
            "it triples within a minute, and stays there: take profits, a stop that rises",
            _path(_even("1", "3", 31), 2.0),
        ),
        Scenario(
            "rug",
            "it rises by a fifth, then its liquidity is taken away and the price falls by 95 % at once",
            [
                *_path(_even("1", "1.2", 11), 2.0),
                Step(22.0, "the liquidity is gone, price × 0.05", _price("0.05", "0.01")),
                Step(30.0, "price × 0.01", _price("0.01", "0.005")),
            ],
        ),
        Scenario(
            "slow-bleed",
            "it loses half of its price in four minutes, half a percent at a time: averaging down, stop loss",
            _path(_even("1", "0.5", 101), 2.4),
        ),
        Scenario(
            "flash-crash",
            "it falls by 40 % for five seconds and is back: who sells at once, who waits for a second word",
            [
                Step(0.0, "price × 1", _price("1")),
                Step(10.0, "price × 0.6", _price("0.6")),
                Step(15.0, "price × 0.98", _price("0.98")),
                Step(25.0, "price × 1", _price("1")),
            ],
        ),
        Scenario(
            "one-liar",
            "one source says half the price for twenty seconds, the other one does not: nothing may be sold",
            [
                Step(
                    0.0,
                    "DexScreener says 0.5 times the price",
                    lambda control, token: control.fault(
                        "other_price", "dexscreener", mint=token.mint, priceSol=str(token.price_sol / 2)
                    ),
                ),
                Step(20.0, "both sources say the truth again", _well),
            ],
        ),
        Scenario(
            "feed-outage",
            "one source of prices is away for thirty seconds, the other one as well for fifteen of them, while the price falls",
            [
                Step(
                    0.0,
                    "DexScreener is away",
                    _faults({"kind": "status", "endpoint": "dexscreener", "status": 503}),
                ),
                Step(
                    15.0,
                    "Jupiter's prices are away too",
                    _faults({"kind": "status", "endpoint": "price", "status": 503}),
                ),
                Step(20.0, "price × 0.7, which nobody can see", _price("0.7")),
                Step(30.0, "both are back", _well),
            ],
        ),
        Scenario(
            "rate-limit",
            "Jupiter answers 429 to prices and orders for half a minute, while the price falls by a third",
            [
                Step(
                    0.0,
                    "Jupiter answers 429",
                    _faults(
                        {"kind": "rate_limit", "endpoint": "order", "seconds": 5},
                        {"kind": "rate_limit", "endpoint": "price", "seconds": 5},
                    ),
                ),
                Step(10.0, "price × 0.67", _price("0.67")),
                Step(30.0, "Jupiter answers again", _well),
            ],
        ),
        Scenario(
            "lost-answers",
            "every other answer to a signed swap is lost for forty seconds, and the node is ten seconds behind",
            [
                Step(
                    0.0,
                    "answers of execute are lost, the node is behind",
                    _faults(
                        {"kind": "drop_after", "endpoint": "execute", "probability": 0.5},
                        {"kind": "behind", "endpoint": "rpc", "slots": 25},
                    ),
                ),
                Step(40.0, "everything answers", _well),
            ],
        ),
    )
}


async def token_of(control: SandboxControl, name: str | None) -> Token:
    """Return the token a story shall be about: by mint or symbol, else the market's first. Raises `InvalidInputError`."""
    rows = await control.tokens()
    found = [row for row in rows if name is None or name in {row["mint"], row["symbol"]}]
    if not found or (name is not None and len({row["mint"] for row in found}) > 1):
        symbols = ", ".join(row["symbol"] for row in rows[:10])
        said = "several tokens are called" if found else "there is no token"
        raise InvalidInputError(f"{said[0].upper()}{said[1:]} {name}; this market has {symbols or 'none'}")
    row = found[0]
    return Token(row["mint"], row["symbol"], Decimal(str(row["priceSol"])), Decimal(str(row["liquiditySol"])))


async def play(
    scenario: Scenario,
    control: SandboxControl,
    token: Token,
    *,
    speed: float = 1.0,
    tell: Callable[[str], None] = print,
) -> None:
    """Carry a story out, so many times as fast. What ends it early leaves the sources well too."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        for step in scenario.steps:
            await asyncio.sleep(max(0.0, began + step.at / speed - loop.time()))
            await step.do(control, token)
            tell(f"{step.at:6.1f} s  {token.symbol}: {step.says}")
    finally:
        await asyncio.shield(control.clear_faults())
