"""Scripted quotes: exact answers in place of the model, one per order call."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class ScriptedQuote:
    """What the next order of a mint and direction shall say; None leaves a field to the model.

    Amounts in base units. `fill_out_amount` makes the execution differ from the quote. `extra` replaces or adds fields
    of the answer as they are, `omit` removes some.
    """

    mint: str
    direction: str
    in_amount: int | None = None
    out_amount: int | None = None
    fill_out_amount: int | None = None
    fee_bps: int | None = None
    platform_fee_lamports: int | None = None
    signature_fee_lamports: int | None = None
    prioritization_fee_lamports: int | None = None
    rent_fee_lamports: int | None = None
    price_impact: Decimal | None = None
    price_impact_pct: Decimal | None = None
    swap_usd_value: Decimal | None = None
    in_usd_value: Decimal | None = None
    out_usd_value: Decimal | None = None
    slippage_bps: int | None = None
    router: str | None = None
    times: int = 1
    extra: dict[str, object] = field(default_factory=dict)
    omit: tuple[str, ...] = ()


class QuoteScripts:
    """One queue of scripted quotes per mint and direction."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str], deque[ScriptedQuote]] = {}

    def add(self, quote: ScriptedQuote) -> None:
        """Put a quote at the end of its queue."""
        self._queues.setdefault((quote.mint, quote.direction), deque()).append(quote)

    def take(self, mint: str, direction: str) -> ScriptedQuote | None:
        """Return the next quote of a queue, used up once."""
        queue = self._queues.get((mint, direction))
        if not queue:
            return None
        quote = queue[0]
        quote.times -= 1
        if quote.times <= 0:
            queue.popleft()
        return quote

    def clear(self) -> None:
        """Forget every scripted quote."""
        self._queues.clear()

    def waiting(self) -> int:
        """Return how many quotes wait."""
        return sum(quote.times for queue in self._queues.values() for quote in queue)
