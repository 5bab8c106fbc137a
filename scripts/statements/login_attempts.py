"""Statements about tried passwords and known networks."""

from __future__ import annotations

from sqlalchemy import (
    Double,
    Integer,
    Interval,
    and_,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from nexgent.infrastructure.database.schema.tables import login_attempts, login_networks, users
from scripts.statements import given, number, statement

_attempt = login_attempts.c
_network = login_networks.c
_key = (_attempt.account == given(_attempt.account), _attempt.network == given(_attempt.network))
_now = given(_attempt.updated_at, "now")
_limit = bindparam("limit", type_=Integer)

KNOWN = statement(
    select(
        exists(
            select(_network.network).where(
                _network.user_id == given(_network.user_id), _network.network == given(_network.network)
            )
        )
    ),
    "user_id",
    "network",
)

# One step: attempts at the same moment each see the count of the one before. Gives no row while there is a lock.
_forgotten_before = _now - bindparam("forget_after", type_=Interval)
_forgotten = _attempt.updated_at < _forgotten_before
_reached = _attempt.attempts + number(1) >= _limit
_growth = func.power(bindparam("growth", type_=Double), func.least(_attempt.locks, number(16)))
CLAIM = statement(
    insert(login_attempts)
    .values(
        account=given(_attempt.account),
        network=given(_attempt.network),
        attempts=number(1),
        locks=number(0),
        updated_at=_now,
    )
    .on_conflict_do_update(
        index_elements=[_attempt.account, _attempt.network],
        set_={
            "attempts": case(
                (or_(_attempt.locked_until.is_not(None), _forgotten), number(1)),
                else_=_attempt.attempts + number(1),
            ),
            "locks": case(
                (
                    and_(
                        _forgotten,
                        func.coalesce(_attempt.locked_until, _attempt.updated_at) < _forgotten_before,
                    ),
                    number(0),
                ),
                (and_(_attempt.locked_until.is_(None), _reached), _attempt.locks + number(1)),
                else_=_attempt.locks,
            ),
            "locked_until": case(
                (
                    and_(
                        _attempt.locked_until.is_(None),
                        _attempt.updated_at >= _forgotten_before,
                        _reached,
                    ),
                    _now
                    + func.least(
                        bindparam("lock", type_=Interval).op("*")(_growth),
                        bindparam("longest", type_=Interval),
                    ),
                )
            ),
            "updated_at": _now,
        },
        where=or_(_attempt.locked_until.is_(None), _attempt.locked_until <= _now),
    )
    .returning(_attempt.attempts),
    "account",
    "network",
    "now",
    "forget_after",
    "limit",
    "lock",
    "growth",
    "longest",
)
LOCKED_UNTIL = statement(select(_attempt.locked_until).where(*_key), "account", "network")

# An attempt that was none takes a lock back with it when it made the difference.
_left = _attempt.attempts - bindparam("count", type_=Integer)
TAKE_BACK = statement(
    update(login_attempts)
    .where(*_key)
    .values(
        attempts=func.greatest(number(0), _left),
        locked_until=case((_left >= _limit, _attempt.locked_until)),
        locks=case(
            (
                and_(_attempt.locked_until.is_not(None), _left < _limit),
                func.greatest(number(0), _attempt.locks - number(1)),
            ),
            else_=_attempt.locks,
        ),
    ),
    "account",
    "network",
    "count",
    "limit",
)
DROP_EMPTY = statement(
    delete(login_attempts).where(*_key, _attempt.attempts == number(0)), "account", "network"
)
ATTEMPTS = statement(select(_attempt.attempts).where(*_key), "account", "network")
FORGET = statement(delete(login_attempts).where(*_key), "account", "network")
_remembered = insert(login_networks).from_select(
    ["user_id", "network", "last_seen_at"],
    select(users.c.id, given(_network.network), given(_network.last_seen_at, "now")).where(
        users.c.id == given(users.c.id, "user_id")
    ),
    include_defaults=False,
)
REMEMBER = statement(
    _remembered.on_conflict_do_update(
        index_elements=[_network.user_id, _network.network],
        set_={"last_seen_at": func.greatest(_network.last_seen_at, _remembered.excluded.last_seen_at)},
    ),
    "user_id",
    "network",
    "now",
)
_others = login_networks.alias("others")
KEEP_NEWEST = statement(
    delete(login_networks).where(
        _network.user_id == given(_network.user_id),
        _network.network.in_(
            select(_others.c.network)
            .where(_others.c.user_id == given(_others.c.user_id))
            .order_by(_others.c.last_seen_at.desc())
            .offset(bindparam("most", type_=Integer))
        ),
    ),
    "user_id",
    "most",
)
_gone = (
    delete(login_attempts)
    .where(_attempt.account == given(_attempt.account))
    .returning(_attempt.locked_until)
    .cte("gone")
)
UNLOCK = statement(
    select(func.coalesce(func.bool_or(_gone.c.locked_until > _now), false())), "account", "now"
)
_old = given(_attempt.updated_at, "before")
FORGET_OLD = statement(
    delete(login_attempts).where(
        _attempt.updated_at < _old, or_(_attempt.locked_until.is_(None), _attempt.locked_until < _old)
    ),
    "before",
)
