"""What agents made of a signal is written without its shape, and as the shape says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from nexgent.api.encoding import dumped, encode
from nexgent.api.v1.signals.schemas import DecisionOut, DecisionsOut, written
from nexgent.domain.signals.models import DecisionOutcome, Gate, SignalAction, SignalDecision
from nexgent.domain.signals.queries import SignalRow
from nexgent.shared.types import (
    AgentId,
    IntentId,
    PositionId,
    SignalId,
    TokenAddress,
    TransactionId,
)

_AT = datetime(2026, 12, 1, 9, 30, 0, 123_456, tzinfo=UTC)
_NOTHING = SignalDecision(
    signal_id=SignalId(7),
    agent_id=AgentId(uuid4()),
    outcome=DecisionOutcome.SKIPPED,
    code=None,
    reason=None,
    gates=(),
    decided_at=_AT,
)
_EVERYTHING = SignalDecision(
    signal_id=SignalId(7),
    agent_id=AgentId(uuid4()),
    outcome=DecisionOutcome.EXECUTED,
    code='A "CODE"',
    reason="1E-7 of \u2603",
    gates=(Gate("signal_strength", "4", ">= 1", True), Gate("balance", None, None, False)),
    intent_id=IntentId(uuid4()),
    transaction_id=TransactionId(uuid4()),
    position_id=PositionId(uuid4()),
    size_sol=Decimal("1E-9"),
    price_sol=Decimal("0.10"),
    price_source="jupiter",
    price_age_ms=0,
    latency_ms={"quote": 0.25, "journal": 1e-07, "total": 3.0},
    decided_at=_AT.replace(microsecond=0),
)


@pytest.mark.parametrize("decisions", [[], [_NOTHING], [_EVERYTHING, _NOTHING]], ids=len)
@pytest.mark.parametrize(
    ("action", "percent"),
    [(SignalAction.BUY, None), (SignalAction.CLOSE, None), (SignalAction.REDUCE, Decimal("12.50"))],
)
@pytest.mark.parametrize("processed_at", [None, _AT])
def test_what_is_written_is_what_the_shape_says(
    decisions: list[SignalDecision],
    action: SignalAction,
    percent: Decimal | None,
    processed_at: datetime | None,
) -> None:
    row = SignalRow(
        id=SignalId(7),
        user_id=None,
        created_at=_AT,
        updated_at=_AT,
        token_address=TokenAddress("So11111111111111111111111111111111111111112"),
        symbol=None,
        activation_reason=None,
        signal_type="BUY",
        signal_strength=3,
        source=None,
        processed_at=processed_at,
        process_note="a note" if processed_at else None,
        action=action,
        percent=percent,
    )
    shape = DecisionsOut.model_construct(
        signal_id=row.id,
        processed_at=row.processed_at,
        note=row.process_note,
        decisions=[DecisionOut.of(one) for one in decisions],
        action=row.action,
        percent=row.percent,
    )

    assert written(row, decisions) == encode(dumped(shape))
