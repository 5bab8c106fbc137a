"""Write the tables of wallets anew from the journal, which is the authority."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import asyncpg

from nexgent.infrastructure.database.journal.codec import CorruptEntryError
from nexgent.infrastructure.database.projection.projector import Projector
from nexgent.shared.types import WalletAddress


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one wallet: how many entries its rows were written from, or the problem that left them as they were."""

    wallet_address: WalletAddress
    entries: int
    problem: str | None = None


async def repair(database_url: str, wallets: Collection[WalletAddress]) -> list[Repaired]:
    """Rebuild each wallet's rows in a transaction of its own, beside services that trade (`Projector.rebuild`).

    One that cannot be rebuilt does not keep the others from it. Raises `UnavailableError` when PostgreSQL is away.
    """
    done: list[Repaired] = []
    projector = Projector(database_url)
    try:
        for wallet in wallets:
            try:
                done.append(Repaired(wallet, await projector.rebuild(wallet)))
            except CorruptEntryError as error:
                done.append(Repaired(wallet, 0, error.message))
            except (
                asyncpg.IntegrityConstraintViolationError,
                asyncpg.DataError,
                asyncpg.SyntaxOrAccessError,
            ) as error:
                done.append(Repaired(wallet, 0, f"{type(error).__name__}: {error}"))
    finally:
        await projector.close()
    return done
