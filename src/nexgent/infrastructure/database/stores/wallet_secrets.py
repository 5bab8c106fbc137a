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
from nexgent.shared.types import UserId, WalletAddress

_ADD_WALLET = """
INSERT INTO agent_wallets (wallet_address, agent_id, wallet_type, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
"""
_ADD = """
INSERT INTO wallet_secrets (wallet_address, user_id, format_version, kdf, kdf_parameters, salt, nonce, ciphertext,
                            created_at, updated_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10)
"""
_COLUMNS = """
wallet_address, user_id, format_version, kdf, kdf_parameters, salt, nonce, ciphertext, created_at, updated_at
"""
_FIND = f"SELECT {_COLUMNS} FROM wallet_secrets WHERE wallet_address = $1"  # noqa: S608 -- fixed text  # nosec B608
_OF_USER = f"SELECT {_COLUMNS} FROM wallet_secrets WHERE user_id = $1"  # noqa: S608 -- fixed text  # nosec B608
_OWNERS = "SELECT wallet_address, user_id FROM wallet_secrets"
_FAILURES = "SELECT failed_at FROM wallet_secrets WHERE wallet_address = $1 FOR UPDATE"
_SET_FAILURES = "UPDATE wallet_secrets SET failed_at = $2 WHERE wallet_address = $1"
_SUCCEEDED = """
UPDATE wallet_secrets
SET failed_at = '{}', last_unlocked_at = CASE WHEN $2 THEN $3 ELSE last_unlocked_at END
WHERE wallet_address = $1
"""
_REMOVE = "DELETE FROM wallet_secrets WHERE wallet_address = $1 AND user_id = $2"
_AUDIT = "INSERT INTO wallet_audit (at, user_id, wallet_address, action) VALUES ($1, $2, $3, $4)"


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
                            _ADD_WALLET,
                            wallet.address,
                            wallet.agent_id,
                            wallet.mode.value,
                            wallet.created_at,
                            wallet.updated_at,
                        )
                        await connection.execute(
                            _ADD,
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
                            _AUDIT, stored.created_at, stored.user_id, sealed.address, action.value
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
            row = await self._pool.fetchrow(_FIND, address)
        return _stored(row) if row is not None else None

    async def of_user(self, user_id: UserId) -> Sequence[EncryptedWallet]:
        """Return the stored keys of a user."""
        with translated_errors("read wallets"):
            rows = await self._pool.fetch(_OF_USER, user_id)
        return [_stored(row) for row in rows]

    async def owners(self) -> Mapping[WalletAddress, UserId]:
        """Return whose key is stored under which address."""
        with translated_errors("read wallets"):
            rows = await self._pool.fetch(_OWNERS)
        return {WalletAddress(row["wallet_address"]): UserId(row["user_id"]) for row in rows}

    async def begin_attempt(self, address: WalletAddress, now: datetime) -> int:
        """Count an attempt; return how many count. The row's lock puts attempts of the same moment in order."""
        with translated_errors("count an attempt"):
            async with self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(_FAILURES, address)
                if row is None:
                    raise UnknownWalletAddressError
                until = locked_until(row["failed_at"], now)
                if until is not None:
                    raise WalletLockedOutError(until)
                counted = [*recent(row["failed_at"], now), now]
                await connection.execute(_SET_FAILURES, address, counted)
        return len(counted)

    async def record_success(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        """Forget failed attempts and note what the passphrase was given for. Raises `UnknownWalletAddressError`."""
        with translated_errors("note an attempt"):
            async with self._pool.acquire() as connection, connection.transaction():
                unlocked = action is WalletAction.UNLOCKED
                if await connection.execute(_SUCCEEDED, address, unlocked, now) == "UPDATE 0":
                    raise UnknownWalletAddressError
                await connection.execute(_AUDIT, now, user_id, address, action.value)

    async def audit(
        self, address: WalletAddress, user_id: UserId, action: WalletAction, now: datetime
    ) -> None:
        """Add a line to the audit log."""
        with translated_errors("write the audit log"):
            await self._pool.execute(_AUDIT, now, user_id, address, action.value)

    async def remove(self, address: WalletAddress, user_id: UserId, now: datetime) -> None:
        """Delete a stored key for good."""
        with translated_errors("delete a wallet"):
            async with self._pool.acquire() as connection, connection.transaction():
                if await connection.execute(_REMOVE, address, user_id) != "DELETE 0":
                    await connection.execute(_AUDIT, now, user_id, address, WalletAction.DELETED.value)


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
