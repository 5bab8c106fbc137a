"""What happened to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nexgent.domain.ledger.models import Entry
from nexgent.domain.ledger.state import WalletState
from nexgent.shared.structs import as_struct
from nexgent.shared.types import WalletAddress


@as_struct
@dataclass(frozen=True, slots=True)
class EntriesRecorded:
    """Entries are durable. `states` holds the newest durable state of each wallet they touched."""

    entries: Sequence[Entry]
    states: Sequence[WalletState]
    journal_position: int
    """The journal's position after these entries; projections that have reached it contain them."""
    before: Sequence[WalletState] = ()
    """The state each entry met, in the order of `entries`."""


@dataclass(frozen=True, slots=True)
class WalletsRead:
    """Wallets were read again: what is known of them may have been old."""

    states: Sequence[WalletState]


@dataclass(frozen=True, slots=True)
class WalletsTouched:
    """Another process wrote to these wallets: what is known of them here is old."""

    wallets: Sequence[WalletAddress]
