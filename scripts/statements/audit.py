"""Statements about the audit log."""

from __future__ import annotations

from sqlalchemy import Integer, Text, and_, bindparam, cast, delete, or_, select, tuple_

from nexgent.infrastructure.database.schema.audit import audit_log
from scripts.statements import (
    Listing,
    adding_rows,
    given,
    number,
    statement,
)

_entry = audit_log.c
_new = ("at", "action", "outcome", "user_id", "actor", "target", "address", "details")

APPEND = statement(adding_rows(audit_log, *_new), *_new)
ENTRIES = Listing(
    select(
        _entry.id,
        _entry.at,
        _entry.action,
        _entry.outcome,
        _entry.user_id,
        _entry.actor,
        _entry.target,
        _entry.address,
        cast(_entry.details, Text).label("details"),
    ),
    (
        or_(
            _entry.user_id == given(_entry.user_id),
            and_(_entry.user_id.is_(None), _entry.actor == given(_entry.actor, "own_email")),
        ),
        _entry.action == given(_entry.action),
        _entry.outcome == given(_entry.outcome),
        _entry.target == given(_entry.target),
        _entry.address == given(_entry.address),
        _entry.at >= given(_entry.at, "start"),
        _entry.at <= given(_entry.at, "end"),
        tuple_(_entry.at, _entry.id) < tuple_(given(_entry.at, "after_time"), given(_entry.id, "after_id")),
    ),
    (_entry.at.desc(), _entry.id.desc()),
)
FORGET = statement(delete(audit_log).where(_entry.at < given(_entry.at)), "at")
_last = (
    select(_entry.at, _entry.id)
    .order_by(_entry.at.desc(), _entry.id.desc())
    .offset(bindparam("most", type_=Integer))
    .limit(number(1))
)
CUT = statement(
    delete(audit_log).where(tuple_(_entry.at, _entry.id) <= _last.scalar_subquery()),
    "most",
)
