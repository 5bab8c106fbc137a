"""Statements about users, what acts for them, and their API keys."""

from __future__ import annotations

from sqlalchemy import any_, case, delete, exists, func, null, select, true, tuple_, update

from nexgent.infrastructure.database.schema.tables import (
    agents,
    api_keys,
    login_attempts,
    login_networks,
    user_sessions,
    users,
)
from nexgent.infrastructure.database.schema.webhooks import signal_webhooks
from scripts.statements import (
    Listing,
    adding,
    given,
    given_all,
    number,
    statement,
    word,
)

_user = users.c
_columns = (
    _user.id,
    _user.email,
    _user.password_hash,
    _user.created_at,
    _user.failed_login_attempts,
    _user.locked_until,
    _user.seeded,
    _user.sessions_from,
    _user.seeded_password_hash,
)
_new = ("id", "email", "password_hash", "created_at", "failed_login_attempts", "locked_until", "seeded")

GET = statement(select(*_columns).where(_user.id == given(_user.id)), "id")
FIND = statement(select(*_columns).where(_user.email == given(_user.email)), "email")
ANY = statement(select(exists(select(_user.id))))
ADD = statement(adding(users, *_new).on_conflict_do_nothing(index_elements=[_user.email]), *_new)
FIRST_TWO = statement(select(_user.id).limit(number(2)))
SESSIONS_FROM = statement(select(_user.id, _user.sessions_from).where(_user.sessions_from.is_not(None)))
KNOWN = statement(select(_user.id).where(_user.id == any_(given_all(_user.id, "ids"))), "ids")

# Whoever was locked out by others, or by old passwords, starts anew.
_renewed = (
    update(users)
    .where(_user.id == given(_user.id))
    .values(
        password_hash=given(_user.password_hash),
        seeded_password_hash=null(),
        failed_login_attempts=number(0),
        locked_until=null(),
        sessions_from=given(_user.sessions_from, "now"),
    )
    .returning(_user.email)
    .cte("renewed")
)
RENEW = statement(
    delete(login_attempts).where(
        login_attempts.c.account.in_(select(func.sha256(func.convert_to(_renewed.c.email, word("UTF8")))))
    ),
    "id",
    "password_hash",
    "now",
)

# What the settings gave is remembered, so that the next start does not put it back.
CHANGE = statement(
    update(users)
    .where(_user.id == given(_user.id))
    .values(
        password_hash=given(_user.password_hash),
        sessions_from=given(_user.sessions_from, "now"),
        seeded_password_hash=case(
            (_user.seeded, func.coalesce(_user.seeded_password_hash, _user.password_hash))
        ),
    ),
    "id",
    "password_hash",
    "now",
)

_closed = (
    update(users)
    .where(_user.id == given(_user.id))
    .values(
        password_hash=null(),
        sessions_from=given(_user.sessions_from, "now"),
        seeded_password_hash=case(
            (_user.seeded, func.coalesce(_user.seeded_password_hash, _user.password_hash))
        ),
    )
    .returning(_user.id)
    .cte("closed")
)
CLOSE = statement(
    delete(api_keys)
    .where(api_keys.c.user_id.in_(select(_closed.c.id)))
    .add_cte(
        delete(signal_webhooks).where(signal_webhooks.c.user_id.in_(select(_closed.c.id))).cte("webhooks")
    ),
    "id",
    "now",
)
OVERVIEW = Listing(
    select(
        _user.id,
        _user.email,
        _user.created_at,
        _user.password_hash.is_not(None).label("active"),
        select(func.count())
        .select_from(agents)
        .where(agents.c.user_id == _user.id, agents.c.deleted_at.is_(None))
        .scalar_subquery()
        .label("agents"),
        select(func.count())
        .select_from(api_keys)
        .where(api_keys.c.user_id == _user.id)
        .scalar_subquery()
        .label("api_keys"),
        select(func.max(user_sessions.c.last_used_at))
        .where(user_sessions.c.user_id == _user.id)
        .scalar_subquery()
        .label("last_used_at"),
    ),
    (
        tuple_(_user.created_at, _user.id)
        < tuple_(given(_user.created_at, "after_time"), given(_user.id, "after_id")),
    ),
    (_user.created_at.desc(), _user.id.desc()),
)

# Everything by which somebody else could act for the account.
_adopted = (
    update(users).where(_user.id == given(_user.id)).values(seeded=true()).returning(_user.id).cte("adopted")
)
_whose = select(_adopted.c.id)
ADOPT = statement(
    update(user_sessions)
    .where(user_sessions.c.user_id.in_(_whose), user_sessions.c.ended_at.is_(None))
    .values(ended_at=given(user_sessions.c.ended_at, "now"))
    .add_cte(
        delete(api_keys).where(api_keys.c.user_id.in_(_whose)).cte("keys"),
        delete(signal_webhooks).where(signal_webhooks.c.user_id.in_(_whose)).cte("webhooks"),
        delete(login_networks).where(login_networks.c.user_id.in_(_whose)).cte("networks"),
    ),
    "id",
    "now",
)
FIND_KEY = statement(
    select(api_keys.c.id, api_keys.c.user_id, api_keys.c.scopes, api_keys.c.expires_at).where(
        api_keys.c.key_hash == given(api_keys.c.key_hash)
    ),
    "key_hash",
)
