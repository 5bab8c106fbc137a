"""How many decimals a token has. The reference keeps amounts in tokens only, and the books here are kept in base units."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from decimal import Decimal

from nexgent.infrastructure.takeover.source import Evidence
from nexgent.shared.errors import NexgentError
from nexgent.shared.money import CONTEXT, SOL_DECIMALS, SOL_MINT
from nexgent.shared.types import TokenAddress

MOST_DECIMALS = 30
_MOST_DIGITS = 40
# A swap may bring a little more or less than was quoted, and never ten times as much.
_NEAR = Decimal("0.2")

AskChain = Callable[[TokenAddress], Awaitable[int]]
"""Return the decimals of a mint; raise a `NexgentError` that says why they cannot be told."""


class TokenScales:
    """What is known of tokens' decimals: said by whoever runs the command, seen in recorded swaps, or asked of the chain."""

    def __init__(self, given: Mapping[TokenAddress, int], ask: AskChain | None) -> None:
        self._known: dict[TokenAddress, int] = {**given, SOL_MINT: SOL_DECIMALS}
        self._ask = ask
        self._problems: dict[TokenAddress, str] = {}

    def unknown(self, mints: Iterable[TokenAddress]) -> set[TokenAddress]:
        """Return those that nothing is known of yet."""
        return {mint for mint in mints if mint not in self._known and mint not in self._problems}

    async def learn(self, mints: Collection[TokenAddress], evidence: Iterable[Evidence]) -> None:
        """Find out about tokens: from swaps that agree with each other, else from the chain."""
        for mint, decimals in decimals_of(evidence).items():
            self._known.setdefault(mint, decimals)
        for mint in sorted(self.unknown(mints)):
            if self._ask is None:
                self._problems[mint] = "no recorded swap tells"
                continue
            try:
                self._known[mint] = await self._ask(mint)
            except NexgentError as error:
                self._problems[mint] = (
                    f"no recorded swap tells, and the chain does not either: {error.message}"
                )

    def of(self, mint: TokenAddress) -> int | None:
        """Return the decimals, None where they cannot be told."""
        return self._known.get(mint)

    def problem(self, mint: TokenAddress) -> str:
        """Return why they cannot be told, and what to do."""
        return (
            f"how many decimals the token has is not known ({self._problems.get(mint, 'nobody was asked')}); "
            "say so with --decimals MINT=NUMBER"
        )


def decimals_of(evidence: Iterable[Evidence]) -> dict[TokenAddress, int]:
    """Return the decimals of the tokens whose swaps all say the same."""
    said: dict[TokenAddress, set[int]] = {}
    for one in evidence:
        places = _places(one)
        if places is not None:
            said.setdefault(one.mint, set()).add(places)
    return {mint: next(iter(places)) for mint, places in said.items() if len(places) == 1}


def _places(one: Evidence) -> int | None:
    text = one.raw or ""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS) or not one.amount.is_finite():
        return None
    raw = Decimal(text)
    if raw <= 0 or one.amount <= 0:
        return None
    ratio = CONTEXT.divide(raw, one.amount)
    places = ratio.adjusted()
    # 9.99 × 10^5 is a little less than 10^6.
    if ratio.scaleb(-places) > 5:
        places += 1
    if not 0 <= places <= MOST_DECIMALS or abs(ratio.scaleb(-places) - 1) > _NEAR:
        return None
    return places
