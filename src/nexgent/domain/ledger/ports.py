"""What the ledger needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import WalletState
from nexgent.shared.errors import ConflictError
from nexgent.shared.types import WalletAddress


class JournalConflictError(ConflictError):
    """At least one of the entries' places in their streams was taken. Nothing of the batch was written."""

    code = "JOURNAL_CONFLICT"


class Journal(Protocol):
    """The append-only store of entries; the authority over everything else."""

    async def append(self, entries: Sequence[Entry]) -> int:
        """Write all entries in one durable transaction; return the journal's position after them.

        Positions grow in commit order over all processes. Raises `JournalConflictError` when a (wallet, seq) is taken,
        `NotTheEngineError` when this process may not write trades (both: nothing was written),
        `UnavailableError` when the store cannot be reached or it is unknown whether the transaction was committed.
        """

    async def load(self, wallets: Collection[WalletAddress] | None = None) -> Sequence[WalletState]:
        """Return the present durable states: tables plus entries not projected yet.

        `wallets` None means all. A wallet that exists but has no entries has an empty state; one that does not exist
        is left out.
        """

    async def find(self, entries: Collection[Entry]) -> frozenset[Entry]:
        """Return those of the entries that are in the store (same id), to learn what became of an ambiguous append."""


class Projections(Protocol):
    """How far the read tables are."""

    async def caught_up(self) -> None:
        """Return when the tables contain what this process has written; give up quietly after a moment."""
