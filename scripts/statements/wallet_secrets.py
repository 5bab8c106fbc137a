"""Statements about sealed keys, failed attempts and who did what with a wallet."""

from __future__ import annotations

from sqlalchemy import Boolean, bindparam, case, delete, literal_column, select, update

from nexgent.infrastructure.database.schema.wallet_secrets import wallet_audit, wallet_secrets
from scripts.statements import adding, given, statement

_stored = wallet_secrets.c
_new = (
    "wallet_address",
    "user_id",
    "format_version",
    "kdf",
    "kdf_parameters",
    "salt",
    "nonce",
    "ciphertext",
    "created_at",
    "updated_at",
)
_columns = tuple(_stored[name] for name in _new)
_address = _stored.wallet_address == given(_stored.wallet_address)
_of_user = _stored.user_id == given(_stored.user_id)

ADD = statement(adding(wallet_secrets, *_new), *_new)
FIND = statement(select(*_columns).where(_address), "wallet_address")
OF_USER = statement(select(*_columns).where(_of_user), "user_id")
OWNERS = statement(select(_stored.wallet_address, _stored.user_id))
FAILURES = statement(select(_stored.failed_at).where(_address).with_for_update(), "wallet_address")
SET_FAILURES = statement(
    update(wallet_secrets).where(_address).values(failed_at=given(_stored.failed_at)),
    "wallet_address",
    "failed_at",
)
SUCCEEDED = statement(
    update(wallet_secrets)
    .where(_address)
    .values(
        failed_at=literal_column("'{}'"),
        last_unlocked_at=case(
            (bindparam("unlocked", type_=Boolean), given(_stored.last_unlocked_at, "now")),
            else_=_stored.last_unlocked_at,
        ),
    ),
    "wallet_address",
    "unlocked",
    "now",
)
REMOVE = statement(delete(wallet_secrets).where(_address, _of_user), "wallet_address", "user_id")
AUDIT = statement(
    adding(wallet_audit, "at", "user_id", "wallet_address", "action"),
    "at",
    "user_id",
    "wallet_address",
    "action",
)
