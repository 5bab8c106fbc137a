"""API keys in PostgreSQL, together with the look-up that authenticates."""

from __future__ import annotations

import pytest

from nexgent.domain.users.api_keys import ApiKeyNotFoundError, CreateApiKey, DeleteApiKey, ListApiKeys
from nexgent.domain.users.authenticate import has_key_format, key_hash
from nexgent.domain.users.errors import UserNotFoundError
from nexgent.domain.users.models import Scope
from nexgent.infrastructure.database.stores.api_keys import PostgresApiKeyRepository
from nexgent.infrastructure.database.stores.users import PostgresApiKeyStore
from nexgent.shared.clock import SystemClock
from nexgent.shared.ids import new_id
from nexgent.shared.types import UserId
from tests.integration.repositories.conftest import Pool, add_user


async def test_a_key_is_found_by_its_hash_until_it_is_deleted(pool: Pool, user_id: UserId) -> None:
    keys = PostgresApiKeyRepository(pool)
    forgotten: list[object] = []
    new = await CreateApiKey(keys=keys, clock=SystemClock()).execute(
        user_id, "  Signals ", [Scope.SIGNALS, Scope.AGENTS, Scope.SIGNALS]
    )
    stored = await PostgresApiKeyStore(pool).find(key_hash(new.key))

    assert has_key_format(new.key)
    assert len(new.key) == 36
    assert new.key not in repr(new)
    assert stored is not None
    assert (stored.id, stored.user_id, stored.scopes) == (
        new.record.id,
        user_id,
        frozenset({"signals", "agents"}),
    )
    assert (new.record.name, new.record.prefix) == ("Signals", new.key[:8])
    assert await ListApiKeys(keys=keys).execute(user_id) == [new.record]
    dump = str([dict(row) for row in await pool.fetch("SELECT * FROM api_keys")])
    assert new.key not in dump
    assert new.key[8:] not in dump

    await DeleteApiKey(keys=keys, forget=forgotten.append).execute(new.record.id, user_id)
    assert await PostgresApiKeyStore(pool).find(key_hash(new.key)) is None
    assert forgotten == [new.record.id]


async def test_nobody_sees_or_deletes_the_keys_of_others(pool: Pool, user_id: UserId) -> None:
    keys = PostgresApiKeyRepository(pool)
    other = await add_user(pool)
    forgotten: list[object] = []
    new = await CreateApiKey(keys=keys, clock=SystemClock()).execute(user_id, "Mine", [Scope.FULL_ACCESS])

    assert await ListApiKeys(keys=keys).execute(other) == []
    with pytest.raises(ApiKeyNotFoundError):
        await ListApiKeys(keys=keys).one(new.record.id, other)
    with pytest.raises(ApiKeyNotFoundError):
        await DeleteApiKey(keys=keys, forget=forgotten.append).execute(new.record.id, other)
    assert forgotten == []
    assert await ListApiKeys(keys=keys).one(new.record.id, user_id) == new.record


async def test_a_user_who_is_gone_gets_no_key(pool: Pool) -> None:
    create = CreateApiKey(keys=PostgresApiKeyRepository(pool), clock=SystemClock())
    with pytest.raises(UserNotFoundError):
        await create.execute(UserId(new_id()), "Mine", [Scope.AGENTS])
