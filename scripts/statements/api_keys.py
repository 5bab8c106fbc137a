"""Statements about API keys."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from nexgent.infrastructure.database.schema.tables import api_keys, users
from scripts.statements import adding, given, statement

_key = api_keys.c
_columns = (
    _key.id,
    _key.user_id,
    _key.name,
    _key.key_prefix,
    _key.scopes,
    _key.created_at,
    _key.expires_at,
)
_new = ("id", "user_id", "name", "key_hash", "key_prefix", "scopes", "created_at", "expires_at")
_owned = (_key.id == given(_key.id), _key.user_id == given(_key.user_id))

ADD = statement(adding(api_keys, *_new), *_new)
# Keys made at the same moment wait for each other here, so that each sees the ones before.
OWNER = statement(
    select(users.c.id).where(users.c.id == given(users.c.id)).with_for_update(key_share=True), "id"
)
COUNT = statement(
    select(func.count()).select_from(api_keys).where(_key.user_id == given(_key.user_id)), "user_id"
)
OF_USER = statement(
    select(*_columns)
    .where(_key.user_id == given(_key.user_id))
    .order_by(_key.created_at.desc(), _key.id.desc()),
    "user_id",
)
GET = statement(select(*_columns).where(*_owned), "id", "user_id")
DELETE = statement(delete(api_keys).where(*_owned), "id", "user_id")
