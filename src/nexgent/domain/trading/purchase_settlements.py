"""Settlements of a burst of purchases: what is the same for all of them is worked out once."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from nexgent.domain.ledger.models import Intent
from nexgent.domain.trading.models import Fill
from nexgent.domain.trading.settlement import (
    Settlement,
    SettlementContext,
    position_id_for,
    settle_purchase,
    transaction_id_for,
)
from nexgent.shared.structs import replace


class _Settled(NamedTuple):
    intent: Intent
    fill: Fill
    stop_loss_pct: Decimal | None
    settlement: Settlement


class PurchaseSettlements:
    """Settles purchases at one moment. Agents that fill alike get the same position, each its own."""

    def __init__(self, context: SettlementContext) -> None:
        self._context = context
        self._newest: _Settled | None = None

    def settle(self, intent: Intent, fill: Fill, *, stop_loss_pct: Decimal | None) -> Settlement:
        """Return what `settle_purchase` does."""
        newest = self._newest
        if (
            newest is not None
            and newest.fill == fill
            and newest.stop_loss_pct == stop_loss_pct
            and newest.intent.token_address == intent.token_address
            and newest.intent.signal_id == intent.signal_id
        ):
            return of_another(newest.settlement, intent)
        settlement = settle_purchase(intent, fill, self._context, stop_loss_pct=stop_loss_pct)
        self._newest = _Settled(intent, fill, stop_loss_pct, settlement)
        return settlement


def of_another(settlement: Settlement, intent: Intent) -> Settlement:
    """Return the settlement of a purchase that differs from a settled one only in whose it is."""
    body = settlement.body
    position = body.position
    assert position is not None, "a purchase opens a position"
    transaction_id, position_id = transaction_id_for(intent), position_id_for(intent)
    agent_id, wallet_address = intent.agent_id, intent.wallet_address
    return Settlement(
        replace(
            body,
            intent_id=intent.id,
            transaction=replace(
                body.transaction, id=transaction_id, agent_id=agent_id, wallet_address=wallet_address
            ),
            position_id=position_id,
            position=position.of_another(position_id, agent_id, wallet_address, transaction_id),
        ),
        settlement.postings,
    )
