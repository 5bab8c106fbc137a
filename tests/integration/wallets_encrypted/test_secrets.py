"""Stored keys: one suite for the real store and the fake, and what only the database can show."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import TradingMode, Wallet
from nexgent.domain.wallets.encrypted.attempts import LOCKOUT
from nexgent.domain.wallets.encrypted.errors import (
    InvalidPassphraseError,
    WalletExistsError,
    WalletLockedOutError,
)
from nexgent.domain.wallets.encrypted.models import EncryptedWallet, Passphrase, WalletAction
from nexgent.domain.wallets.encrypted.ports import WalletSecrets
from nexgent.domain.wallets.errors import UnknownWalletAddressError
from nexgent.infrastructure.database.stores.wallet_secrets import PostgresWalletSecrets
from nexgent.infrastructure.wallets.crypto import WalletKeyCrypto, seal
from nexgent.shared.ids import new_id
from nexgent.shared.types import AgentId, UserId
from tests.builders import USER
from tests.conftest import migrate
from tests.fakes.encrypted_wallets import CHEAP, GOOD, WRONG, FakeSecrets, World
from tests.integration.wallets_encrypted.conftest import Pool

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Store:
    secrets: WalletSecrets
    pool: Pool

    async def agent(self) -> AgentId:
        agent_id = AgentId(new_id())
        await self.pool.execute(
            "INSERT INTO agents (id, user_id, name, updated_at) VALUES ($1, $2, 'A', now())", agent_id, USER
        )
        return agent_id

    async def add(self) -> EncryptedWallet:
        stored = a_stored_key()
        await self.secrets.add(stored, a_wallet(stored, await self.agent()), WalletAction.CREATED)
        return stored


def a_stored_key() -> EncryptedWallet:
    sealed = seal(WalletKeyCrypto(cost=CHEAP).generate(), Passphrase(GOOD), CHEAP)
    return EncryptedWallet(sealed=sealed, user_id=USER, created_at=NOW, updated_at=NOW)


def a_wallet(stored: EncryptedWallet, agent_id: AgentId) -> Wallet:
    return Wallet(stored.address, agent_id, TradingMode.LIVE, NOW, NOW)


@pytest.fixture(params=["database", "fake"])
def store(request: pytest.FixtureRequest, pool: Pool) -> Store:
    return Store(FakeSecrets() if request.param == "fake" else PostgresWalletSecrets(pool), pool)


@pytest.fixture
def real(pool: Pool) -> Store:
    return Store(PostgresWalletSecrets(pool), pool)


# --- The suite ---


async def test_a_stored_key_comes_back_as_it_was(store: Store) -> None:
    stored = await store.add()

    assert await store.secrets.find(stored.address) == stored
    assert list(await store.secrets.of_user(USER)) == [stored]
    assert await store.secrets.owners() == {stored.address: USER}
    stranger = UserId(new_id())
    assert list(await store.secrets.of_user(stranger)) == []
    await store.secrets.remove(stored.address, stranger, NOW)
    assert await store.secrets.find(stored.address) == stored


async def test_an_address_is_stored_once(store: Store) -> None:
    stored = await store.add()

    with pytest.raises(WalletExistsError):
        await store.secrets.add(stored, a_wallet(stored, await store.agent()), WalletAction.IMPORTED)


async def test_failures_add_up_until_nobody_may_try(store: Store) -> None:
    address = (await store.add()).address

    counts = [await store.secrets.begin_attempt(address, NOW + timedelta(minutes=n)) for n in range(5)]
    with pytest.raises(WalletLockedOutError) as caught:
        await store.secrets.begin_attempt(address, NOW + timedelta(minutes=5))

    assert counts == [1, 2, 3, 4, 5]
    assert caught.value.details == {"lockedUntil": "2026-01-01T12:19:00.000Z"}
    assert await store.secrets.begin_attempt(address, NOW + timedelta(minutes=4) + LOCKOUT) == 1


async def test_a_success_forgets_failures(store: Store) -> None:
    address = (await store.add()).address
    for _ in range(4):
        await store.secrets.begin_attempt(address, NOW)

    await store.secrets.record_success(address, USER, WalletAction.UNLOCKED, NOW)

    assert await store.secrets.begin_attempt(address, NOW) == 1


async def test_removed_is_gone(store: Store) -> None:
    address = (await store.add()).address

    await store.secrets.remove(address, USER, NOW)

    assert await store.secrets.find(address) is None
    with pytest.raises(UnknownWalletAddressError):
        await store.secrets.begin_attempt(address, NOW)
    with pytest.raises(UnknownWalletAddressError):
        await store.secrets.record_success(address, USER, WalletAction.UNLOCKED, NOW)


# --- The database ---


async def test_a_wallet_and_its_key_are_stored_together_or_not_at_all(real: Store) -> None:
    first = await real.add()
    agent_id = await real.pool.fetchval(
        "SELECT agent_id FROM agent_wallets WHERE wallet_address = $1", first.address
    )
    second = a_stored_key()

    with pytest.raises(WalletExistsError):
        await real.secrets.add(second, a_wallet(second, agent_id), WalletAction.CREATED)
    with pytest.raises(AgentNotFoundError):
        await real.secrets.add(second, a_wallet(second, AgentId(new_id())), WalletAction.CREATED)

    assert await real.secrets.find(second.address) is None
    assert await real.pool.fetchval("SELECT count(*) FROM agent_wallets") == 1
    assert await real.pool.fetchval("SELECT count(*) FROM wallet_audit") == 1


async def test_attempts_of_two_processes_at_the_same_moment_all_count(real: Store) -> None:
    address = (await real.add()).address
    other = PostgresWalletSecrets(real.pool)

    results = await asyncio.gather(
        *(secrets.begin_attempt(address, NOW) for secrets in (real.secrets, other) for _ in range(6)),
        return_exceptions=True,
    )

    assert sorted(result for result in results if isinstance(result, int)) == [1, 2, 3, 4, 5]
    assert sum(isinstance(result, WalletLockedOutError) for result in results) == 7


async def test_a_lockout_outlives_the_process(real: Store) -> None:
    stored = await real.add()
    before, after = World(secrets=real.secrets), World(secrets=PostgresWalletSecrets(real.pool))
    before.clock._now = after.clock._now = NOW
    for _ in range(5):
        with pytest.raises(InvalidPassphraseError):
            await before.all.unlock.execute(stored.address, USER, Passphrase(WRONG))

    with pytest.raises(WalletLockedOutError):
        await after.all.unlock.execute(stored.address, USER, Passphrase(GOOD))

    after.clock.advance(15 * 60)
    assert (await after.all.unlock.execute(stored.address, USER, Passphrase(GOOD))).is_unlocked


async def test_a_ciphertext_moved_to_another_address_does_not_open(real: Store) -> None:
    mine, theirs = await real.add(), await real.add()
    await real.pool.execute(
        "UPDATE wallet_secrets w SET (salt, nonce, ciphertext) = (SELECT salt, nonce, ciphertext FROM wallet_secrets"
        " WHERE wallet_address = $2) WHERE wallet_address = $1",
        mine.address,
        theirs.address,
    )
    world = World(secrets=real.secrets)

    with pytest.raises(InvalidPassphraseError):
        await world.all.unlock.execute(mine.address, USER, Passphrase(GOOD))
    assert (await world.all.unlock.execute(theirs.address, USER, Passphrase(GOOD))).is_unlocked


async def test_keys_outlive_their_agent_and_hold_their_user(real: Store) -> None:
    stored = await real.add()

    await real.pool.execute("DELETE FROM agents")

    assert await real.pool.fetchval("SELECT count(*) FROM agent_wallets") == 0
    assert await real.secrets.find(stored.address) == stored
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await real.pool.execute("DELETE FROM users")


async def test_the_audit_log_tells_the_story_even_after_the_end(real: Store) -> None:
    stored = await real.add()
    world = World(secrets=real.secrets)
    address, passphrase = stored.address, Passphrase(GOOD)
    await world.all.unlock.execute(address, USER, passphrase)
    await world.all.export.execute(address, USER, passphrase)
    with pytest.raises(InvalidPassphraseError):
        await world.all.export.execute(address, USER, Passphrase(WRONG))

    await world.all.delete.execute(address, USER, passphrase)

    rows = await real.pool.fetch("SELECT action, user_id, wallet_address FROM wallet_audit ORDER BY id")
    assert [row["action"] for row in rows] == [
        "created",
        "unlocked",
        "exported",
        "passphrase_refused",
        "delete_requested",
        "deleted",
    ]
    assert {(row["user_id"], row["wallet_address"]) for row in rows} == {(USER, address)}


@pytest.mark.parametrize("change", ["nonce = 'short'", "salt = 'short'"])
async def test_the_schema_refuses_what_cannot_be_opened(real: Store, change: str) -> None:
    await real.add()

    with pytest.raises(asyncpg.CheckViolationError):
        await real.pool.execute(f"UPDATE wallet_secrets SET {change}")


async def test_the_migration_is_not_undone_while_there_are_keys(real: Store, database_url: str) -> None:
    stored = await real.add()

    with pytest.raises(RuntimeError, match="holds keys"):
        await asyncio.to_thread(migrate, database_url, "downgrade", "0002")

    assert await real.secrets.find(stored.address) == stored
    await real.secrets.remove(stored.address, USER, NOW)
    await asyncio.to_thread(migrate, database_url, "downgrade", "0002")
    assert await real.pool.fetchval("SELECT to_regclass('wallet_secrets')") is None
    assert replace(stored, updated_at=NOW) == stored
