"""What a signal that sells finds of its token with an agent, and whether it may be sold. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from nexgent.domain.ledger.models import PriceEvidence
from nexgent.domain.positions.models import CloseReason, Position
from nexgent.domain.signals.models import Gate
from nexgent.domain.trading.rules.dust import is_dust, part_raw
from nexgent.shared.money import from_raw, plain

OPENED_WITHIN = timedelta(seconds=10)
"""A purchase that was under way when the signal came is meant by it; so is one by a clock that is a little behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleFacts:
    """What is known of an agent's holding. `mode` is that of the wallet it trades with, where `position` is."""

    sent_at: datetime
    mode: str
    position: Position | None
    held_elsewhere: bool = False
    """Whether the agent holds the token in the wallet of its other mode."""
    leaving: CloseReason | None = None
    """Why the position is being sold already, for another reason than this signal."""
    percent: Decimal | None = None
    """The part to sell; nothing when it is all."""
    price: PriceEvidence | None = None
    """What the token costs, where that is known freshly."""


@dataclass(frozen=True, slots=True)
class SaleVerdict:
    """What was looked at, and a code and a reason where nothing is sold; whether all is sold."""

    gates: tuple[Gate, ...]
    refusal: tuple[str, str] | None
    whole: bool = True


def decide_signal_sale(facts: SaleFacts) -> SaleVerdict:
    """Run the gates; the first that does not pass refuses.

    Nothing of what keeps an agent from buying is looked at: protections, the kill switch and filters of tokens sell nothing and
    keep nothing from being sold.
    """
    position = facts.position
    limit = f"held in the {facts.mode} wallet"
    if position is None:
        elsewhere = "held in the wallet of the other mode" if facts.held_elsewhere else None
        reason = f"the agent holds nothing of the token in its {facts.mode} wallet"
        if facts.held_elsewhere:
            reason += "; what it holds in the wallet of its other mode is left alone"
        return SaleVerdict((Gate("position", elsewhere, limit, False),), ("NO_POSITION", reason))
    held = Gate("position", f"{plain(position.quantity)} {position.token_symbol}", limit, True)
    meant = position.opened_at <= facts.sent_at + OPENED_WITHIN
    opened = Gate(
        "opened_at",
        position.opened_at.isoformat(),
        f"before the signal of {facts.sent_at.isoformat()}",
        meant,
    )
    if not meant:
        reason = "the position was opened after the signal was sent"
        return SaleVerdict((held, opened), ("OPENED_LATER", reason))
    if facts.leaving is not None:
        leaving = Gate("exit", facts.leaving.value, "none under way", False)
        reason = f"the position is being sold already: {facts.leaving.value}"
        return SaleVerdict((held, opened, leaving), ("EXIT_PENDING", reason))
    gates = (held, opened, Gate("exit", None, "none under way", True))
    if facts.percent is None:
        return SaleVerdict(gates, None)
    left_raw = position.quantity_raw - part_raw(position.quantity_raw, facts.percent)
    if not is_dust(position, left_raw, facts.price):
        return SaleVerdict(gates, None, whole=False)
    left = f"{plain(from_raw(left_raw, position.decimals))} {position.token_symbol}"
    remainder = Gate("remainder", f"{left} would cost more to sell than it brings", "all is sold", True)
    return SaleVerdict((*gates, remainder), None)
