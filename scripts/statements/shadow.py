"""Statements about shadow fills."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, select

from nexgent.infrastructure.database.schema.shadow import shadow_fills
from scripts.statements import adding, given, statement

_fill = shadow_fills.c
_columns = tuple(column.name for column in shadow_fills.columns)
ADD = statement(
    adding(shadow_fills, *_columns).on_conflict_do_nothing(index_elements=[_fill.intent_id]), *_columns
)
NEWEST = statement(
    select(*shadow_fills.columns)
    .where(_fill.agent_id == given(_fill.agent_id), _fill.landed_at >= given(_fill.landed_at, "since"))
    .order_by(_fill.landed_at.desc(), _fill.intent_id)
    .limit(bindparam("limit", type_=Integer)),
    "agent_id",
    "since",
    "limit",
)
