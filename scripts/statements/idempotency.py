"""Statements about keys of repeatable requests."""

from __future__ import annotations

from sqlalchemy import and_, any_, delete, null, or_, select, update

from nexgent.infrastructure.database.schema.idempotency import idempotency_keys
from scripts.statements import adding, given, given_all, statement

_row = idempotency_keys.c
_key = (_row.user_id == given(_row.user_id), _row.key_hash == given(_row.key_hash))
_open = _row.status.is_(None)

# Takes a key that is new, too old to count, or whose request was never begun. Gives no row when it is somebody else's.
_new = ("user_id", "key_hash", "fingerprint", "owner", "created_at")
_adding = adding(idempotency_keys, *_new)
BEGIN = statement(
    _adding.on_conflict_do_update(
        index_elements=[_row.user_id, _row.key_hash],
        set_={
            "fingerprint": _adding.excluded.fingerprint,
            "owner": _adding.excluded.owner,
            "created_at": _adding.excluded.created_at,
            "status": null(),
            "answer": null(),
        },
        where=or_(
            _row.created_at < given(_row.created_at, "before"),
            and_(_row.owner == any_(given_all(_row.owner, "not_begun")), _open),
        ),
    ).returning(_row.key_hash),
    *_new,
    "before",
    "not_begun",
)
FIND = statement(
    select(_row.fingerprint, _row.owner, _row.status, _row.answer, _row.created_at).where(*_key),
    "user_id",
    "key_hash",
)
FINISH = statement(
    update(idempotency_keys)
    .where(*_key, _row.owner == given(_row.owner))
    .values(status=given(_row.status), answer=given(_row.answer)),
    "user_id",
    "key_hash",
    "owner",
    "status",
    "answer",
)
RELEASE = statement(
    delete(idempotency_keys).where(*_key, _row.owner == given(_row.owner), _open),
    "user_id",
    "key_hash",
    "owner",
)
RENEW = statement(
    update(idempotency_keys)
    .where(_row.owner == any_(given_all(_row.owner, "owners")), _open)
    .values(created_at=given(_row.created_at, "now")),
    "owners",
    "now",
)
FORGET = statement(
    delete(idempotency_keys).where(_row.created_at < given(_row.created_at, "before")), "before"
)
