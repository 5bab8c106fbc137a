"""Sealed keys, failed attempts and the audit log in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import orjson

from nexgent.domain.agents.errors import AgentNotFoundError
from nexgent.domain.agents.models import Wallet
from nexgent.domain.wallets.encrypted.attempts import locked_until, recent
from nexgent.domain.wallets.encrypted.errors import WalletExistsError, WalletLockedOutError
from nexgent.domain.wallets.encrypted.models import EncryptedWallet, SealedKey, WalletAction
from nexgent.domain.wallets.errors import UnknownWalletAddressError
from nexgent.infrastructure.database.connection import translated_errors
from nexgent.infrastructure.database.stores.sql import agents as of_agents
from nexgent.infrastructure.database.stores.sql import wallet_secrets as sql
from nexgent.shared.types import UserId, WalletAddress


class PostgresWalletSecrets:
    """Implements `WalletSecrets`."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def add(self, stored: EncryptedWallet, wallet: Wallet, action: WalletAction) -> None:
        """Store a key, its wallet and a line of the audit log. Raises `WalletExistsError`, `AgentNotFoundError`."""
        sealed = stored.sealed
        with translated_errors("store a wallet"):
            async with self._pool.acquire() as connection:
                try:
                    async with connection.transaction():
                        await connection.execute(
                            of_agents.ADD_WALLET,
                            wallet.address,
                            wallet.agent_id,
                            wallet.mode.value,
                            wallet.created_at,
                            wallet.updated_at,
                        )
                        await connection.execute(
                            sql.ADD,
                            sealed.address,
                            stored.user_id,
                            sealed.version,
                            sealed.kdf,
                            orjson.dumps(dict(sealed.kdf_parameters)).decode(),
                            sealed.salt,
                            sealed.nonce,
                            sealed.ciphertext,
                            stored.created_at,
                            stored.updated_at,
                        )
                        await connection.execute(
                            sql.AUDIT, stored.created_at, stored.user_id, sealed.address, action.value
                        )
                except asyncpg.UniqueViolationError:
                    raise WalletExistsError(
                        "The agent already has a live wallet, or the address is known"
                    ) from None
                except asyncpg.ForeignKeyViolationError as error:
                    raise AgentNotFoundError(wallet.agent_id) from error

    async def find(self, address: WalletAddress) -> EncryptedWallet | None:
        """Return a stored key, whoever owns it."""
        with translated_errors("read a wallet"):
            row = await self._pool.fetchrow(sql.FIND, address)
        return _stored(row) if row is not None else None

    async def of_user(self, user_id: UserId) -> Sequence[EncryptedWallet]:
        """Return the stored keys of a user."""
        with translated_errors("read wallets"):
            rows = await self._pool.fetch(sql.OF_USER, user_id)
        return [_stored(row) for row in rows]

    async def owners(self) -> Mapping[WalletAddress, UserId]:
        """Return whose key is stored under which address."""
        with translated_errors("read wallets"):
            rows = await self._pool.fetch(sql.OWNERS)
        return {WalletAddress(row["wallet_address"]): UserId(row["user_id"]) for row in rows}

    async def begin_attempt(self, address: WalletAddress, now: datetime) -> int:
        """Count an attempt; return how many count. The row's lock puts attempts of the same moment in order."""
        with translated_errors("count an attempt"):
            async with self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(sql.FAILURES, address)
                if row is None:
                    raise UnknownWalletAddressError
                until = locked_until(row["failed_at"], now)
                if until is not None:
                    raise WalletLockedOutError(until)
                counted = [*recent(row["failed_at"], now), now]
                await connection.execute(sql.SET_FAILURES, address, counted)
        return len(counted)

    async def record_success(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        """Forget failed attempts and note what the passphrase was given for. Raises `UnknownWalletAddressError`."""
        with translated_errors("note an attempt"):
            async with self._pool.acquire() as connection, connection.transaction():
                unlocked = action is WalletAction.UNLOCKED
                if await connection.execute(sql.SUCCEEDED, address, unlocked, now) == "UPDATE 0":
                    raise UnknownWalletAddressError
                await connection.execute(sql.AUDIT, now, user_id, address, action.value)

    async def audit(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        """Add a line to the audit log."""
        with translated_errors("write the audit log"):
            await self._pool.execute(sql.AUDIT, now, user_id, address, action.value)

    async def remove(self, address: WalletAddress, user_id: UserId, now: datetime) -> None:
        """Delete a stored key for good."""
        with translated_errors("delete a wallet"):
            async with self._pool.acquire() as connection, connection.transaction():
                if await connection.execute(sql.REMOVE, address, user_id) != "DELETE 0":
                    await connection.execute(sql.AUDIT, now, user_id, address, WalletAction.DELETED.value)


def _stored(row: asyncpg.Record) -> EncryptedWallet:
    parameters = orjson.loads(row["kdf_parameters"])
    return EncryptedWallet(
        sealed=SealedKey(
            address=WalletAddress(row["wallet_address"]),
            version=row["format_version"],
            kdf=row["kdf"],
            kdf_parameters=parameters if isinstance(parameters, dict) else {},
            salt=row["salt"],
            nonce=row["nonce"],
            ciphertext=row["ciphertext"],
        ),
        user_id=UserId(row["user_id"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
