"""Purchases: what is to be bought, by whom, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from nexgent.domain.agents.models import Agent, Wallet
from nexgent.domain.ledger.models import TradeSettled
from nexgent.domain.ledger.state import WalletState
from nexgent.domain.positions.models import Position
from nexgent.domain.signals.models import Gate
from nexgent.domain.trading.models import Fill, Quote
from nexgent.shared.errors import NexgentError
from nexgent.shared.structs import as_struct
from nexgent.shared.types import IntentId, SignalId, TokenAddress

DEFAULT_SYMBOL = "TOKEN"
MANUAL = "manual"
"""The cause of a purchase that the owner of an agent asked for."""
LATE = "late"
"""The cause of a purchase that was called expired and had landed after all."""
SHARE = 25
"""How many purchases of a burst are made durable together, while the next ones are decided or settled."""


@as_struct
@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """What to buy, and why."""

    token_address: TokenAddress
    token_symbol: str | None
    signal_id: SignalId | None
    cause: str


@as_struct
@dataclass(frozen=True, slots=True)
class Buyer:
    """Who buys. Without a size it is calculated from the balance."""

    agent: Agent
    wallet: Wallet
    intent_id: IntentId
    size_sol: Decimal | None = None


@dataclass(slots=True)
class PurchaseResult:
    """What became of one buyer: an opened position, or a code and a reason."""

    buyer: Buyer
    size_sol: Decimal | None = None
    position: Position | None = None
    settled: TradeSettled | None = None
    fill: Fill | None = None
    code: str | None = None
    reason: str | None = None
    details: dict[str, object] = field(default_factory=dict)
    begun: bool = False
    """Its intent is in line for the journal, or in it. What is there may be carried out, by whoever comes along."""
    intended: bool = False
    """Its intent is durable."""
    failed: bool = False
    """Its failure is durable: nothing was swapped, and nothing will be."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    """What the protections looked at."""

    @property
    def in_doubt(self) -> bool:
        """Tell whether nobody can say yet what becomes of it: recovery ends it.

        Whatever has begun is in doubt until the journal says how it ended. No error on the way is an end.
        """
        return self.begun and self.position is None and not self.failed

    def refuse(self, code: str, reason: str, details: Mapping[str, object] | None = None) -> None:
        """Note why there is no position."""
        self.code, self.reason, self.details = code, reason, dict(details or {})

    def refuse_for(self, error: NexgentError) -> None:
        """Note an error as the reason."""
        self.refuse(error.code, error.message, error.details)


@dataclass(frozen=True, slots=True)
class PurchasePreview:
    """What would become of a buyer: a refusal in `result`, or the quote that would be taken and what it would bring.

    `available_raw` are the lamports that were available.
    """

    result: PurchaseResult
    quote: Quote | None = None
    decimals: int | None = None
    fill: Fill | None = None
    available_raw: int = 0


class GuardVerdict(Protocol):
    """What a guard says: what it looked at, and a code and a reason when it blocks."""

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Return the findings for the decision record."""
        ...

    @property
    def code(self) -> str | None:
        """Return why not, or None."""
        ...

    @property
    def reason(self) -> str | None:
        """Return the same for people."""
        ...


class EntryGuard(Protocol):
    """Whoever may block new entries: the agent's protections and the kill switches."""

    def check(
        self,
        agent: Agent,
        state: WalletState,
        now: datetime,
        *,
        size_lamports: int = 0,
        new_position_in: TokenAddress | None = None,
    ) -> GuardVerdict:
        """Return whether the entry may happen. Pure and quick: it is asked for every buyer of a burst."""
        ...


def refuse_all(results: Sequence[PurchaseResult], error: NexgentError) -> None:
    """Note the same reason for all of them."""
    for result in results:
        result.refuse_for(error)
