"""An exit that waits for another operation: it survives the journal and reaches the tables."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import msgspec

from nexgent.domain.ledger.models import ExitAsked
from nexgent.domain.positions.models import CloseReason
from nexgent.infrastructure.database.journal.codec import decode_entry, encode_entry
from nexgent.infrastructure.database.projection.project import project
from tests.builders import an_agent
from tests.fakes.engine import FakeEngine


async def test_it_is_read_as_it_was_written_and_updates_the_position() -> None:
    engine = FakeEngine()
    agent = await engine.add_agent(an_agent())
    (result,) = await engine.buy([agent], size_sol=Decimal(1))
    assert result.position is not None
    position, wallet = result.position, result.position.wallet_address
    await engine.sales.operations.remember_exit(wallet, position.id, CloseReason.STOP_LOSS)
    await engine.sales.operations.remember_exit(wallet, position.id, CloseReason.STALE_TRADE)
    *_, before, entry = engine.journal.entries

    assert not isinstance(before.body, ExitAsked)
    assert isinstance(entry.body, ExitAsked)
    columns = encode_entry(entry)
    row = columns._asdict()
    assert decode_entry(row) == entry
    assert (columns.intent_id, columns.position_id) == (None, position.id)
    pending = entry.body.position.pending_exit
    assert pending is not None
    assert (pending.reason, pending.attempts) == (CloseReason.STOP_LOSS, 0)
    assert entry.body.position == replace(position, pending_exit=pending, version=position.version + 1)
    (told,) = project([entry]).positions.values()
    assert b'"stop_loss"' in msgspec.json.encode(told)
