"""Statements about signals that are corrected or removed."""

from __future__ import annotations

from sqlalchemy import ARRAY, Integer, Text, any_, bindparam, case, delete, func, select, update

from nexgent.domain.signals.models import EDITABLE_FIELDS, Signal
from nexgent.infrastructure.database.schema.tables import trading_signals
from scripts.statements import columns_of, given, statement, word

_signal = trading_signals.c
_own = (_signal.id == given(_signal.id), _signal.user_id == given(_signal.user_id))
_changed = bindparam("changed", type_=ARRAY(Text))

# A field that is not named among the changed ones stays as it is, whatever is given for it.
UPDATE = statement(
    update(trading_signals)
    .where(*_own)
    .values(
        **{
            name: case((word(name) == any_(_changed), given(_signal[name])), else_=_signal[name])
            for name in EDITABLE_FIELDS
        },
        updated_at=func.statement_timestamp(),
    )
    .returning(*columns_of(Signal, trading_signals)),
    "id",
    "user_id",
    "changed",
    *EDITABLE_FIELDS,
)
# Executions and decisions go with their signal by cascade; transactions and closed trades keep a null. The rows are locked in
# the order of their ids, as the projector locks them, so that neither waits for the other in a circle.
DELETE = statement(delete(trading_signals).where(*_own), "id", "user_id")
_batch = (
    select(_signal.id)
    .where(_signal.user_id == given(_signal.user_id))
    .order_by(_signal.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update()
)
DELETE_BATCH = statement(
    delete(trading_signals).where(_signal.id.in_(_batch.correlate(None))), "user_id", "most"
)
