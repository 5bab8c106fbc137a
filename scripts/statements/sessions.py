"""Statements about sessions."""

from __future__ import annotations

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from nexgent.infrastructure.database.schema.tables import login_networks, user_sessions, users
from scripts.statements import given, statement

_session = user_sessions.c
_columns = (
    _session.id,
    _session.user_id,
    _session.created_at,
    _session.last_used_at,
    _session.expires_at,
    _session.ended_at,
    _session.address,
    _session.user_agent,
    _session.token_id,
    _session.previous_token_id,
    _session.rotated_at,
)
_new = (
    "id",
    "user_id",
    "created_at",
    "last_used_at",
    "expires_at",
    "address",
    "user_agent",
    "token_id",
)
_id = _session.id == given(_session.id)
_of_user = _session.user_id == given(_session.user_id)

# A user who is gone has no sessions.
ADD = statement(
    insert(user_sessions)
    .from_select(
        list(_new),
        select(*(users.c.id if name == "user_id" else given(_session[name]) for name in _new)).where(
            users.c.id == given(users.c.id, "user_id")
        ),
        include_defaults=False,
    )
    .on_conflict_do_nothing(index_elements=[_session.id]),
    *_new,
)
GET = statement(select(*_columns).where(_id, _of_user), "id", "user_id")

_now = given(_session.last_used_at, "now")
_used = (
    update(user_sessions)
    .where(_id)
    .values(
        last_used_at=func.greatest(_session.last_used_at, _now),
        address=given(_session.address),
        user_agent=given(_session.user_agent),
    )
    .returning(_session.user_id)
    .cte("used")
)
_network = insert(login_networks).from_select(
    ["user_id", "network", "last_seen_at"],
    select(_used.c.user_id, given(login_networks.c.network), _now),
    include_defaults=False,
)
USE = statement(
    _network.on_conflict_do_update(
        index_elements=[login_networks.c.user_id, login_networks.c.network],
        set_={"last_seen_at": func.greatest(login_networks.c.last_seen_at, _network.excluded.last_seen_at)},
    ),
    "id",
    "now",
    "address",
    "user_agent",
    "network",
)
ROTATE = statement(
    update(user_sessions)
    .where(_id, _session.token_id == given(_session.token_id), _session.ended_at.is_(None))
    .values(
        previous_token_id=_session.token_id,
        token_id=given(_session.token_id, "new_token_id"),
        rotated_at=given(_session.rotated_at, "now"),
    ),
    "id",
    "token_id",
    "new_token_id",
    "now",
)
OF_USER = statement(
    select(*_columns)
    .where(_of_user, _session.expires_at > given(_session.expires_at, "now"), _session.ended_at.is_(None))
    .order_by(_session.last_used_at.desc(), _session.id),
    "user_id",
    "now",
)
_only, _but = given(_session.id, "only"), given(_session.id, "but")
END = statement(
    update(user_sessions)
    .where(
        _of_user,
        _session.ended_at.is_(None),
        or_(_only.is_(None), _session.id == _only),
        or_(_but.is_(None), _session.id != _but),
    )
    .values(ended_at=given(_session.ended_at, "now"))
    .returning(*_columns),
    "user_id",
    "now",
    "only",
    "but",
)
ENDED = statement(
    select(_session.id, _session.expires_at).where(
        _session.ended_at.is_not(None), _session.expires_at > given(_session.expires_at, "now")
    ),
    "now",
)
FORGET_OLD = statement(
    delete(user_sessions).where(_session.expires_at < given(_session.expires_at, "now")), "now"
)
